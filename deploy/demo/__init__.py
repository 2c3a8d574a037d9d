"""The demonstration: real MNIST digits in random hues, two small classifiers, and the script that trained them."""
