"""A potential as a calculator of ASE: eV and Angstrom."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from polcouple.errors import InputError
from polcouple.nn.model_files import find_model
from polcouple.nn.potential.flag import Flag
from polcouple.nn.potential.potential import Potential, PotentialResult, load_potential


class PotentialCalculator(Calculator):
    """Energy, forces and, where all directions are periodic, stress of a network's potential.

    The committee's disagreement is looked at in every ``check_every``-th calculation; where it is much
    larger than on the frames that were kept from training, a warning says so (see
    :class:`polcouple.nn.potential.flag.Flag`).

    Args:
        potential: one that is loaded, a shipped one's name, or a directory.
        check_every: calculations between looks at the disagreement; 0 for none.

    Attributes:
        result: the last answer.

    Raises:
        InputError: no such potential, one that is a difference to something else, or elements that it does
            not know.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012  (ASE's)

    def __init__(self, potential: Potential | Path | str, *, check_every: int = 10) -> None:
        super().__init__()
        if not isinstance(potential, Potential):
            potential = load_potential(find_model(potential))
        if check_every < 0:
            raise InputError(f"check_every = {check_every}: 0 for never, or a number of calculations")
        if potential.difference_to:
            raise InputError(
                f"{potential.name} is the difference to {potential.difference_to} and no energy by itself;"
                " run it by polcouple-driver --potential, which adds the case's force field"
            )
        self.potential = potential
        self.result: PotentialResult | None = None
        self._flag = Flag(potential)
        self._check_every, self._calculations = check_every, 0

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """See ASE."""
        super().calculate(atoms, properties, system_changes)
        kinds = self.potential.architecture.kinds(self.atoms.get_chemical_symbols())
        looked = bool(self._check_every) and self._calculations % self._check_every == 0
        self._calculations += 1
        result = self.potential.evaluate(
            kinds,
            self.atoms.get_positions(),
            self.atoms.cell.array,
            self.atoms.pbc,
            disagreement=looked and self._flag.possible,
        )
        self.result = result
        self.results = {"energy": result.energy, "free_energy": result.energy, "forces": result.forces}
        if self.atoms.pbc.all():
            stress = -result.virial / self.atoms.get_volume()
            self.results["stress"] = full_3x3_to_voigt_6_stress(stress)
        if (text := self._flag.warning(result)) is not None:
            warnings.warn(text, stacklevel=2)
