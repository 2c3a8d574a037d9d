"""The three examples of "Interpreting Equivariant Representations" (Hansen et al., ICML 2024) on real data."""
