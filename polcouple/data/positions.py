"""Positions of a dataset's electrolyte, which some backends read beside the site potentials."""

from __future__ import annotations

import numpy as np

from polcouple.data.dataset import Dataset, Frames
from polcouple.electrode import Electrolyte
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.errors import InputError

#: the potentials of the positions are those stored, within this, Hartree/e
_SAME_POTENTIAL = 1e-4


def require_positions(dataset: Dataset, backend: str) -> None:
    """Refuse a dataset that does not hold what a backend needs that reads all atoms' positions.

    Raises:
        InputError: positions were not stored, or the site potentials are not those of the positions alone.
    """
    if not dataset.has_positions:
        raise InputError(
            f"{dataset.path}: {backend} needs all positions, which were not stored when sampling"
        )
    if len(dataset):
        _require_nothing_else(dataset, backend)


def electrolyte_positions(frames: Frames, electrolyte: Electrolyte, frame: int) -> np.ndarray:
    """(m, 3) positions of the electrolyte in bohr; atoms that were not stored have NaN."""
    positions = np.full((len(electrolyte), 3), np.nan)
    if frames.positions is not None:
        positions[:] = frames.positions[frame]
    # those of the ions are in double precision
    positions[electrolyte.ion_indices] = frames.ion_positions[frame]
    return positions


def _require_nothing_else(dataset: Dataset, backend: str) -> None:
    """Refuse frames whose potentials are not those of the electrolyte alone, which such a backend sees.

    Raises:
        InputError: by how much they differ.
    """
    frames = dataset.frames(positions=True)
    assert frames.positions is not None
    electrode, charges = dataset.electrode, dataset.electrolyte.charges
    potential = SitePotential(electrode.positions, electrode.cell, electrode.pbc)
    for frame, positions in enumerate(frames.positions):
        excess = np.abs(frames.site_potentials[frame] - potential(positions.astype(float), charges)).max()
        if excess > _SAME_POTENTIAL:
            raise InputError(
                f"{dataset.path}: the site potentials of frame {frame} differ by up to {excess:.1e} Hartree/e"
                " from those of the electrolyte's point charges, such as by a slab's field or another"
                f" electrode, which {backend} does not see; use --backend dftb"
            )
