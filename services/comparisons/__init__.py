"""Comparisons of two audits: their rows and their rules."""
