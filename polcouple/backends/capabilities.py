"""What a backend with certain settings reads and gives, known before it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from polcouple.electrode import Electrode

if TYPE_CHECKING:
    from polcouple.dftb.scf import FrozenElectrode

#: largest error of the site potentials of a backend that asks for nothing better, Hartree/e
POTENTIAL_ACCURACY = 1e-6


@dataclass(frozen=True)
class Capabilities:
    """See the module. The defaults are those of a backend that promises nothing.

    Attributes:
        site_potentials: it reads the site potentials; they are not computed for one that does not.
        potential_accuracy: largest error of the site potentials that its charges' accuracy bears, Hartree/e.
        positions: whose positions in the electrolyte it reads: nobody's, the ions', or all atoms'.
        most_electrodes: in one case; None for any number.
        slab: it sees the field of a slab (``slab`` of system.yaml), which is a part of the site potentials.
        search: it may be asked many times for one frame, as charges are searched for at a held potential, in
            a slab, or of several electrodes.
        energy: its results have an energy E(phi; Q).
        conservative: its charges are the derivative of that energy, which depends on nothing but phi and Q,
            so that refreshing the charges in every step conserves the total energy. Charges that are always
            the same are, too.
        derivatives: it is a :class:`polcouple.backends.base.RespondingBackend`.
        fermi_level: its results have a Fermi level, -dE/dQ, at any real total charge, so that a potential can
            be held; needs ``derivatives``.
        filling: it is a :class:`polcouple.backends.base.FillingBackend`.
        levels: it has one-electron levels: its options are :class:`LevelOptions`.
        orbitals: its results have states: it is a :class:`polcouple.backends.base.OrbitalBackend`, with
            ``levels``.
        mobile: it gives forces on an electrode whose atoms move, at a total charge or a Fermi level: its
            module has a :class:`polcouple.backends.mobile.MobileBackend`.
        bonds: its forces on an electrode that moves hold it together, so that the terms of a force field
            between bonded electrode atoms must be dropped; without it they must be kept.
        reasons: for what other settings would make possible: the setting that forbids it and what to do, by
            the name of the attribute.
    """

    site_potentials: bool = True
    potential_accuracy: float = POTENTIAL_ACCURACY
    positions: Literal["none", "ions", "all"] = "none"
    most_electrodes: int | None = None
    slab: bool = True
    search: bool = True
    energy: bool = False
    conservative: bool = False
    derivatives: bool = False
    fermi_level: bool = False
    filling: bool = False
    levels: bool = False
    orbitals: bool = False
    mobile: bool = False
    bonds: bool = True
    reasons: Mapping[str, str] = field(default_factory=dict)


class LevelOptions(Protocol):
    """Settings of a backend with one-electron levels, those of SCC-DFTB of a frozen electrode."""

    @property
    def temperature_kelvin(self) -> float:
        """Electronic temperature."""
        ...

    @property
    def k_points(self) -> tuple[int, int, int]:
        """Monkhorst-Pack mesh."""
        ...

    @property
    def slako_directory(self) -> Path:
        """Of the .skf files."""
        ...

    def frozen_electrode(self, electrode: Electrode) -> FrozenElectrode:
        """The electronic problem of ``electrode``.

        Raises:
            InputError: parameters missing or malformed, or a geometry that does not fit.
        """
        ...
