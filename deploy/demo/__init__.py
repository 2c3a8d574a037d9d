"""The demonstration: real MNIST digits in random hues, and two small classifiers that ship with their training script."""
