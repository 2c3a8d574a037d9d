"""Policies of a project: named documents whose versions never change."""
