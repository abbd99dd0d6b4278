"""Densities of the electrodes' electrons in their orbitals: means over frames, by density matrices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from polcouple.backends.base import (
    ChargeBackend,
    ChargeResult,
    OrbitalBackend,
    backends_with,
    resolved_options,
)
from polcouple.backends.capabilities import LevelOptions
from polcouple.case.model import Case
from polcouple.coupling.electrodes import CoupledElectrodes
from polcouple.coupling.joint_search import CoupledResult
from polcouple.dftb.orbital_density import density_matrices, orbital_grid
from polcouple.dftb.orbital_grid import BlockDensity
from polcouple.dftb.skf import load_parameters
from polcouple.dftb.wave_functions import read_wave_functions
from polcouple.errors import InputError

#: what a grid can be of
OrbitalQuantity = Literal["valence", "difference", "states"]


@dataclass(frozen=True)
class WaveFunctions:
    """What is asked for.

    Attributes:
        path: of the set's wfc.hsd.
        window: lowest and highest energy in Hartree, from each electrode's Fermi level, of states that are
            shown by themselves; None for none.
    """

    path: Path
    window: tuple[float, float] | None = None


class MeanOrbitals:
    """Sums of density matrices over frames.

    Args:
        case: of the electrodes.
        backend: its name, and ``settings`` over those of system.yaml.
        shape: of the grid, as of :class:`polcouple.electrostatics.cloud_grid.CloudGrid`.
        wanted: wave functions and window.

    Raises:
        InputError: a backend without orbitals, wave functions that are not its set's, or an empty window.
    """

    def __init__(
        self,
        case: Case,
        backend: str,
        settings: Mapping[str, Any],
        shape: tuple[int, int, int],
        wanted: WaveFunctions,
    ) -> None:
        own = case.backend_settings(backend, settings)
        options = resolved_options(backend, own, case.directory, case.system.backends)
        if not options.capabilities().orbitals:
            raise InputError(
                f"wave functions: backend '{backend}' has no orbitals; use {backends_with('orbitals')}"
            )
        if wanted.window is not None and not wanted.window[0] < wanted.window[1]:
            raise InputError("the window of states ends before it begins; give the lower energy first")
        self.wanted = wanted
        parameters = load_parameters(cast(LevelOptions, options).slako_directory, case.electrode.symbols)
        shells = read_wave_functions(wanted.path, case.electrode.symbols, parameters)
        self._grids = [orbital_grid(electrode, parameters, shells, shape) for electrode in case.electrodes]
        windows = [None] if wanted.window is None else [None, wanted.window]
        self._sums: dict[tuple[float, float] | None, list[list[BlockDensity]]] = {one: [] for one in windows}
        self._frames = 0

    def add(self, backend: ChargeBackend, result: ChargeResult) -> None:
        """The states of one frame."""
        for window, sums in self._sums.items():
            found = [
                density_matrices(one.frozen_electrode, one.solution(part), window)
                for one, part in _parts(backend, result)
            ]
            self._sums[window] = [_added(*pair) for pair in zip(sums, found, strict=True)] if sums else found
        self._frames += 1

    def planes(self, name: OrbitalQuantity) -> Iterator[np.ndarray]:
        """Blocks (b, n_y, n_z) of the grid, along its first axis one after the other.

        Args:
            name: ``valence`` electrons per bohr^3, their ``difference`` from neutral, spherical atoms, or the
                ``states`` of the window per bohr^3, both spins.
        """
        window = self.wanted.window if name == "states" else None
        found = [
            grid.planes([replace(one, matrix=one.matrix / self._frames) for one in sums])
            for grid, sums in zip(self._grids, self._sums[window], strict=True)
        ]
        atoms = [grid.atomic() for grid in self._grids] if name == "difference" else []
        for blocks in zip(*found, *atoms, strict=True):
            yield sum(blocks[: len(found)]) - sum(blocks[len(found) :], np.zeros(()))


def _parts(backend: ChargeBackend, result: ChargeResult) -> Sequence[tuple[OrbitalBackend, ChargeResult]]:
    """The backend and the result of each electrode."""
    if isinstance(backend, CoupledElectrodes) and isinstance(result, CoupledResult):
        return [
            (cast(OrbitalBackend, one), part)
            for one, part in zip(backend.backends, result.parts, strict=True)
        ]
    return [(cast(OrbitalBackend, backend), result)]


def _added(first: Sequence[BlockDensity], second: Sequence[BlockDensity]) -> list[BlockDensity]:
    return [replace(a, matrix=a.matrix + b.matrix) for a, b in zip(first, second, strict=True)]
