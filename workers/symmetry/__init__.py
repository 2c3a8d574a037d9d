"""Groups, their actions, and what is left of a representation once they are divided out (papers.md 3)."""
