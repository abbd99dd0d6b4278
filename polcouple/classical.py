"""Where scripts for version 0.1 look for :mod:`polcouple.engines.openmm`."""

from polcouple.engines.openmm import ClassicalEngine

__all__ = ["ClassicalEngine"]
