"""Potentials of point charges and of Gaussians, periodic or not."""
