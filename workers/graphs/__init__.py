"""Graphs as one array, networks that do not care for the order of nodes, and what can be measured of a graph."""
