"""``polcouple build``: a liquid on an electrode or between two, ready for i-PI."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from polcouple.builder.build import build_case
from polcouple.builder.electrodes import ElectrodeOptions
from polcouple.builder.molecule_files import molecule_of_words
from polcouple.builder.named import WATERS
from polcouple.builder.named_surfaces import FORMS
from polcouple.builder.options import BuildOptions
from polcouple.builder.serving import serving_backends
from polcouple.builder.surfaces import GRAPHENE_CELL
from polcouple.case.ions import ION_CHARGES
from polcouple.cli.option_arguments import add_ipi_atoms
from polcouple.errors import InputError
from polcouple.log import log

_Value = TypeVar("_Value")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple build``."""
    default = BuildOptions()
    parser.add_argument("directory", type=Path, metavar="CASE", help="directory to write; must not exist yet")
    _add_electrode_arguments(parser)
    _add_liquid_arguments(parser)
    for name, text in (
        ("vacuum", "empty space above it in Angstrom"),
        ("temperature", "in kelvin"),
        ("equilibration", "in ps"),
    ):
        value = getattr(default, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=float, default=value, help=f"{text} ({value:g})"
        )
    parser.add_argument(
        "--voltage", type=float, metavar="V",
        help="build a second electrode opposite the first, and hold the first at this potential against it",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=default.seed, help="of all random numbers (1)")
    parser.add_argument("--platform", default=default.platform, help="OpenMM platform (CPU)")
    add_ipi_atoms(parser)


def _add_liquid_arguments(parser: argparse.ArgumentParser) -> None:
    default = BuildOptions()
    parser.add_argument(
        "--water", type=int, metavar="N", help="number of waters (as many as the gap has room for)"
    )
    parser.add_argument(
        "--water-model", default=default.water_model, metavar="NAME",
        help=f"{', '.join(WATERS)}; all but spc_fw are rigid, 2 fs ({default.water_model})",
    )  # fmt: skip
    parser.add_argument(
        "--hydrogen-mass", type=float, metavar="U",
        help="of rigid water's hydrogens, taken from its oxygen, in u; from 3 on, steps are of 4 fs (1.008)",
    )  # fmt: skip
    for ion in ION_CHARGES:
        parser.add_argument(f"--{ion.lower()}", type=int, metavar="N", help=f"number of {ion} ions")
    parser.add_argument(
        "--molecule", nargs="+", action="append", default=[], metavar="FILE",
        help="FILE... COUNT, once for each kind of molecules: their force field (.top, .itp, OpenMM's .xml),"
        " which serves all if named once, and the structure of one (.gro, .pdb); there is water with --water",
    )  # fmt: skip
    parser.add_argument(
        "--total-charge", type=float, metavar="E",
        help=f"charge of the electrode in e (0 at ions that are neutral, else {default.total_charge:g})",
    )  # fmt: skip
    parser.add_argument(
        "--gap", type=float, metavar="D",
        help="thickness of the liquid, or distance of two electrodes, in Angstrom (what the number of waters"
        f" or --density gives, else {default.gap:g})",
    )  # fmt: skip
    parser.add_argument(
        "--density", type=float, metavar="D",
        help="of the liquid in g/cm3, for a gap that is not given (that of water where all is by name)",
    )  # fmt: skip


def _liquid(args: argparse.Namespace) -> dict[str, Any]:
    """Options of what the liquid is of: the reference system's where no part of it is named."""
    default = BuildOptions()
    counts = {ion: getattr(args, ion.lower()) for ion in ION_CHARGES}
    ions = {ion: count for ion, count in counts.items() if count}
    named = args.water is not None or args.molecule or any(count is not None for count in counts.values())
    water, gap = args.water, args.gap
    if args.molecule and water is None:
        water = 0
    if gap is None and water is None:
        gap = default.gap
        electrode = args.electrode == ["graphene"] and not (args.repeat or args.vacancies or args.dopants)
        water = default.n_water if electrode and not named else None
    neutral = not sum(ION_CHARGES[ion] * count for ion, count in (ions if named else default.ions).items())
    total_charge = 0.0 if neutral else default.total_charge
    return {
        "n_water": water,
        "ions": ions if named else default.ions,
        "molecules": tuple(map(molecule_of_words, args.molecule)),
        "gap": gap,
        "density": args.density,
        "total_charge": total_charge if args.total_charge is None else args.total_charge,
    }


