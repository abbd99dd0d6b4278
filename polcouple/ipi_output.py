"""Where scripts for version 0.1 look for :mod:`polcouple.ipi.output`."""

from polcouple.ipi.output import iterate_extras

__all__ = ["iterate_extras"]
