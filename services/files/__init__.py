"""What classifiers, datasets and autoencoders share: uploaded, read in a sandbox, then ready or rejected."""
