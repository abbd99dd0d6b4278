"""Capacitance of two electrodes at a voltage: from a sweep, from fluctuations, and of an electrode alone."""

from polcouple.capacitance.command import add_arguments, run

__all__ = ["add_arguments", "run"]
