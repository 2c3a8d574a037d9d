"""What a comparison of two audits measures and shows: each side opened, paired image by image."""
