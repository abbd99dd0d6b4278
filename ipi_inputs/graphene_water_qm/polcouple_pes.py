"""Where i-PI finds the potential: as <ffdirect>'s pes_path, or by ``i-pi-driver-py -m custom -P``."""

from polcouple.pes import PolcouplePES

__DRIVER_NAME__ = "polcouple"
__DRIVER_CLASS__ = "PolcouplePES"
__all__ = ["PolcouplePES"]
