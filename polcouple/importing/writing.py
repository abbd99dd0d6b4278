"""A case directory from a source: what `polcouple build` writes, with the force field in a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from polcouple.case.case import Case
from polcouple.case.force_field import walls_section
from polcouple.case.given_system import GivenSystem, given_system
from polcouple.case.model import read_case, write_init_xyz
from polcouple.case.structure_guard import StructureGuard
from polcouple.electrostatics.slab import LEAST_VACUUM
from polcouple.errors import InputError
from polcouple.importing.atoms import Atoms, atoms_of, selected
from polcouple.importing.ipi_side import IpiAtoms, write_ipi_side
from polcouple.importing.source import EWALD_TOLERANCE, Source
from polcouple.importing.summary import BY_HEIGHT, electrode_line, liquid_line, time_step_of, two_sheets
from polcouple.lattice.cell import widest_gap
from polcouple.log import log
from polcouple.number_words import charge as charge_words
from polcouple.units import BOHR_TO_ANGSTROM, DALTON_TO_ELECTRON_MASS

SYSTEM_FILE = "system.xml"
#: distances of rigid molecules that are off by more, relative, are told of
_OUT_OF_SHAPE = 1e-6
#: and up to this they may be those of a liquid that moved by springs
_STRETCHED = 0.2
#: a charge of the whole cell up to this is rounding of the files, which an electrode takes (e)
_ROUNDING = 1e-3
#: masses differ from those of the elements by more, in u
_SAME_MASS = 0.02


@dataclass(frozen=True)
class ImportOptions:
    """What the files do not say.

    Attributes:
        electrodes: selections in MDAnalysis' language, one an electrode.
        indices: files of indices from 0, one an electrode.
        total_charges: of each electrode in e; none: what the files have.
        keep_bonded: keep the files' terms between bonded electrode atoms, a constant.
        voltage: first minus second potential in volts of two electrodes.
        temperature: in kelvin, of the inputs.
        seed: of their random numbers.
        walls: heights in Angstrom below and above which the liquid is pushed back; none in most files.
        ipi_atoms: which atoms i-PI has.
    """

    electrodes: tuple[str, ...] = ()
    indices: tuple[Path, ...] = ()
    total_charges: tuple[float, ...] = ()
    keep_bonded: bool = False
    voltage: float | None = None
    temperature: float = 300.0
    seed: int = 1
    walls: tuple[float, float] | None = None
    ipi_atoms: IpiAtoms = "all"


def import_case(directory: Path, source: Source, options: ImportOptions) -> Case:
    """Write the case of a source into a directory, which must not hold anything yet.

    Raises:
        InputError: the source has what cannot be honoured, or the options do not fit it.
    """
    directory = directory.resolve()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"{directory} exists and is not empty; choose another directory")
    if not 0.0 < options.temperature < np.inf:
        raise InputError(f"--temperature {options.temperature:g} must be a positive number of kelvin")
    if options.voltage is not None and not np.isfinite(options.voltage):
        raise InputError(f"--voltage {options.voltage:g} must be a finite number of volts")
    system = describe(source, options)
    system = replace(system, positions=_in_shape(source, system.given))
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as name:
        draft = Path(name)
        try:
            case = write_system(draft, system)
        except InputError as error:
            raise InputError(str(error).replace(str(draft), str(directory))) from None
        write_ipi_side(
            draft,
            case,
            case.positions,
            options.ipi_atoms,
            temperature=options.temperature,
            seed=options.seed,
            masses=system.masses,
            rigid_step=rigid_step(case),
        )
        directory.mkdir(exist_ok=True)
        # system.yaml makes a directory a case, so it comes last
        for path in sorted(draft.iterdir(), key=lambda path: path.name == "system.yaml"):
            os.replace(path, directory / path.name)
    case = read_case(directory)
    _tell_understood(case, system)
    return case


def _tell_understood(case: Case, system: Described) -> None:
    given, atoms = case.given, system.atoms
    constraints = np.empty((0, 2), int) if given is None else given.constraints
    for electrode in system.content["electrodes"]:
        own = np.concatenate([np.arange(first, last + 1) for first, last in electrode["atoms"]])
        log(
            electrode_line(
                electrode["name"],
                own,
                electrode["total_charge_e"],
                case.positions,
                atoms.residues,
                atoms.elements,
                constraints,
            )
        )
        heights = case.positions[own, 2] * BOHR_TO_ANGSTROM
        if hint := two_sheets(electrode["name"], heights, float(case.lattice[2, 2]) * BOHR_TO_ANGSTROM):
            log(hint)
    log(liquid_line(case, time_step_of(case.directory / "input.xml")))


@dataclass(frozen=True, eq=False)
class Described:
    """A source and what the files of its case say of it.

    Attributes:
        given: the source's interactions in numbers.
        atoms: of the source.
        content: of system.yaml.
        positions: (N, 3) of the atoms in bohr.
        masses: of all atoms in electron masses, where i-PI would take others by their elements.
    """

    source: Source
    given: GivenSystem
    atoms: Atoms
    content: dict[str, Any]
    positions: np.ndarray
    masses: Sequence[float] | None


def describe(source: Source, options: ImportOptions) -> Described:
    """What the files of a case will say.

    Raises:
        InputError: the source has what cannot be honoured, or the options do not fit it.
    """
    given = given_system(source.path, source.system)
    atoms = atoms_of(source, given)
    electrodes = selected(atoms, list(options.electrodes), list(options.indices))
    content = _content(source, given, atoms, electrodes, options)
    masses = _own_masses(given, atoms)
    _tell_bonds(given, np.concatenate(electrodes), options)
    return Described(source, given, atoms, content, source.positions[given.atoms], masses)


def _in_shape(source: Source, given: GivenSystem) -> np.ndarray:
    """Positions (N, 3) of the atoms in bohr, with rigid molecules, which files round, in their shape.

    Raises:
        InputError: a molecule has another shape.
    """
    from polcouple.rigid.constraints import Constraints  # compiled loops take long to load

    positions = source.positions[given.atoms]
    if not len(given.constraints):
        return positions
    masses = np.where(given.masses > 0.0, given.masses, 1.0)
    constraints = Constraints(given.constraints, given.constraint_lengths, masses)
    try:
        fitted, deviation = constraints.fitted(positions, source.cell, _STRETCHED)
    except InputError as error:
        raise InputError(f"{source.structure}: {error} (atoms counted from 0)") from None
    moves = fitted - constraints.whole(positions, source.cell)
    if deviation > _OUT_OF_SHAPE:
        farthest = float(np.linalg.norm(moves, axis=1).max()) * BOHR_TO_ANGSTROM
        log(
            f"rigid molecules of {source.structure} are put into their shape: distances were off by up to"
            f" {100.0 * deviation:.2g} %, an atom moves by up to {farthest:.3f} Angstrom"
        )
    return positions + moves


def write_system(directory: Path, system: Described) -> Case:
    """Write all of a case but i-PI's inputs.

    Raises:
        InputError: positions and force field do not fit.
    """
    (directory / SYSTEM_FILE).write_text(_serialized(system.source))
    _write_yaml(directory / "system.yaml", system.content)
    write_init_xyz(directory / "init.xyz", system.atoms.elements, system.positions, system.source.cell)
    case = read_case(directory)
    StructureGuard(case).check_order(case.positions)
    return case


def _content(
    source: Source, given: GivenSystem, atoms: Atoms, electrodes: list[np.ndarray], options: ImportOptions
) -> dict[str, Any]:
    """system.yaml."""
    fixed = np.isin(np.arange(len(atoms.labels)), np.concatenate(electrodes))
    totals = _total_charges(source, given, fixed, electrodes, options)
    content: dict[str, Any] = {
        "format": "polcouple-case-2",
        "topology": _blocks(atoms, fixed),
        "force_field": {
            "openmm_system": SYSTEM_FILE,
            "ewald_tolerance": EWALD_TOLERANCE,
            "electrode_bonded": "keep" if options.keep_bonded else "drop",
        },
        "electrodes": [
            {"name": f"electrode_{number}", "atoms": _runs(own), "total_charge_e": total}
            for number, (own, total) in enumerate(zip(electrodes, totals, strict=True), start=1)
        ],
        "refresh": {"interval": 1},
        "backends": {},
    }
    if options.walls is not None:
        content["force_field"]["walls"] = walls_section(options.walls)
    if options.voltage is not None:
        if len(electrodes) != 2:
            raise InputError(f"--voltage is between two electrodes, {len(electrodes)} named: {BY_HEIGHT}")
        content["potential"] = {"voltage_volt": options.voltage}
        _, gap = widest_gap(source.positions[:, 2], float(source.cell[2, 2]))
        if gap >= LEAST_VACUUM:
            content["slab"] = {"displacement_volt_per_angstrom": 0.0}
            log("the cell has vacuum along z: slab with D = 0, so that its images are not felt")
    return content


def _total_charges(
    source: Source,
    given: GivenSystem,
    fixed: np.ndarray,
    electrodes: list[np.ndarray],
    options: ImportOptions,
) -> list[float]:
    """Of each electrode in e; the cell's rounding is the first one's."""
    liquid = float(given.charges[~fixed].sum() + given.sites.charges.sum())
    totals = list(options.total_charges) or [float(given.charges[own].sum()) for own in electrodes]
    if len(totals) != len(electrodes):
        raise InputError(f"{len(totals)} --total-charge for {len(electrodes)} electrodes; give one for each")
    if not options.total_charges and not given.charges[fixed].any():
        totals = [-liquid / len(electrodes)] * len(electrodes)
    liquid = round(liquid, 12) + 0.0  # no -0
    excess = liquid + sum(totals)
    if not abs(excess) <= _ROUNDING:
        raise InputError(
            f"{source.path}: the cell is not neutral: liquid {charge_words(liquid)}, electrodes"
            f" {charge_words(sum(totals))}; let charges sum to {charge_words(-liquid)} by --total-charge"
        )
    totals[0] -= excess
    return [round(total, 12) + 0.0 for total in totals]  # no noise of sums, and no -0


def _blocks(atoms: Atoms, fixed: np.ndarray) -> list[dict[str, Any]]:
    """Runs of equal molecules; electrode atoms are molecules of their own."""
    numbers = atoms.molecules.tolist()
    kinds = []
    for _, group in groupby(range(len(numbers)), key=lambda i: (i, -1) if fixed[i] else (-1, numbers[i])):
        own = list(group)
        residues = dict.fromkeys(atoms.residues[i] for i in own)
        kinds.append(
            (
                "-".join(residues),
                tuple(atoms.elements[i] for i in own),
                tuple(atoms.labels[i] for i in own),
            )
        )
    return [
        {"molecule": name, "count": len(list(same)), "elements": list(elements), "labels": list(labels)}
        for (name, elements, labels), same in groupby(kinds)
    ]


def _runs(indices: np.ndarray) -> list[list[int]]:
    """[first, last] of each run of consecutive indices, ascending."""
    breaks = np.flatnonzero(np.diff(indices) > 1)
    firsts, lasts = [0, *(breaks + 1)], [*breaks, len(indices) - 1]
    return [[int(indices[a]), int(indices[b])] for a, b in zip(firsts, lasts, strict=True)]


def _own_masses(given: GivenSystem, atoms: Atoms) -> Sequence[float] | None:
    """Masses of all atoms where i-PI would take others by their elements."""
    from ipi.utils.units import Elements

    usual = np.array([Elements.mass(element) for element in atoms.elements])
    masses = np.where(given.masses > 0.0, given.masses, usual)
    other = np.abs(masses - usual) > _SAME_MASS * DALTON_TO_ELECTRON_MASS
    if not other.any():
        return None
    atom = int(other.argmax())
    log(
        f"{other.sum()} atoms have other masses than their elements, the first is atom {atom}"
        f" ({atoms.residues[atom]} {atoms.labels[atom]}, {masses[atom] / DALTON_TO_ELECTRON_MASS:g} u):"
        " i-PI gets them by <masses>"
    )
    return [float(mass) for mass in masses]


def rigid_step(case: Case) -> float:
    """Time step in fs where distances are constrained: as short as what moves beside them needs."""
    flexible = case.topology.flexible
    if any(case.symbols[atom] == "H" for atom in np.flatnonzero(flexible)):
        return 0.5
    return 1.0 if flexible.any() else 2.0


def _tell_bonds(given: GivenSystem, electrode: np.ndarray, options: ImportOptions) -> None:
    """That an electrode which the files let move will not."""
    bonds = int(np.isin(given.bonds, electrode).all(axis=1).sum())
    if bonds:
        done = "kept, a constant energy" if options.keep_bonded else "left out (--keep-bonded keeps them)"
        log(f"{bonds} bonds inside the electrode, which is frozen: the terms of its bonded atoms are {done}")


def _serialized(source: Source) -> str:
    import openmm

    return str(openmm.XmlSerializer.serialize(source.system))


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    """Lists of numbers and words on lines of their own."""
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=110)
    path.write_text(text)
