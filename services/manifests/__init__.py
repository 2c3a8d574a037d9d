"""Signed statements of what an audit rests on and came to."""
