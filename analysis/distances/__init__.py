"""Distances of a batch to N(0, I) and to another batch, along directions and decomposed."""
