"""The calculation whose raw files DFTB+ left: a sheet of 96 carbons among point charges."""

from pathlib import Path

import numpy as np

from polcouple.electrode import Electrode, Electrolyte
from polcouple.units import ANGSTROM_TO_BOHR

RAW = Path(__file__).parent / "data" / "dftbplus_raw"
RECORDED = RAW / "sheet96_1"


def recorded_sheet() -> tuple[Electrode, Electrolyte, np.ndarray]:
    """Sheet, point charges and the (m, 3) positions of these in bohr."""
    lines = (RECORDED / "geo_end.gen").read_text().splitlines()
    positions = np.array([line.split()[2:] for line in lines[2:98]], dtype=float) * ANGSTROM_TO_BOHR
    cell = np.array([line.split() for line in lines[99:]], dtype=float) * ANGSTROM_TO_BOHR
    table = np.loadtxt(RECORDED / "dftb_external_charges.dat")
    electrode = Electrode(("C",) * 96, positions, cell)
    electrolyte = Electrolyte(("X",) * len(table), table[:, 3], np.arange(0))
    return electrode, electrolyte, table[:, :3] * ANGSTROM_TO_BOHR
