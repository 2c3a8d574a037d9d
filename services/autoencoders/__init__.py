"""Autoencoders of users: an encoder and a decoder, and what intake says of them."""