def _add_electrode_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--electrode", nargs="+", default=["graphene"], metavar="NAME",
        help=f"{', '.join(FORMS)}, or a file with a cell that ASE reads (xyz, cif, POSCAR, ...); two of them"
        " where they differ, the lower one first (graphene)",
    )  # fmt: skip
    parser.add_argument(
        "--repeat", "--sheet", type=int, nargs=2, metavar=("NX", "NY"),
        help="cells of the electrode along its lattice vectors; graphene's are of {:.2f} x {:.2f} Angstrom"
        " with four atoms each (12 7; others until they are 20 Angstrom wide)".format(*GRAPHENE_CELL),
    )  # fmt: skip
    parser.add_argument("--vacancies", type=int, default=0, metavar="N", help="carbons that are missing (0)")
    parser.add_argument(
        "--dopants", nargs="+", default=[], metavar="ELEMENT=N",
        help="atoms of other elements in place of carbons, such as N=4 B=2; --seed chooses where",
    )  # fmt: skip
    parser.add_argument(
        "--lennard-jones", nargs="+", default=[], metavar="ELEMENT=SIGMA,EPSILON",
        help="of elements of the electrode, in Angstrom and kcal/mol, in place of the builder's tables",
    )  # fmt: skip


def _by_element(words: Sequence[str], option: str, read: Callable[[str], _Value]) -> dict[str, _Value]:
    """What ELEMENT=... says of each element.

    Raises:
        InputError: a word that is none, or an element that stands twice, of which one would be lost.
    """
    found: dict[str, _Value] = {}
    for word in words:
        element, _, value = word.partition("=")
        if element in found:
            raise InputError(f"{option}: {element} stands twice; give it once")
        try:
            found[element] = read(value)
        except ValueError:
            example = "N=4" if read is int else "Ti=2.83,0.017"
            raise InputError(f"{option}: '{word}': write it as {example}") from None
    return found


def _parameters_of(text: str) -> tuple[float, float]:
    sigma, epsilon = map(float, text.split(","))
    if not (0.0 <= sigma < math.inf and 0.0 <= epsilon < math.inf):
        raise ValueError
    return sigma, epsilon


def run(args: argparse.Namespace) -> int:
    """Build and say what to do next."""
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    options = BuildOptions(
        electrode=ElectrodeOptions(
            names=tuple(args.electrode),
            repeat=args.repeat and tuple(args.repeat),
            vacancies=args.vacancies,
            dopants=_by_element(args.dopants, "--dopants", int),
            lennard_jones=_by_element(args.lennard_jones, "--lennard-jones", _parameters_of),
        ),
        **_liquid(args),
        water_model=args.water_model,
        hydrogen_mass=args.hydrogen_mass,
        vacuum=args.vacuum,
        voltage=args.voltage,
        temperature=args.temperature,
        equilibration=args.equilibration,
        seed=args.seed,
        platform=args.platform,
        ipi_atoms=args.ipi_atoms,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with RichProgress(*columns, transient=True) as bar:
        task = bar.add_task("packing", total=max(options.equilibration, 1e-3))
        case = build_case(
            args.directory,
            options,
            lambda picoseconds, doing: bar.update(task, completed=picoseconds, description=doing),
        )
        bar.update(task, completed=max(options.equilibration, 1e-3))
    log(serving_backends(case.electrode.symbols))
    log(f"{len(case)} atoms; look it over with `polcouple check {args.directory}`")
    return 0
