"""Where scripts for version 0.1 look for :mod:`polcouple.coupling.electrodes`."""

from polcouple.coupling.electrodes import create_electrodes

__all__ = ["create_electrodes"]
