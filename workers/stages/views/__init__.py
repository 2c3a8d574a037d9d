"""Galleries: what a report shows beside its verdicts, one stage each. They decide nothing."""
