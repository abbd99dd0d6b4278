"""Densities of electrons from atoms and their charges: a linear, equivariant model."""
