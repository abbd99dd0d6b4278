"""Small displacements of an electrode from the places where its atoms are at rest.

With displacements u and site potentials phi, to second order in both about the neutral electrode,

    A(u, phi) = A_0 - F_0 . u + 1/2 u . H u + phi . D u + (terms of phi alone),

H the Hessian of the free energy and D = dq/du the change of the charges at a constant number of electrons.
The Fermi level follows with m = dmu/du. H, D and m are differences of the forces, charges and levels of
:class:`polcouple.dftb.moving.dftb.MovingDftb`, of the atoms of one part where the electrode is a lattice of
equal parts, with electrons at 3000 K at least. They are made symmetric and keep the sum rules exactly: when
all atoms move alike nothing changes, forces sum to zero, and so do the changes of charges.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from polcouple.dftb.cache import default_cache_directory, read_arrays, write_arrays
from polcouple.dftb.moving.dftb import DftbResult, MovingDftb
from polcouple.dftb.moving.ensemble import TotalCharge
from polcouple.dftb.moving.surroundings import GivenPotentials
from polcouple.dftb.preparation import cache_stem
from polcouple.dftb.repeating import equal_parts
from polcouple.dftb.skf import load_parameters, skf_paths
from polcouple.electrode import Electrode
from polcouple.errors import ConvergenceError, InputError
from polcouple.lattice.matrix import Matrix, part_waves
from polcouple.lattice.projected import coordinate_orbits, filled, symmetrised, without_uniform
from polcouple.log import log
from polcouple.units import KELVIN_TO_HARTREE

#: coordinates of an atom: x, y, z, and the potential there
_KINDS = 4
#: displacement of the differences, bohr, and accuracy of the charges, e
_STEP, _ACCURACY = 0.003, 1e-9
#: electronic temperature of the differences at least, K. Degenerate levels at the Fermi level (graphene)
#: split by g u, some 0.01 Hartree at 300 K: within k_B T the energy is curved by -g^2/k_B T, beyond it is not
_BROADENED = 3000.0
#: a larger force on an atom in its place (Hartree/bohr) is that of atoms which are not at rest
_AT_REST = 0.05
#: a Hessian with an eigenvalue below minus this (Hartree/bohr^2) is not of a minimum
_UNSTABLE = 1e-5
#: Hessians of more coordinates tell how far they are
_MANY = 24
#: changes with what the cache files hold
_FORMAT = "harmonic-1"


class HarmonicOptions(Protocol):
    """Settings that decide the forces, those of SCC-DFTB."""

    @property
    def temperature_kelvin(self) -> float: ...
    @property
    def k_points(self) -> tuple[int, int, int]: ...
    @property
    def shell_resolved(self) -> bool: ...
    @property
    def slako_directory(self) -> Path: ...
    @property
    def cache_directory(self) -> Path | None: ...


@dataclass(frozen=True, eq=False)
class Harmonic:
    """The expansion about the reference places.

    Attributes:
        reference: (n, 3) places in bohr.
        cell: (3, 3) in bohr, or None without periodicity.
        energy: A_0, the free energy of the neutral electrode with its nuclei's repulsion, Hartree, at the
            electronic temperature of the differences.
        forces: (n, 3) F_0 in Hartree/bohr; sum to zero.
        matrix: (4 n, 4 n) second derivatives by x, y, z of an atom and the potential there: H, D and, by the
            potentials alone, zero.
        level_slope: (n, 3) m = dmu/du in Hartree/bohr; sums to zero.
        electrons: of the neutral electrode, those of the valence.
    """

    reference: np.ndarray
    cell: np.ndarray | None
    energy: float
    forces: np.ndarray
    matrix: Matrix
    level_slope: np.ndarray
    electrons: float

    def displacements(self, positions: np.ndarray) -> np.ndarray:
        """u (n, 3) in bohr of atoms at ``positions``, any images, counted from where the first one takes all.

        Raises:
            InputError: an atom has moved by a quarter of the cell against the first.
        """
        moved = positions - self.reference
        moved = moved - moved[0]
        if self.cell is None:
            return np.asarray(moved)
        fractional = moved @ np.linalg.inv(self.cell)
        fractional -= np.rint(fractional)
        if np.abs(fractional).max() > 0.25:
            atom = int(np.abs(fractional).max(axis=1).argmax())
            raise InputError(
                f"electrode atom {atom} (from 0) has moved by a quarter of the cell, where a harmonic"
                " electrode tells nothing; use dftb, or a shorter time step"
            )
        return np.asarray(fractional @ self.cell)

    def terms(self, u: np.ndarray, potentials: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Energy in Hartree, forces (n, 3) and charges D u (n,) at displacements u and potentials (n,)."""
        both = np.concatenate([u, potentials[:, None]], axis=1)
        slopes = (self.matrix @ both.ravel()).reshape(both.shape)
        energy = self.energy - float((self.forces * u).sum()) + 0.5 * float((both * slopes).sum())
        return energy, self.forces - slopes[:, :3], slopes[:, 3]


