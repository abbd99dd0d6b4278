"""Charge backends: one file each, found by name. See :mod:`polcouple.backends.base` for the protocol."""
