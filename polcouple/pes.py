"""The name by which the polcouple_pes.py of a case finds the potential."""

from polcouple.propagation.pes import PolcouplePES

__all__ = ["PolcouplePES"]
