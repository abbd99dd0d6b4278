"""``polcouple build``: an aqueous electrolyte on a graphene sheet or between two, ready for i-PI."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.builder.build import BuildOptions, build_case
from polcouple.builder.surfaces import GRAPHENE_CELL
from polcouple.case.force_field import ION_CHARGES
from polcouple.log import log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple build``."""
    default = BuildOptions()
    parser.add_argument("directory", type=Path, metavar="CASE", help="directory to write; must not exist yet")
    parser.add_argument(
        "--sheet", type=int, nargs=2, default=default.sheet, metavar=("NX", "NY"),
        help="graphene cells of {:.2f} x {:.2f} Angstrom with four atoms each (12 7)".format(*GRAPHENE_CELL),
    )  # fmt: skip
    parser.add_argument("--water", type=int, default=default.n_water, help="number of waters (2065)")
    parser.add_argument(
        "--water-model", default=default.water_model, metavar="NAME",
        help="spc_fw (flexible, 0.5 fs), or rigid at 2 fs: spc_e, tip3p (spc_fw)",
    )  # fmt: skip
    parser.add_argument(
        "--hydrogen-mass", type=float, metavar="U",
        help="of rigid water's hydrogens, taken from its oxygen, in u; from 3 on, steps are of 4 fs (1.008)",
    )  # fmt: skip
    for ion in ION_CHARGES:
        parser.add_argument(
            f"--{ion.lower()}", type=int, default=default.ions.get(ion, 0), metavar="N",
            help=f"number of {ion} ions ({default.ions.get(ion, 0)})",
        )  # fmt: skip
    for name, text in (
        ("total_charge", "charge of the electrode in e"),
        ("gap", "thickness of the electrolyte, or distance of two sheets, in Angstrom"),
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
        help="build a second sheet opposite the first, and hold the first at this potential against it",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=default.seed, help="of all random numbers (1)")
    parser.add_argument("--platform", default=default.platform, help="OpenMM platform (CPU)")


def run(args: argparse.Namespace) -> int:
    """Build and say what to do next."""
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    options = BuildOptions(
        sheet=tuple(args.sheet),
        n_water=args.water,
        water_model=args.water_model,
        hydrogen_mass=args.hydrogen_mass,
        ions={ion: getattr(args, ion.lower()) for ion in ION_CHARGES if getattr(args, ion.lower())},
        total_charge=args.total_charge,
        gap=args.gap,
        vacuum=args.vacuum,
        voltage=args.voltage,
        temperature=args.temperature,
        equilibration=args.equilibration,
        seed=args.seed,
        platform=args.platform,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with RichProgress(*columns, transient=True) as bar:
        task = bar.add_task("packing", total=max(options.equilibration, options.time_step))
        case = build_case(
            args.directory,
            options,
            lambda picoseconds, doing: bar.update(task, completed=picoseconds, description=doing),
        )
        bar.update(task, completed=max(options.equilibration, options.time_step))
    log(f"{len(case)} atoms; look it over with `polcouple check {args.directory}`")
    return 0
