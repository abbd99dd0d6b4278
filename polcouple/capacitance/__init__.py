"""Capacitance of two electrodes at a voltage: from a sweep, from fluctuations, and of an electrode alone."""
