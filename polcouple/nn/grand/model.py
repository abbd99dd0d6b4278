"""What a grand potential of any architecture answers, and loading whichever a directory holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from polcouple.nn.grand.potential import GrandResult, load_grand_potential
from polcouple.nn.kinds import MACE
from polcouple.nn.mace import load_mace
from polcouple.nn.model_files import load_description


class GrandModel(Protocol):
    """Omega(R, mu) of periodic atoms, such as :class:`polcouple.nn.grand.potential.GrandPotential`.

    Attributes:
        name: of the model.
    """

    name: str

    def kinds(self, symbols: Sequence[str]) -> np.ndarray:
        """(n,) the number of each atom's element (InputError: an element that it does not know)."""

    def evaluate(
        self, kinds: np.ndarray, positions: np.ndarray, cell: np.ndarray, level: float
    ) -> GrandResult:
        """Omega and its derivatives; A, and mu in eV."""

    def outside(self, level: float) -> str | None:
        """One line where ``level`` lies outside those of the training."""

    def level(self, potential: float) -> float:
        """mu in eV at an electrode's potential U in V (InputError: it knows no zero of the potential)."""

    def in_double(self) -> GrandModel:
        """The same in double precision."""


def load_grand_model(directory: Path) -> GrandModel:
    """Read and verify a grand potential, ours or MACE's.

    Raises:
        InputError: files are missing, damaged or of another kind of model, or mace-torch is not there.
    """
    if load_description(directory).get("kind") == MACE:
        return load_mace(directory)
    return load_grand_potential(directory)
