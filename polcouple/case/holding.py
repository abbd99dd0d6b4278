"""A case in memory that holds another potential or total charge than its files say."""

from __future__ import annotations

from dataclasses import replace

from polcouple.case.case import Case
from polcouple.case.checks import check_potential
from polcouple.case.schema import Potential
from polcouple.errors import InputError


def holding(case: Case, held: Potential | float) -> Case:
    """The case at another potential, or its only electrode with another total charge in e.

    With another charge the cell is not neutral; a uniform background makes up for it.

    Raises:
        InputError: the potential is not of so many electrodes, or the charge of several or in a slab.
    """
    path = case.directory / "system.yaml"
    if isinstance(held, Potential):
        other = replace(case, system=case.system.model_copy(update={"potential": held}))
        check_potential(other, path)
        return other
    sections = case.system.electrodes
    if len(sections) != 1:
        raise InputError(f"{path}: a total charge is of one electrode, there are {len(sections)}")
    if case.system.slab is not None:
        raise InputError(f"{path}: slab needs a neutral cell, and another total charge does not leave it so")
    changed = {"electrodes": [sections[0].model_copy(update={"total_charge_e": held})], "potential": None}
    return replace(case, system=case.system.model_copy(update=changed))
