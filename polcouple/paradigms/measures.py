"""Numbers from charges: what is explained of their fluctuations, forces on the liquid, a capacitance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from polcouple.electrostatics.site_forces import SiteForces
from polcouple.lattice.cell import base_area
from polcouple.paradigms.frames import Frame
from polcouple.units import ANGSTROM_TO_BOHR, ATOMIC_TO_MICROFARAD_PER_CM2, BOHR_TO_ANGSTROM

#: the first layer of the liquid is nearer to the plane than this, the bulk is farther than that (Angstrom)
FIRST_LAYER, BULK = 5.0, 15.0
#: edges of the slices that forces are averaged over (Angstrom from the plane)
SLICES = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0, 50.0])
#: edges of the wave numbers (1/Angstrom)
WAVES = np.array([0.0, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8])
#: gap of the capacitor (Angstrom)
GAP = 10.0
#: accuracy of forces, Hartree/bohr for charges of 0.1 e; errors of charges are far smaller
_FORCES = 1e-6


def explained(charges: np.ndarray, reference: np.ndarray, mean: np.ndarray | None = None) -> float:
    """1 - sum of squared errors over that of the fluctuations about ``mean`` (n,), or the frames' own mean.

    Args:
        charges, reference: (f, n) in e.
    """
    mean = reference.mean(axis=0) if mean is None else mean
    return float(1.0 - ((charges - reference) ** 2).sum() / ((reference - mean) ** 2).sum())


def explained_by_wave(
    charges: np.ndarray, reference: np.ndarray, frame: Frame
) -> tuple[np.ndarray, np.ndarray]:
    """Mean wave number (1/Angstrom) and the explained part of the waves between the edges ``WAVES``.

    Intervals without a wave are left out.
    """
    vectors = 2.0 * np.pi * np.linalg.inv(frame.electrode.cell[:2, :2]).T
    largest = WAVES[-1] * BOHR_TO_ANGSTROM
    counts = np.ceil(largest / np.linalg.norm(vectors, axis=1)).astype(int) + 1
    grid = np.stack(np.meshgrid(*(np.arange(-c, c + 1) for c in counts), indexing="ij"), axis=-1)
    waves = grid.reshape(-1, 2) @ vectors
    numbers = np.linalg.norm(waves, axis=1) * ANGSTROM_TO_BOHR
    keep = (numbers > 1e-9) & (numbers <= WAVES[-1])
    waves, numbers = waves[keep], numbers[keep]
    phases = np.exp(1j * frame.electrode.positions[:, :2] @ waves.T)
    error = (np.abs((charges - reference) @ phases) ** 2).sum(axis=0)
    whole = (np.abs((reference - reference.mean(axis=0)) @ phases) ** 2).sum(axis=0)
    found = []
    for low, high in pairwise(WAVES):
        own = (numbers > low) & (numbers <= high)
        if own.any():
            found.append((numbers[own].mean(), 1.0 - error[own].sum() / whole[own].sum()))
    return np.array([x for x, _ in found]), np.array([y for _, y in found])


def force_errors(
    errors: np.ndarray, frames: Sequence[Frame], edges: np.ndarray = SLICES
) -> tuple[np.ndarray, np.ndarray]:
    """Forces on the liquid by ``errors`` (f, n) of charges in e, between ``edges`` (Angstrom) of height.

    Returns:
        Sums of the squared force components (slices,) in (Hartree/bohr)^2, and how many there are (slices,).
    """
    electrode = frames[0].electrode
    solver = SiteForces(electrode.positions, electrode.cell, _FORCES)
    height, period = float(electrode.positions[0, 2]), float(electrode.cell[2, 2])
    squares, counts = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    # the mesh's error is proportional to the charges it is given
    scale = 0.1 / max(float(np.sqrt((errors**2).mean())), 1e-12)
    for error, frame in zip(errors, frames, strict=True):
        _, forces = solver(error * scale, frame.positions, frame.electrolyte.charges)
        away = frame.positions[:, 2] - height
        distance = np.abs(away - period * np.rint(away / period)) * BOHR_TO_ANGSTROM
        slices = np.digitize(distance, edges) - 1
        inside = (slices >= 0) & (slices < len(edges) - 1)
        each = ((forces / scale) ** 2).sum(axis=1)
        squares += np.bincount(slices[inside], each[inside], minlength=len(edges) - 1)
        counts += 3 * np.bincount(slices[inside], minlength=len(edges) - 1)
    return squares, counts


def root_mean(squares: np.ndarray, counts: np.ndarray, part: slice | np.ndarray) -> float:
    """Root mean square over some slices of :func:`force_errors`."""
    total = float(counts[part].sum())
    return float(np.sqrt(squares[part].sum() / total)) if total else float("nan")


def capacitance(levels: np.ndarray, electrode_cell: np.ndarray) -> float:
    """Capacitance in uF/cm^2 of two such electrodes face to face, ``GAP`` apart in vacuum.

    The Fermi levels at charges one apart on either side give the hardness H = -d(mu)/dQ of the electrode in
    its periodic cell of height L and base A with a neutralising background, whose potential at the plane is
    2 pi L / (6 A) per charge. Without it two plates of charge +x and -x differ by

        U = 2 x (H - 2 pi L / (6 A)) + 4 pi x d / A .

    Args:
        levels: (3,) mean Fermi levels in Hartree at Q - 1, Q and Q + 1 e; NaN of a model without them.

    Returns:
        x / (U A), or 0 for a model whose charges do not know a voltage.
    """
    if not np.isfinite(levels).all():
        return 0.0
    area, height = base_area(electrode_cell), abs(float(electrode_cell[2, 2]))
    own = -(levels[2] - levels[0]) / 2.0 - np.pi * height / (3.0 * area)
    voltage = 2.0 * own + 4.0 * np.pi * GAP * ANGSTROM_TO_BOHR / area
    return float(ATOMIC_TO_MICROFARAD_PER_CM2 / (voltage * area))
