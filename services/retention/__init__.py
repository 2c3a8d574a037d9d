"""What is no longer needed goes; what a committed manifest reaches never does."""
