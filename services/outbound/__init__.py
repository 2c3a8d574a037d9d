"""Requests to addresses that users chose: checked, pinned to the address that was checked, and bounded in time."""
