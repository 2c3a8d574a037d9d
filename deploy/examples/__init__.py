"""Examples on real data, each a command that prints a table and draws a figure."""
