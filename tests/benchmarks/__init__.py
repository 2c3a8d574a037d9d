"""Speed and memory of what an audit spends its time on: ``make bench``."""
