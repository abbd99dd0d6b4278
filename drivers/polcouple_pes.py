"""i-PI finds the potential through this file: pes_path of <ffdirect>, or ``i-pi-driver-py -m custom -P``."""

from polcouple.pes import PolcouplePES

__DRIVER_NAME__ = "polcouple"
__DRIVER_CLASS__ = "PolcouplePES"
__all__ = ["PolcouplePES"]
