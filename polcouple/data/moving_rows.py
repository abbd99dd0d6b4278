"""What datasets of electrodes that move hold: frames, labels, and the sets that labels belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np

from polcouple.units import HARTREE_TO_EV

CONVERGED, UNCONVERGED = 1, 2
#: trajectory of frames that were given
GIVEN = -1
#: levels (Hartree) or charges (e) that differ by less are the same
_SAME = 1e-9


@dataclass(frozen=True)
class LabelSet:
    """Labels of one kind; either ``fermi_level`` or ``total_charge`` is held.

    Attributes:
        backend: name.
        fermi_level: that is held, in Hartree.
        total_charge: of the electrode, in e.
        reference: Fermi level of the neutral electrode in the case's start structure, in Hartree; None where
            the backend has none.
        settings: what decides the labels (:func:`polcouple.backends.base.what_decides`).
    """

    backend: str
    fermi_level: float | None = None
    total_charge: float | None = None
    reference: float | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Such as ``dftb@-4.35eV`` or ``dftb@-1e``."""
        if self.fermi_level is None:
            return f"{self.backend}@{self.total_charge or 0.0:g}e"
        return f"{self.backend}@{self.fermi_level * HARTREE_TO_EV:.6g}eV"

    @property
    def potential(self) -> float | None:
        """U = -(mu - reference)/e in V; None where no level is held or the reference is not known."""
        if self.fermi_level is None or self.reference is None:
            return None
        return (self.reference - self.fermi_level) * HARTREE_TO_EV

    def holds_the_same(self, other: LabelSet) -> bool:
        """Whether backend and what is held are those of ``other``."""
        if self.backend != other.backend or (self.fermi_level is None) != (other.fermi_level is None):
            return False
        mine = self.total_charge if self.fermi_level is None else self.fermi_level
        theirs = other.total_charge if other.fermi_level is None else other.fermi_level
        return abs((mine or 0.0) - (theirs or 0.0)) < _SAME


@dataclass(frozen=True, eq=False)
class MovingFrames:
    """Frames: ``time`` (f,) in ps, ``trajectory`` (f,) and ``positions`` (f, N, 3) in bohr."""

    time: np.ndarray
    trajectory: np.ndarray
    positions: np.ndarray

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, eq=False)
class MovingLabels:
    """Labels in the units and with the shapes of the module's table; ``l`` rows each."""

    frame: np.ndarray
    set: np.ndarray
    internal_energy: np.ndarray
    free_energy: np.ndarray
    grand_potential: np.ndarray
    fermi_level: np.ndarray
    electrons: np.ndarray
    capacitance: np.ndarray
    charges: np.ndarray
    forces: np.ndarray
    status: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, rows: np.ndarray | slice) -> MovingLabels:
        return MovingLabels(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})
