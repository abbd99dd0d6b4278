"""What is the same for all members of a grand potential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polcouple.errors import InputError
from polcouple.nn.potential.network import Layout
from polcouple.nn.potential.potential import Architecture

#: how the level enters: by the electrode's electrons, or as a number beside the element's
Design = Literal["electrode", "scalar"]
#: electrons an atom of the electrode that the network's outputs are made for
ELECTRONS = 0.025


@dataclass(frozen=True)
class GrandArchitecture:
    """Sizes and physical constants.

    Attributes:
        surroundings: descriptors and network.
        design: how the level enters.
        electrode: elements with levels of their own.
        learned: whether the network shifts the electrode's levels and changes how hard it is to charge.
        kt: of the electrons, eV.
        hopping, decay: t (eV) and b (1/A) of :mod:`polcouple.nn.grand.levels`.
        neutral_level: of the orbitals in the bare electrode, eV.
        hardness: energy of an electron by another one on the same atom of the electrode beyond that of its
            Gaussian charge, eV.
        charges: of the elements, e; none on the electrode's.
        levels: of the frames that it was trained on, ascending, eV.
        reference: level at which the potential is zero, eV, or None.
        liquid_hardness: of the elements, eV, for :mod:`polcouple.nn.grand.induced`; none: nothing is induced.
    """

    surroundings: Architecture
    design: Design
    electrode: tuple[str, ...]
    learned: bool
    kt: float
    hopping: float
    decay: float
    neutral_level: float
    hardness: float
    charges: tuple[float, ...]
    levels: tuple[float, ...]
    reference: float | None
    liquid_hardness: tuple[float, ...] = ()

    @property
    def scale(self) -> tuple[float, float]:
        """Middle and half of the range of levels, as which the scalar design has a level."""
        low, high = self.levels[0], self.levels[-1]
        return 0.5 * (low + high), max(0.5 * (high - low), 0.1)

    def layout(self) -> Layout:
        """The places of a member's numbers.

        Outputs of an atom: its energy, and where the electrode is learned its shift and its stiffness.
        """
        base = self.surroundings.layout()
        scalar = self.design == "scalar"
        outputs = 3 if self.learned else 1
        return Layout(
            base.elements, base.inputs + scalar, base.embedding, base.widths, base.repulsion, outputs
        )

    def sites(self, kinds: np.ndarray) -> np.ndarray:
        """(s,) atoms of the electrode.

        Raises:
            InputError: there are none.
        """
        if self.design == "scalar":
            return np.empty(0, np.int64)
        wanted = [self.surroundings.elements.index(symbol) for symbol in self.electrode]
        found = np.flatnonzero(np.isin(kinds, wanted))
        if not len(found):
            raise InputError(f"no atoms of the electrode ({', '.join(self.electrode)}) are there")
        return found

    def level(self, potential: float) -> float:
        """mu in eV at an electrode's potential U in V: reference - e U.

        Raises:
            InputError: no potential is zero.
        """
        if self.reference is None:
            raise InputError("this grand potential knows no zero of the potential; give a Fermi level")
        return self.reference - potential
