"""A sheet of 24 carbons with a made-up, exactly known answer to site potentials."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from polcouple.data.dataset import Dataset, Frames
from polcouple.electrode import Electrode, Electrolyte
from polcouple.nn.prior import PairMatrix, Prior, class_means
from polcouple.units import ANGSTROM_TO_BOHR

TOTAL_CHARGE = -0.5


def sheet(nx: int = 3, ny: int = 2) -> Electrode:
    """Graphene of nx x ny orthorhombic cells of four atoms."""
    a, b = 2.46, 2.46 * np.sqrt(3.0)
    cell = np.array([[0.0, 0.0, 0.0], [a / 2, b / 6, 0.0], [a / 2, b / 2, 0.0], [0.0, 2 * b / 3, 0.0]])
    positions = [cell + np.array([i * a, j * b, 0.0]) for i in range(nx) for j in range(ny)]
    return Electrode(
        ("C",) * (4 * nx * ny),
        np.concatenate(positions) * ANGSTROM_TO_BOHR,
        np.diag([nx * a, ny * b, 40.0]) * ANGSTROM_TO_BOHR,
    )


def electrolyte() -> Electrolyte:
    """Two waters, a sodium and a chloride ion."""
    return Electrolyte(
        ("O", "H", "H") * 2 + ("Na", "Cl"),
        np.array([-0.82, 0.41, 0.41] * 2 + [1.0, -1.0]),
        np.array([6, 7]),
    )


def coupling(electrode: Electrode) -> np.ndarray:
    """(n, n) response with the symmetry of the lattice: minus a matrix of exp(-r^2) differences."""
    difference = electrode.positions[:, None] - electrode.positions[None]
    fractional = difference @ np.linalg.inv(electrode.cell)
    distance = np.linalg.norm((fractional - np.rint(fractional)) @ electrode.cell, axis=2)
    weights = np.exp(-((distance / 3.0) ** 2))
    return weights - np.diag(weights.sum(axis=1))


def true_charges(electrode: Electrode, site_potentials: np.ndarray, total_charge: float) -> np.ndarray:
    """Linear response plus the derivative of the cubic energy (1 + Q/2) 1/3 sum_i (K phi)_i^3."""
    kernel = coupling(electrode)
    fluctuation = site_potentials - site_potentials.mean(axis=-1, keepdims=True)
    induced = fluctuation @ kernel
    return total_charge / len(electrode) + induced + (1.0 + 0.5 * total_charge) * (induced**2) @ kernel


def true_levels(
    electrode: Electrode, site_potentials: np.ndarray, total_charge: float
) -> tuple[np.ndarray, np.ndarray]:
    """Energies (f,) whose derivative :func:`true_charges` is, with 0.1 Q^2 on top, and - dE/dQ (f,)."""
    fluctuation = site_potentials - site_potentials.mean(axis=-1, keepdims=True)
    induced = fluctuation @ coupling(electrode)
    linear = 0.5 * (fluctuation * induced).sum(axis=-1)
    cubic, mean = (induced**3).sum(axis=-1) / 3.0, site_potentials.mean(axis=-1)
    energies = 0.1 * total_charge**2 + total_charge * mean + linear + (1.0 + 0.5 * total_charge) * cubic
    return energies, -0.2 * total_charge - mean - 0.5 * cubic


def coupling_pairs(electrode: Electrode) -> PairMatrix:
    """:func:`coupling`, every pair a class of its own."""
    n = len(electrode)
    return PairMatrix(coupling(electrode).ravel(), np.arange(n * n).reshape(n, n))


def prior(electrode: Electrode, total_charges: tuple[float, ...] = (TOTAL_CHARGE,)) -> Prior:
    """The linear part of :func:`true_charges`."""
    n, levels = len(electrode), np.array(sorted(total_charges))
    classes = np.arange(n * n).reshape(n, n)
    classes = np.unique(np.minimum(classes, classes.T), return_inverse=True)[1].reshape(n, n)
    return Prior(
        levels,
        0.1 * levels**2,
        -0.2 * levels,
        np.repeat(levels[:, None] / n, n, axis=1),
        np.full((len(levels), n), 1.0 / n),
        class_means(np.repeat(coupling(electrode)[None], len(levels), axis=0), classes),
        classes,
    )


def frames(electrode: Electrode, n_frames: int, seed: int = 0) -> Frames:
    """Random potentials of 0.05 Ha and random ion positions."""
    random = np.random.default_rng(seed)
    ions = random.uniform(size=(n_frames, 2, 3)) @ electrode.cell
    potentials = 0.3 + 0.05 * random.normal(size=(n_frames, len(electrode)))
    return Frames(0.5 * np.arange(n_frames), potentials, ions)


def labelled_dataset(
    path: Path, n_frames: int = 60, total_charges: tuple[float, ...] = (TOTAL_CHARGE,)
) -> Dataset:
    """A dataset whose labels ``dftb@Q`` are :func:`true_charges` and :func:`true_levels`."""
    electrode = sheet()
    dataset = Dataset.create(path, electrode, electrolyte(), origin="made up")
    made = frames(electrode, n_frames)
    dataset.append(made)
    for total_charge in total_charges:
        charges = true_charges(electrode, made.site_potentials, total_charge)
        levels = true_levels(electrode, made.site_potentials, total_charge)
        dataset.write_labels(
            "dftb", total_charge, np.arange(n_frames), charges, *levels, np.full(n_frames, True)
        )
    return dataset
