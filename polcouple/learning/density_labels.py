"""Densities that a density model is fitted to: DFTB's, in its set's orbitals, at points about the atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from polcouple.backends.base import resolved_options
from polcouple.backends.dftb_options import Options
from polcouple.coupling.moving_recorder import case_of
from polcouple.data.dataset import Dataset, label_name
from polcouple.data.moving import MovingDataset, is_moving
from polcouple.data.moving_rows import CONVERGED
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel, TotalCharge
from polcouple.dftb.orbital_density import density_matrices, orbital_grid
from polcouple.dftb.orbital_grid import OrbitalGrid
from polcouple.dftb.skf import Parameters, load_parameters
from polcouple.dftb.solution import Solution
from polcouple.dftb.wave_functions import read_wave_functions
from polcouple.electrode import Electrode
from polcouple.errors import ConvergenceError, InputError
from polcouple.lattice.cell import heights, widest_gap
from polcouple.nn.density.basis import near_points
from polcouple.units import KELVIN_TO_HARTREE

#: whose densities they are
BACKEND = "dftb"
#: the points reach so far above and below the atoms (bohr), and those about a nucleus so far from it
_ABOVE, _ABOUT = 6.0, 2.5
#: shape that a grid of points needs not have
_NO_GRID = (4, 4, 4)


@dataclass(frozen=True, eq=False)
class DensityLabel:
    """One state of one frame; densities are differences from neutral, spherical atoms.

    Attributes:
        atoms: of the electrode.
        charges: (n,) in e by DFTB.
        bare: (n,) of the neutral state.
        points: (p, 3) in bohr.
        weights: (p,) in bohr^3: sum(weights f) is the integral of f.
        density: (p,) electrons per bohr^3.
        neutral: (p,) of the neutral electrode at the same positions, without a liquid.
    """

    atoms: Electrode
    charges: np.ndarray
    bare: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    density: np.ndarray
    neutral: np.ndarray


class DensitySource(Protocol):
    """Frames of a dataset and what was held.

    Attributes:
        symbols: of the electrode's atoms.
        electrons: valence electrons of the neutral electrode.
        hubbard: (n,) of the atoms in Hartree.
        moves: whether the atoms do.
        kelvin, k_points: of DFTB's electrons.
        held: names of what was held, such as dftb@-1.
    """

    symbols: tuple[str, ...]
    electrons: float
    hubbard: np.ndarray
    moves: bool
    kelvin: float
    k_points: tuple[int, int, int]
    held: tuple[str, ...]

    def frames(self, held: str) -> np.ndarray:
        """Numbers of the frames that are labelled at ``held``, in the order of time."""

    def label(self, frame: int, held: str, points: int, rng: np.random.Generator) -> DensityLabel:
        """The density of a frame (ConvergenceError: DFTB does not converge)."""


def density_source(path: Path, wave_functions: Path) -> DensitySource:
    """Frames of a dataset of either kind.

    Raises:
        InputError: no labels of dftb, or wave functions of another set.
    """
    return _Moving(path, wave_functions) if is_moving(path) else _InPlace(path, wave_functions)


class _InPlace:
    """An electrode in its place, under a liquid's potentials."""

    moves = False

    def __init__(self, path: Path, wave_functions: Path) -> None:
        dataset = Dataset(path)
        self._sets = {label_name(*key): key[1] for key in dataset.label_sets() if key[0] == BACKEND}
        self.held = _some(path, self._sets)
        options = resolved_options(BACKEND, dataset.with_own_settings(BACKEND, {}))
        assert isinstance(options, Options)
        self.kelvin, self.k_points = options.temperature_kelvin, options.k_points
        self._atoms = dataset.electrode
        self.symbols = self._atoms.symbols
        parameters = load_parameters(options.slako_directory, self.symbols)
        shells = read_wave_functions(wave_functions, self.symbols, parameters)
        self.electrons, self.hubbard = _of_atoms(self.symbols, parameters)
        self._grid = orbital_grid(self._atoms, parameters, shells, _NO_GRID)
        self._frozen = options.frozen_electrode(self._atoms)
        self._potentials = dataset.frames().site_potentials
        self._neutral: Solution | None = None

    def frames(self, held: str) -> np.ndarray:
        return np.arange(len(self._potentials))

    def label(self, frame: int, held: str, points: int, rng: np.random.Generator) -> DensityLabel:
        if self._neutral is None:
            self._neutral = self._solved(np.zeros(len(self._atoms)), 0.0, "the bare electrode")
        found = self._solved(self._potentials[frame], self._sets[held], f"frame {frame}, {held}")
        places, weights = quadrature(self._atoms, points, rng)
        atomic = self._grid.atomic_at(places)
        densities = [
            self._grid.at(places, density_matrices(self._frozen, one)) - atomic
            for one in (found, self._neutral)
        ]
        return DensityLabel(
            self._atoms, found.charges, self._neutral.charges, places, weights, densities[0], densities[1]
        )

    def _solved(self, potentials: np.ndarray, charge: float, where: str) -> Solution:
        found = self._frozen.solve(potentials, charge)
        if not found.converged:
            raise ConvergenceError(f"{where}: dftb did not converge; label without it")
        return found


