"""Policies on the command line: reading the document, and writing its outcome for other tools."""
