"""Where scripts for version 0.1 look for :mod:`polcouple.coupling.forces`."""

from polcouple.coupling.charges import Surroundings
from polcouple.coupling.forces import Evaluation, ForceProvider

__all__ = ["Evaluation", "ForceProvider", "Surroundings"]