class _Moving:
    """Atoms that move, all of them the electrode's, each frame at the level of its label."""

    moves = True

    def __init__(self, path: Path, wave_functions: Path) -> None:
        dataset = MovingDataset(path)
        sets, self._labels = dataset.sets(), dataset.labels()
        self._sets = {one.name: number for number, one in enumerate(sets) if one.backend == BACKEND}
        self.held = _some(path, self._sets)
        if len(dataset.electrode) != len(dataset.symbols):
            raise InputError(
                f"{path}: part of its atoms are a classical liquid's; densities are learned where all atoms"
                " are the electrode's, or the electrode is in its place"
            )
        self._ensembles: dict[str, Ensemble] = {
            one.name: TotalCharge(one.total_charge or 0.0)
            if one.fermi_level is None
            else FermiLevel(one.fermi_level)
            for one in sets
        }
        options = resolved_options(BACKEND, case_of(dataset).backend_settings(BACKEND))
        assert isinstance(options, Options)
        self.kelvin, self.k_points = options.temperature_kelvin, options.k_points
        self.symbols, self._cell = dataset.symbols, dataset.cell
        parameters = load_parameters(options.slako_directory, self.symbols)
        self._shells = read_wave_functions(wave_functions, self.symbols, parameters)
        self.electrons, self.hubbard = _of_atoms(self.symbols, parameters)
        self._dftb = MovingDftb(
            self.symbols,
            options.temperature_kelvin * KELVIN_TO_HARTREE,
            options.slako_directory,
            options.k_points,
            options.shell_resolved,
        )
        self._positions = dataset.frames().positions

    def frames(self, held: str) -> np.ndarray:
        own = (self._labels.set == self._sets[held]) & (self._labels.status == CONVERGED)
        return np.asarray(self._labels.frame[own])

    def label(self, frame: int, held: str, points: int, rng: np.random.Generator) -> DensityLabel:
        atoms = Electrode(self.symbols, self._positions[frame], self._cell)
        places, weights = quadrature(atoms, points, rng)
        grid = OrbitalGrid(atoms, self._dftb.orbitals, self._shells, np.eye(3), _NO_GRID)
        atomic = grid.atomic_at(places)
        charges, densities = [], []
        for ensemble in (self._ensembles[held], TotalCharge(0.0)):
            found = self._dftb.solve(atoms.positions, self._cell, ensemble)
            if not found.converged:
                raise ConvergenceError(f"frame {frame}, {held}: dftb did not converge; label without it")
            charges.append(found.charges)
            densities.append(grid.at(places, found.density_matrices()) - atomic)
        return DensityLabel(atoms, charges[0], charges[1], places, weights, densities[0], densities[1])


def quadrature(atoms: Electrode, points: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random places (points, 3) in bohr and weights in bohr^3: half of them close to nuclei.

    They fill the cell, or, where it has a vacuum, the part with atoms and what is next to it.
    """
    n = points // 2
    fractional = atoms.positions @ np.linalg.inv(atoms.cell)
    start, gap = widest_gap(fractional[:, 2], 1.0)
    pad = _ABOVE / float(heights(atoms.cell)[2])
    low, long = (start + gap - pad, 1.0 - gap + 2.0 * pad) if gap > 2.0 * pad else (0.0, 1.0)
    uniform = rng.random((points - n, 3))
    uniform[:, 2] = low + long * uniform[:, 2]
    directions = rng.normal(size=(n, 3))
    directions *= (_ABOUT * rng.random(n) / np.linalg.norm(directions, axis=1))[:, None]
    places = np.concatenate(
        [uniform @ atoms.cell, atoms.positions[rng.integers(0, len(atoms), n)] + directions]
    )
    share = (points - n) / points
    inside = ((places @ np.linalg.inv(atoms.cell))[:, 2] - low) % 1.0 < long
    chance = np.where(inside, share / (long * abs(np.linalg.det(atoms.cell))), 0.0)
    cell = atoms.cell if any(atoms.pbc) else None
    for block, _, row, vectors in near_points(places, atoms.positions, cell, _ABOUT):
        shell = 4.0 * np.pi * np.maximum(np.einsum("pi,pi->p", vectors, vectors), 1e-12) * _ABOUT * len(atoms)
        chance[block] += (1.0 - share) * np.bincount(row, 1.0 / shell, minlength=block.stop - block.start)
    return places, 1.0 / (points * chance)


def _some(path: Path, sets: Mapping[str, object]) -> tuple[str, ...]:
    if not sets:
        raise InputError(f"{path}: no labels of {BACKEND}; make some with `polcouple label`")
    return tuple(sets)


def _of_atoms(symbols: Sequence[str], parameters: Parameters) -> tuple[float, np.ndarray]:
    """Valence electrons of all, and the Hubbard U (n,) of each."""
    atoms = [parameters.atoms[symbol] for symbol in symbols]
    return float(sum(sum(one.occupation) for one in atoms)), np.array([one.hubbard[0] for one in atoms])
