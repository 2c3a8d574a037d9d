"""The HTTP API. It never loads torch, Ray or the workers."""
