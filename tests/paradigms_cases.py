"""Small sheets under a random liquid of ions, with charges that are known exactly."""

from __future__ import annotations

import numpy as np
from nn_cases import sheet

from polcouple.electrode import Electrode, Electrolyte
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.paradigms.frames import Frame, Rows
from polcouple.units import ANGSTROM_TO_BOHR

SYMBOLS, CHARGES = ("Na", "Cl") * 8, np.tile([1.0, -1.0], 8)


def liquid_frame(electrode: Electrode, rng: np.random.Generator, total_charge: float = -0.5) -> Frame:
    """Sixteen ions 2 to 12 Angstrom above the electrode."""
    spots = rng.random((len(SYMBOLS), 3))
    positions = spots[:, :1] * electrode.cell[0] + spots[:, 1:2] * electrode.cell[1]
    positions[:, 2] = (2.0 + 10.0 * spots[:, 2]) * ANGSTROM_TO_BOHR
    electrolyte = Electrolyte(SYMBOLS, CHARGES, np.arange(len(SYMBOLS)))
    potential = SitePotential(electrode.positions, electrode.cell, accuracy=1e-9, threads=1)
    return Frame(electrode, electrolyte, positions, potential(positions, CHARGES), total_charge)


def labelled(model, count: int, seed: int, nx: int = 3, ny: int = 2) -> Rows:
    """Frames with the charges and Fermi levels (0 where there are none) of ``model``."""
    rng = np.random.default_rng(seed)
    frames = [liquid_frame(sheet(nx, ny), rng) for _ in range(count)]
    levels = [model.fermi_level(frame) or 0.0 for frame in frames]
    return Rows(frames, np.array([model.charges(frame) for frame in frames]), np.array(levels))


class Screened:
    """Charges that answer to ions within 5 Angstrom alone, and to every ion's in its own way."""

    reach = 5.0 * ANGSTROM_TO_BOHR

    def charges(self, frame: Frame) -> np.ndarray:
        """(n,) in e, summing to the frame's total charge."""
        away = frame.positions[None] - frame.electrode.positions[:, None]
        flat = away[..., :2] @ np.linalg.inv(frame.electrode.cell[:2, :2])
        away[..., :2] = (flat - np.rint(flat)) @ frame.electrode.cell[:2, :2]
        r = np.linalg.norm(away, axis=2)
        shape = np.where(r < self.reach, (1.0 - (r / self.reach) ** 2) ** 3 * away[..., 2] / r, 0.0)
        charges = -0.05 * shape @ frame.electrolyte.charges
        return charges + (frame.total_charge - charges.sum()) / len(charges)

    def fermi_level(self, frame: Frame) -> None:
        """None."""