def harmonic(electrode: Electrode, options: HarmonicOptions) -> Harmonic:
    """The expansion about the places of ``electrode``, from the cache or made now.

    Raises:
        InputError: atoms that are not at rest, or do not stay there; parameters missing.
        ConvergenceError: a displaced electrode does not converge.
    """
    parts = equal_parts(electrode, 0)
    orbits, shape = parts if parts is not None else (np.arange(len(electrode))[None], (1, 1, 1))
    dftb = MovingDftb(
        electrode.symbols,
        _temperature(options) * KELVIN_TO_HARTREE,
        options.slako_directory,
        options.k_points,
        options.shell_resolved,
    )
    differences = _Differences(electrode, dftb, orbits[0], _path(electrode, options))
    data = differences.all()
    forces = data["forces"] - data["forces"].mean(axis=0)
    columns = np.zeros((len(electrode), _KINDS, orbits.shape[1], _KINDS))
    columns[:, :, :, :3] = data["slopes"].transpose(2, 3, 0, 1)
    # the columns of the potentials are D transposed, which making the matrix symmetric fills in
    columns[:, 3] *= 2.0
    all_coordinates = coordinate_orbits(orbits, _KINDS)
    matrix = symmetrised(columns.reshape(len(electrode) * _KINDS, -1), all_coordinates, shape)
    matrix = without_uniform(matrix, orbits, _KINDS)
    level_slope = np.empty((len(electrode), 3))
    level_slope[orbits] = data["levels"] - data["levels"].mean(axis=0)
    _require_minimum(matrix, all_coordinates, shape)
    return Harmonic(
        electrode.positions.copy(),
        electrode.cell if any(electrode.pbc) else None,
        float(data["energy"]),
        forces,
        filled(matrix, all_coordinates, shape),
        level_slope,
        float(data["electrons"]),
    )


