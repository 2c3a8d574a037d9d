"""Classifiers: uploaded files and what intake says of them."""
