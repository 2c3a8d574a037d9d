"""Projects: their rows, limits and trail."""
