"""Molecular dynamics of liquids at polarizable electrodes.

i-PI propagates the classical system; polcouple answers over i-PI's socket with energies and forces,
taking the electrode's atomic charges from one of several backends.
"""

__version__ = "0.1.0"
