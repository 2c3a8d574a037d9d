"""Invertible networks: exact densities and exact inverses of codes given what a tap knows."""
