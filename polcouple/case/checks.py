"""What must hold of a case before anything is computed with it."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import numpy as np

from polcouple.case.case import Case
from polcouple.errors import InputError, nearest
from polcouple.ipi.initialize import StartFile
from polcouple.lattice.cell import check_cell, heights
from polcouple.units import ANGSTROM_TO_BOHR

#: a cell whose total charge exceeds this is refused (e)
NEUTRALITY_TOLERANCE = 1e-9
#: components of cell vectors that i-PI leaves out are no larger, in terms of the largest
_TURNED = 1e-8


def check_topology(case: Case, path: Path, name: str) -> None:
    """Every atom of the start file is the one that topology, electrodes and force field expect."""
    force_field = case.system.force_field
    known = ["electrode", "water", *force_field.ion_charges_e]
    for block in case.system.topology:
        if block.species not in known:
            raise InputError(
                f"{path}: topology: unknown species '{block.species}'{nearest(block.species, known)};"
                f" known: {', '.join(known)}"
            )
    n_topology = case._blocks()[-1][2] if case.system.topology else 0
    if n_topology != len(case):
        raise InputError(
            f"{path}: topology describes {n_topology} atoms, {name} holds {len(case)}; correct the counts"
        )
    for species, start, stop in case._blocks():
        if species == "electrode":
            continue
        expected = ("O", "H", "H") if species == "water" else (species,)
        for atom in range(start, stop):
            symbol = expected[(atom - start) % len(expected)]
            if case.symbols[atom] != symbol:
                raise InputError(
                    f"{path}: atom {atom} of {name} is {case.symbols[atom]}, the topology expects {symbol}"
                    f" ({species}); bring {name} into the topology's order"
                )
    sections = case.system.electrodes
    blocks = [(start, stop - 1) for species, start, stop in case._blocks() if species == "electrode"]
    if len(sections) < len(blocks):
        raise InputError(f"{path}: {len(sections)} electrodes are described, the topology has {len(blocks)}")
    for section, span in zip_longest(sections, blocks):
        if (section.first_atom, section.last_atom) != span:
            raise InputError(
                f"{path}: electrode '{section.name}' spans atoms {section.first_atom} to {section.last_atom},"
                f" but the topology's electrode blocks are {blocks}; describe each one, in that order"
            )
    if len({section.name for section in sections}) < len(sections):
        raise InputError(f"{path}: two electrodes have the same name; give each its own")
    for atom, symbol in enumerate(case.symbols):
        if symbol not in force_field.lennard_jones:
            raise InputError(
                f"{path}: force_field.lennard_jones has no entry for {symbol}, which atom {atom} of {name} is"
            )


def check_charges(case: Case, path: Path) -> None:
    total = float(case.charges.sum()) + case.total_charge
    if abs(total) > NEUTRALITY_TOLERANCE:
        raise InputError(
            f"{path}: the cell is not neutral: electrode {case.total_charge:+g} e, electrolyte"
            f" {case.charges.sum():+g} e, sum {total:+g} e; change total_charge_e or the number of ions"
        )


def check_potential(case: Case, path: Path) -> None:
    potential, slab, n = case.system.potential, case.system.slab, len(case.system.electrodes)
    if potential is not None and potential.voltage_volt is not None and n != 2:
        raise InputError(
            f"{path}: potential.voltage_volt is a difference between two electrodes, there are {n}; for one"
            " electrode give fermi_level_ev and counter_charge: background"
        )
    if potential is not None and potential.fermi_level_ev is not None:
        if n != 1:
            raise InputError(
                f"{path}: potential.fermi_level_ev is of one electrode, there are {n}; give voltage_volt"
            )
        if slab is not None:
            raise InputError(
                f"{path}: slab needs a neutral cell, and potential.counter_charge makes it charged; leave"
                " one of them out"
            )
    if slab is not None and np.abs([*case.lattice[:2, 2], *case.lattice[2, :2]]).max() > 1e-6:
        raise InputError(f"{path}: slab needs a cell whose third vector is along z and the others across")
    if slab is not None:
        try:
            case.slab_field  # noqa: B018  (computed now, so that a cell without vacuum is refused here)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def check_labels(start: StartFile, symbols: tuple[str, ...], directory: Path) -> None:
    """The input's own <labels>, by which i-PI names the atoms in what it writes."""
    if start.labels is None or start.labels == symbols:
        return
    if len(start.labels) != len(symbols):
        found = f"holds {len(start.labels)} symbols, {start.name} {len(symbols)} atoms"
    else:
        atom = next(i for i, pair in enumerate(zip(start.labels, symbols, strict=True)) if len({*pair}) > 1)
        found = f"calls atom {atom} '{start.labels[atom][:20]}', {start.name} {symbols[atom]}"
    raise InputError(f"{directory}: i-PI's <labels> {found}; leave <labels> out")


def check_start_cell(cell: np.ndarray, path: Path) -> None:
    """i-PI's convention, without which it would turn the cell and not the atoms."""
    try:
        check_cell(cell)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if np.abs([cell[0, 1], cell[0, 2], cell[1, 2]]).max() > _TURNED * np.abs(cell).max() or (
        np.diag(cell).min() <= 0.0
    ):
        raise InputError(
            f"{path}: in i-PI's cells the first vector is along x, the second in the xy plane, the"
            " diagonal positive; turn the structure"
        )


def check_cutoff(case: Case, path: Path) -> None:
    longest = 0.5 * float(heights(case.lattice).min()) / ANGSTROM_TO_BOHR
    cutoff = case.system.force_field.cutoff_angstrom
    if cutoff > longest:
        raise InputError(
            f"{path}: force_field.cutoff_angstrom {cutoff:g} exceeds half the smallest height of the cell,"
            f" {longest:.3f}"
        )
