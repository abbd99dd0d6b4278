"""What must hold of a case before anything is computed with it."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import numpy as np

from polcouple.case.case import Case
from polcouple.case.force_field_schema import ForceField
from polcouple.case.given_system import check_given_system
from polcouple.case.likely_units import require_likely_bonds, require_likely_cell, require_likely_size
from polcouple.case.schema import ELECTRODE_FILE, GivenSystemSection, SystemSection
from polcouple.case.topology import blocks
from polcouple.errors import InputError, nearest
from polcouple.ipi.initialize import StartFile
from polcouple.lattice.cell import check_cell, heights
from polcouple.number_words import charge as charge_words
from polcouple.units import ANGSTROM_TO_BOHR

#: a cell whose total charge exceeds this is refused (e)
NEUTRALITY_TOLERANCE = 1e-9
#: components of cell vectors that i-PI leaves out are no larger, in terms of the largest
_TURNED = 1e-8
#: of numbers that were converted from other units
_ROUNDING = 1e-12


def check_case(case: Case, path: Path, structure: Path, in_input: bool = False) -> None:
    """All that must hold of a case whose numbers are read.

    Args:
        path: of system.yaml, for messages, and ``structure`` of the start file.
        in_input: i-PI's input gives the cell, not the start file.

    Raises:
        InputError: naming the first fault.
    """
    if case.system.ipi_atoms == "all":  # and else each of the two files has been looked at
        require_likely_size(structure, case.positions, case.cell)
    check_start_cell(case.cell, structure)
    check_topology(case, path, structure.name)
    check_charges(case, path)
    require_likely_bonds(structure, case.positions, case.topology)
    require_likely_cell(structure, case.electrode.positions, case.cell, in_input=in_input)
    check_cutoff(case, path)
    check_potential(case, path)
    check_mobile(case, path)


def check_topology(case: Case, path: Path, name: str) -> None:
    """Every atom of the start file is the one that topology, electrodes and force field expect."""
    if not isinstance(case.system, SystemSection):
        _check_given(case, case.system, path, name)
        return
    force_field = case.system.force_field
    known = ["electrode", "water", *force_field.ion_charges_e]
    for block in case.system.topology:
        if block.species not in known:
            raise InputError(
                f"{path}: topology: unknown species '{block.species}'{nearest(block.species, known)};"
                f" known: {', '.join(known)}"
            )
        if block.species == "water" and force_field.water is None:
            raise InputError(f"{path}: the topology has water, and force_field has no water; add its model")
    own = blocks(case.system)
    n_topology = own[-1][2] if own else 0
    if n_topology != len(case):
        raise InputError(
            f"{path}: topology describes {n_topology} atoms, {name} holds {len(case)}; correct the counts"
        )
    for species, start, stop in own:
        if species == "electrode":
            continue
        expected = ("O", "H", "H") if species == "water" else (species,)
        for atom in range(start, stop):
            symbol = expected[(atom - start) % len(expected)]
            if case.symbols[atom] != symbol:
                raise InputError(
                    f"{path}: {_place(case, atom, name)} is {case.symbols[atom]}, the topology expects"
                    f" {symbol} ({species}); bring {name} into the topology's order"
                )
    sections = case.system.electrodes
    spans = [(start, stop - 1) for species, start, stop in own if species == "electrode"]
    if len(sections) < len(spans):
        raise InputError(f"{path}: {len(sections)} electrodes are described, the topology has {len(spans)}")
    for section, span in zip_longest(sections, spans):
        if (section.first_atom, section.last_atom) != span:
            raise InputError(
                f"{path}: electrode '{section.name}' spans atoms {section.first_atom} to {section.last_atom},"
                f" but the topology's electrode blocks are {spans}; describe each one, in that order"
            )
    _check_names(case, path)
    _check_lennard_jones(case, force_field, path, name)


def _check_lennard_jones(case: Case, force_field: ForceField, path: Path, name: str) -> None:
    if not len(case.electrolyte_indices):
        return  # nobody interacts so
    fixed = set(case.electrode_indices.tolist())
    of_electrode = {case.symbols[atom] for atom in fixed}
    for symbol in force_field.electrode_lennard_jones:
        if symbol not in of_electrode:
            raise InputError(
                f"{path}: force_field.electrode_lennard_jones has an entry for {symbol}, which no electrode"
                f" atom of {name} is; take it out"
            )
    for atom, symbol in enumerate(case.symbols):
        if atom in fixed and symbol in force_field.electrode_lennard_jones:
            continue
        if symbol not in force_field.lennard_jones:
            raise InputError(
                f"{path}: force_field.lennard_jones has no entry for {symbol}, which"
                f" {_place(case, atom, name)} is"
            )


def _place(case: Case, atom: int, name: str) -> str:
    """Where an atom stands in the case's files, counted from 0."""
    if case.system.ipi_atoms == "all":
        return f"atom {atom} of {name}"
    in_liquid = np.flatnonzero(case.ipi_indices == atom)
    if len(in_liquid):
        return f"atom {in_liquid[0]} of {name}"
    return f"atom {np.flatnonzero(case.electrode_indices == atom)[0]} of {ELECTRODE_FILE}"


