"""Settings of the whole test run."""
