"""The steps of an audit: each a pure function from blobs, a config and a seed to blobs."""