def _check_names(case: Case, path: Path) -> None:
    names = [section.name for section in case.system.electrodes]
    if len(set(names)) < len(names):
        raise InputError(f"{path}: two electrodes have the same name; give each its own")


def _check_given(case: Case, system: GivenSystemSection, path: Path, name: str) -> None:
    """The same for a force field in a file."""
    assert case.given is not None
    n, file = len(case.given.atoms), case.given.path.name
    elements = [e for kind in system.topology for _ in range(kind.count) for e in kind.elements]
    if not len(elements) == n == len(case):
        raise InputError(
            f"{path}: topology describes {len(elements)} atoms, {name} holds {len(case)} and {file} {n};"
            " import the system anew, or correct the counts"
        )
    for atom, (symbol, element) in enumerate(zip(case.symbols, elements, strict=True)):
        if symbol != element:
            raise InputError(
                f"{path}: {_place(case, atom, name)} is {symbol}, the topology expects {element}; bring"
                f" {name} into the topology's order"
            )
    for number, section in enumerate(system.electrodes):
        for first, last in section.atoms:
            if not first <= last < n:
                raise InputError(
                    f"{path}: electrodes[{number}].atoms [{first}, {last}] is no run of atoms 0 to {n - 1}"
                )
    indices, counts = np.unique(case.electrode_indices, return_counts=True)
    if counts.max() > 1:
        raise InputError(f"{path}: atom {indices[counts.argmax()]} is in the electrodes twice; name it once")
    _check_names(case, path)
    check_given_system(case.given, indices, path)
    fixed = np.isin(np.arange(n), indices)
    molecules = case.topology.molecules
    half = np.intersect1d(molecules[fixed], molecules[~fixed])
    if len(half):
        first = int(np.flatnonzero((molecules == half[0]) & ~fixed)[0])
        raise InputError(
            f"{path}: the electrodes have part of the molecule {case.topology.names[half[0]]} alone, atom"
            f" {first} is left out; take whole molecules into an electrode"
        )


def check_charges(case: Case, path: Path) -> None:
    liquid = float(case.electrolyte.charges.sum())
    total = liquid + case.total_charge
    if abs(total) > NEUTRALITY_TOLERANCE:
        raise InputError(
            f"{path}: the cell is not neutral: electrode {charge_words(case.total_charge)}, electrolyte"
            f" {charge_words(liquid)}, sum {charge_words(total)}; change total_charge_e or the number of ions"
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


def check_mobile(case: Case, path: Path) -> None:
    """What does not go together with an electrode whose atoms move."""
    system, several = case.system, len(case.system.electrodes)
    if not case.mobile:
        return
    name = next(section.name for section in system.electrodes if section.mobile)
    where = f"{path}: electrode '{name}' is mobile"
    if several > 1:
        raise InputError(f"{where}, and there are {several} electrodes; one that moves must be the only one")
    if system.ipi_atoms == "liquid":
        raise InputError(f"{where}, and ipi_atoms: liquid keeps its atoms from i-PI; write ipi_atoms: all")
    if system.slab is not None:
        raise InputError(f"{where}, and slab: is for electrodes in their place; leave one of them out")
    if system.refresh.interval != 1:
        raise InputError(
            f"{where}, and charges that are kept for {system.refresh.interval} steps give no forces on it;"
            " write refresh: {interval: 1}"
        )


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
    cutoff = case.cutoff / ANGSTROM_TO_BOHR
    if case.given is None:
        where = f"{path}: force_field.cutoff_angstrom"
    else:
        where = f"{case.given.path}: the cut-off"
    if cutoff > longest * (1.0 + _ROUNDING):
        raise InputError(f"{where} {cutoff:g} exceeds half the smallest height of the cell, {longest:.3f}")
