"""The recorded DFTB+ cases, and small electrodes that several tests use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from polcouple.backends.base import Environment
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.electrode import Electrode, Electrolyte
from polcouple.electrostatics.coulomb import coulomb_potential
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.units import KELVIN_TO_HARTREE

DATA = Path(__file__).parent / "data" / "dftbplus"

#: for backends that look at site potentials alone
NOTHING = Electrolyte((), np.zeros(0), np.zeros(0, dtype=int))

#: DFTB+'s conversion constants (CODATA of 1986 and 2002)
DFTBPLUS_BOHR_IN_ANGSTROM = 0.529177249
DFTBPLUS_HARTREE_IN_EV = 27.2113845


@dataclass(frozen=True)
class Case:
    """A recorded calculation in atomic units."""

    electrode: Electrode
    site_potentials: np.ndarray
    total_charge: float
    temperature: float
    k_points: tuple[int, int, int]
    shell_resolved: bool
    charges: np.ndarray
    fermi_level: float
    mermin_energy: float
    source_positions: np.ndarray
    source_charges: np.ndarray

    def frozen(self, cache_directory: Path | None = None) -> FrozenElectrode:
        """The solver for this case."""
        return FrozenElectrode(
            self.electrode,
            load_parameters(DEFAULT_SLAKO, self.electrode.symbols),
            self.temperature,
            self.k_points,
            self.shell_resolved,
            cache_directory,
        )


@cache
def load_case(name: str) -> Case:
    """Read ``tests/data/dftbplus/NAME.npz``, with lengths as DFTB+ converted them."""
    with np.load(DATA / f"{name}.npz") as data:
        positions, cell, sources = (
            data[key] / DFTBPLUS_BOHR_IN_ANGSTROM for key in ("positions", "cell", "mm_positions")
        )
        pbc = tuple(bool(periodic) for periodic in data["pbc"])
        electrode = Electrode(tuple(str(symbol) for symbol in data["symbols"]), positions, cell, pbc)
        charges = data["mm_charges"]
        if all(pbc):
            potentials = ewald_potential(positions, sources, charges, cell)
        else:
            potentials = coulomb_potential(positions, sources, charges)
        return Case(
            electrode,
            potentials,
            float(data["total_charge"]),
            float(data["temperature"]) * KELVIN_TO_HARTREE,
            tuple(int(k) for k in data["kpts"]),
            name.startswith("shell_resolved"),
            data["mulliken_charges"],
            float(data["fermi_level_eV"][0]) / DFTBPLUS_HARTREE_IN_EV,
            float(data["total_mermin_free_energy_Ha"] - data["repulsive_energy_Ha"]),
            sources,
            charges,
        )


@cache
def shared_solver(name: str) -> FrozenElectrode:
    """One solver for all tests of a large case: its preparation takes seconds."""
    return load_case(name).frozen()


def graphene(nx: int, ny: int, height: float = 60.0) -> Electrode:
    """Planar sheet of nx x ny orthorhombic cells of four atoms in a box of ``height`` bohr."""
    a, b = 4.6487, 8.0518
    basis = np.array([[0.0, 0.0], [0.5, 1.0 / 6.0], [0.5, 0.5], [0.0, 2.0 / 3.0]]) * (a, b)
    cells = np.array([(a * i, b * j) for i in range(nx) for j in range(ny)])
    flat = (cells[:, None] + basis).reshape(-1, 2)
    positions = np.column_stack([flat, np.zeros(len(flat))])
    return Electrode(("C",) * len(flat), positions, np.diag([a * nx, b * ny, height]))


def environment(site_potentials: np.ndarray) -> Environment:
    """Nothing but (n,) site potentials in Hartree/e."""
    return Environment(NOTHING, np.zeros((0, 3)), site_potentials)


def rough_potentials(n: int, seed: int = 0, amplitude: float = 0.02) -> np.ndarray:
    """Site potentials of the size that a liquid makes, Hartree/e."""
    return 0.3 + np.random.default_rng(seed).normal(scale=amplitude, size=n)