class _Differences:
    """Differences over displacements of each coordinate of the first part; kept one by one.

    Args:
        atoms: (b,) those of the first part.
        path: of the cache file, which holds what is done; what is interrupted goes on from there.
    """

    def __init__(self, electrode: Electrode, dftb: MovingDftb, atoms: np.ndarray, path: Path) -> None:
        self._electrode, self._dftb, self._atoms, self._path = electrode, dftb, atoms, path
        self._start: np.ndarray | None = None

    def all(self) -> dict[str, np.ndarray]:
        """``energy``, ``forces`` (n, 3) and ``electrons`` in place, and by coordinate (b, 3, ...) ``slopes``
        (b, 3, n, 4), of minus the forces and of the charges, and ``levels`` (b, 3)."""
        data = read_arrays(self._path)
        if data is None:
            data = self._in_place()
        count = 3 * len(self._atoms)
        flat = {"slopes": (count, len(self._electrode), _KINDS), "levels": (count,)}
        of_all = {name: data[name].reshape(shape) for name, shape in flat.items()}
        for done in range(int(data["done"]), count):
            atom, axis = divmod(done, 3)
            ends = [self._displaced(self._atoms[atom], axis, step) for step in (_STEP, -_STEP)]
            of_all["slopes"][done, :, :3] = -(ends[0].forces - ends[1].forces) / (2.0 * _STEP)
            of_all["slopes"][done, :, 3] = (ends[0].charges - ends[1].charges) / (2.0 * _STEP)
            of_all["levels"][done] = (ends[0].fermi_level - ends[1].fermi_level) / (2.0 * _STEP)
            data = {**data, "done": np.array(done + 1)}
            write_arrays(self._path, data)
            _tell(done + 1, count)
        return data

    def _in_place(self) -> dict[str, np.ndarray]:
        found, b, n = self._solved(self._electrode.positions), len(self._atoms), len(self._electrode)
        largest = float(np.abs(found.forces).max())
        if largest > _AT_REST:
            raise InputError(
                f"the electrode's atoms are not at rest at the start: a force of {largest:.3f} Hartree/bohr."
                " Displacements are counted from there; relax the electrode, or use dftb"
            )
        return {
            "energy": np.array(found.free_energy),
            "forces": found.forces,
            "electrons": np.array(found.electrons),
            "slopes": np.zeros((b, 3, n, _KINDS)),
            "levels": np.zeros((b, 3)),
            "done": np.array(0),
        }

    def _displaced(self, atom: int, axis: int, step: float) -> DftbResult:
        positions = self._electrode.positions.copy()
        positions[atom, axis] += step
        return self._solved(positions)

    def _solved(self, positions: np.ndarray) -> DftbResult:
        electrode = self._electrode
        found = self._dftb.solve(
            positions,
            electrode.cell if any(electrode.pbc) else None,
            TotalCharge(0.0),
            GivenPotentials(np.zeros(len(electrode))),
            self._start,
            _ACCURACY,
        )
        if not found.converged:
            raise ConvergenceError(
                f"the neutral electrode does not converge (error about {found.residual:.1e} e): raise"
                " temperature_kelvin"
            )
        if self._start is None:
            self._start = found.populations
        return found


def _temperature(options: HarmonicOptions) -> float:
    """Electronic temperature of the differences, K."""
    return max(options.temperature_kelvin, _BROADENED)


def _tell(done: int, count: int) -> None:
    """Say how many of ``count`` coordinates are done, every tenth of them, where there are many."""
    if count >= _MANY and done * 10 // count > (done - 1) * 10 // count:
        log(f"Hessian of the electrode: {done} of {count} coordinates")


def _path(electrode: Electrode, options: HarmonicOptions) -> Path:
    """The cache file of what these settings make of this electrode."""
    parameters = load_parameters(options.slako_directory, electrode.symbols)
    stem = cache_stem(
        options.cache_directory or default_cache_directory(),
        electrode,
        parameters,
        options.k_points,
        options.shell_resolved,
    )
    digest = hashlib.sha256(repr((_FORMAT, _temperature(options), _STEP, _ACCURACY)).encode())
    for _, path in sorted(skf_paths(options.slako_directory, electrode.symbols).items()):
        digest.update(path.read_bytes())
    return stem.with_name(f"{stem.name}-harmonic-{digest.hexdigest()[:12]}.npz")


def _require_minimum(columns: np.ndarray, orbits: np.ndarray, shape: tuple[int, int, int]) -> None:
    """Refuse a Hessian that lets the atoms run away."""
    waves = part_waves(columns[orbits], shape)
    own = np.arange(orbits.shape[1]) % _KINDS < 3
    lowest = float(np.linalg.eigvalsh(waves[..., own, :][..., own]).min())
    if lowest < -_UNSTABLE:
        raise InputError(
            f"the electrode's atoms do not stay where they are: its Hessian has an eigenvalue of {lowest:.1e}"
            " Hartree/bohr^2. Relax the electrode and its cell, or use dftb"
        )
