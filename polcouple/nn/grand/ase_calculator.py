"""A grand potential as a calculator of ASE: eV and Angstrom."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from polcouple.errors import InputError
from polcouple.nn.grand.model import GrandModel, load_grand_model
from polcouple.nn.grand.outside import Outside
from polcouple.nn.grand.potential import GrandResult
from polcouple.nn.model_files import find_model


class GrandPotentialCalculator(Calculator):
    """Omega and forces at an electrode's potential, of atoms that are periodic in all directions.

    The energy counts the electrons that are more than the neutral atoms have: A + mu Q. ``result`` has
    electrons and capacitance.

    Args:
        model: one that is loaded, a shipped one's name, or a directory.
        potential: of the electrode, V: U = -(mu - mu_ref)/e with the reference of the training's data.
        fermi_level: in its place mu, in eV.
        outside: what is done where that lies outside the levels of the training.

    Attributes:
        result: the last answer.

    Raises:
        InputError: no such model, both or neither of potential and level, or a level that is refused.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012  (ASE's)

    def __init__(
        self,
        model: GrandModel | Path | str,
        *,
        potential: float | None = None,
        fermi_level: float | None = None,
        outside: Outside = "warn",
    ) -> None:
        super().__init__()
        if isinstance(model, Path | str):
            model = load_grand_model(find_model(model))
        self.model = model
        self.level = chosen_level(model, potential, fermi_level, outside)
        self.result: GrandResult | None = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """See ASE.

        Raises:
            InputError: an element that it does not know, or atoms that are not periodic.
        """
        super().calculate(atoms, properties, system_changes)
        if not self.atoms.pbc.all():
            raise InputError("a grand potential is of atoms that are periodic in all directions (pbc = True)")
        kinds = self.model.kinds(self.atoms.get_chemical_symbols())
        found = self.model.evaluate(kinds, self.atoms.get_positions(), self.atoms.cell.array, self.level)
        self.result = found
        energy = found.grand_potential
        self.results = {"energy": energy, "free_energy": energy, "forces": found.forces}


def chosen_level(
    model: GrandModel, potential: float | None, fermi_level: float | None, outside: Outside
) -> float:
    """mu in eV; a warning where it lies outside the levels of the training.

    Raises:
        InputError: both or neither are given, or it lies outside and that is refused.
    """
    if (potential is None) == (fermi_level is None):
        raise InputError(f"{model.name}: give a potential (V) or a Fermi level (eV), one of the two")
    level = fermi_level if potential is None else model.level(potential)
    assert level is not None
    if (text := model.outside(level)) is not None:
        if outside == "refuse":
            raise InputError(text)
        warnings.warn(text, stacklevel=3)
    return level
