"""The egg-box effect: forces that the real-space grid of a calculation adds to its labels.

Density functional theory on a grid of points in real space depends a little on where an atom lies between
them. To lowest order the energy of an atom of element e at the lattice coordinates s_a gains

    sum over a of A_e / (2 pi N_a |g_a|) cos(2 pi N_a s_a),   g_a = grad s_a,

with N_a points along the lattice vector a, so that its force gains A_e sin(2 pi N_a s_a) along each g_a. No
function of relative positions can learn that. What atoms do to each other sums to zero over a frame, hence
the frame's net force is that of the egg-box forces alone: least squares of the net forces give A_e without
any knowledge of the interactions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from polcouple.data.configurations import Configuration
from polcouple.errors import InputError

#: share of the net forces' squares that the grid must account for
_LEAST_EXPLAINED = 0.25


@dataclass(frozen=True)
class EggBox:
    """What a grid adds to labels.

    Attributes:
        points: of the grid along each lattice vector.
        amplitudes: A_e of each element, eV/A.
        explained: share of the net forces' squares that it accounts for in the frames of the fit.
    """

    points: tuple[int, ...]
    amplitudes: Mapping[str, float]
    explained: float

    def forces(self, configuration: Configuration) -> np.ndarray:
        """(n, 3) in eV/A."""
        phases, directions, _ = _grid(configuration, self.points)
        return np.asarray(self._of_atoms(configuration) * np.sin(phases) @ directions)

    def energy(self, configuration: Configuration) -> float:
        """In eV."""
        phases, _, waves = _grid(configuration, self.points)
        return float((self._of_atoms(configuration) * np.cos(phases) @ (1.0 / waves)).sum())

    def taken_off(self, configuration: Configuration) -> Configuration:
        """The frame with its labels less what the grid adds."""
        energy, forces = configuration.energy, configuration.forces
        return replace(
            configuration,
            energy=None if energy is None else energy - self.energy(configuration),
            forces=None if forces is None else forces - self.forces(configuration),
        )

    def _of_atoms(self, configuration: Configuration) -> np.ndarray:
        """(n, 1) A_e."""
        return np.array([[self.amplitudes.get(symbol, 0.0)] for symbol in configuration.symbols])


def fitted_egg_box(configurations: Sequence[Configuration], points: tuple[int, ...]) -> EggBox:
    """The amplitudes with which a grid of ``points`` explains the frames' net forces best.

    Positions must be as they were in the calculation, whole lattice vectors aside: a frame that was shifted
    has lost the grid.

    Raises:
        InputError: frames that are not periodic, too few of them, or net forces that are not of such a grid.
    """
    shown = " ".join(map(str, points))
    if len(points) != 3 or min(points) < 2:
        raise InputError(f"--egg-box {shown}: give the grid's points along the three lattice vectors")
    elements = sorted({symbol for one in configurations for symbol in one.symbols})
    labelled = [one for one in configurations if one.forces is not None]
    if 3 * len(labelled) < 4 * len(elements):
        raise InputError(
            f"--egg-box {shown}: {len(labelled)} frames with forces are too few to tell it of"
            f" {len(elements)} elements"
        )
    rows, net = [], []
    for one in labelled:
        phases, directions, _ = _grid(one, points)
        sines = np.sin(phases)
        symbols = np.array(one.symbols)
        sums = np.array([sines[symbols == element].sum(axis=0) for element in elements])
        rows.append((sums @ directions).T)
        net.append(one.forces.sum(axis=0))  # type: ignore[union-attr]
    design, target = np.concatenate(rows), np.concatenate(net)
    found = np.linalg.lstsq(design, target, rcond=None)[0]
    left = ((target - design @ found) ** 2).sum()
    explained = 1.0 - float(left / max((target**2).sum(), np.finfo(float).tiny))
    if explained < _LEAST_EXPLAINED:
        percent = 100 * max(explained, 0.0)
        raise InputError(
            f"--egg-box {shown}: such a grid accounts for {percent:.0f} % of the frames' net forces; give the"
            " points of the grid that the labels were computed on, or leave it out"
        )
    return EggBox(points, dict(zip(elements, map(float, found), strict=True)), explained)


def mean_egg_box(boxes: Sequence[EggBox]) -> EggBox:
    """The mean of fits of the same grid to parts of the same frames."""
    amplitudes = {
        element: float(np.mean([box.amplitudes.get(element, 0.0) for box in boxes]))
        for element in sorted(set().union(*[box.amplitudes for box in boxes]))
    }
    return EggBox(boxes[0].points, amplitudes, float(np.mean([box.explained for box in boxes])))


def _grid(configuration: Configuration, points: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Phases (n, 3) of atoms between the grid's points, unit vectors (3, 3) along g_a, 2 pi N_a |g_a| (3,).

    Raises:
        InputError: a frame that is not periodic.
    """
    if not all(configuration.periodic):
        raise InputError("--egg-box: a frame is not periodic in all directions, so that its grid is unknown")
    gradients = np.linalg.inv(configuration.cell).T
    lengths = np.linalg.norm(gradients, axis=1)
    phases = 2.0 * np.pi * np.array(points) * (configuration.positions @ gradients.T)
    return phases, gradients / lengths[:, None], 2.0 * np.pi * np.array(points) * lengths
