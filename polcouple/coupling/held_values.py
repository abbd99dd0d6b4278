"""What a user asks to be held of an electrode that moves, in the user's units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel, TotalCharge
from polcouple.errors import InputError
from polcouple.units import EV_TO_HARTREE


@dataclass(frozen=True)
class HeldValues:
    """See the module.

    Attributes:
        potentials: U in V against the neutral electrode in the case's start structure: the Fermi level is
            that electrode's less e U, so that electrons leave where U grows.
        fermi_levels: in eV.
        total_charges: in e.

    Raises:
        InputError: the same twice, or what is no finite number.
    """

    potentials: tuple[float, ...] = ()
    fermi_levels: tuple[float, ...] = ()
    total_charges: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("potentials", "fermi_levels", "total_charges"):
            values = getattr(self, name)
            if len({round(value, 6) for value in values}) < len(values) or not np.isfinite(values).all():
                text = " ".join(f"{value:g}" for value in values)
                raise InputError(f"--{name.replace('_', '-')} {text}: give each number once")

    def __bool__(self) -> bool:
        return bool(self.potentials or self.fermi_levels or self.total_charges)

    def ensembles(self, reference: float | None) -> list[Ensemble]:
        """What is to be held.

        Args:
            reference: Fermi level in Hartree that potentials count from.

        Raises:
            InputError: potentials of a backend that has none.
        """
        if self.potentials and reference is None:
            raise InputError(
                "--potentials count from the Fermi level of the neutral electrode, and the backend has none;"
                " give --total-charges"
            )
        levels = [(reference or 0.0) - volts * EV_TO_HARTREE for volts in self.potentials]
        levels += [level * EV_TO_HARTREE for level in self.fermi_levels]
        return [*map(FermiLevel, levels), *map(TotalCharge, self.total_charges)]
