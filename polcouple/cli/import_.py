"""``polcouple import``: a case from another program's files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from polcouple.cli.option_arguments import add_ipi_atoms
from polcouple.errors import InputError
from polcouple.importing.source import PairOptions, Rigid, Source
from polcouple.importing.writing import ImportOptions, import_case
from polcouple.log import log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple import``."""
    parser.add_argument("directory", type=Path, metavar="CASE", help="directory to write; must not exist yet")
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="force field and structure: GROMACS .top and .gro, Amber .prmtop and .inpcrd, CHARMM .psf,"
        " parameters and .crd or .pdb, OpenMM force fields .xml and .pdb, or a System .xml and .pdb",
    )
    pairs, default = PairOptions(), ImportOptions()
    parser.add_argument(
        "--electrode",
        action="append",
        default=[],
        metavar="SELECTION",
        help="atoms of an electrode in MDAnalysis' selection language, 'resname GRA and prop z < 20'; once"
        " for each electrode",
    )
    parser.add_argument(
        "--electrode-indices",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="a file with the atoms of an electrode, counted from 0 without virtual sites",
    )
    parser.add_argument(
        "--total-charge",
        action="append",
        type=float,
        default=[],
        metavar="E",
        help="charge of an electrode in e, once for each in their order (what the files give it)",
    )
    parser.add_argument(
        "--voltage", type=float, metavar="V", help="hold the first of two electrodes at this potential"
    )
    parser.add_argument(
        "--keep-bonded",
        action="store_true",
        help="keep the files' terms between bonded electrode atoms, which are a constant energy",
    )
    parser.add_argument(
        "--cutoff",
        type=float,
        metavar="ANGSTROM",
        help=f"of pairs in real space ({pairs.cutoff:g}); a System has its own",
    )
    parser.add_argument(
        "--switch",
        type=float,
        metavar="ANGSTROM",
        help="where Lennard-Jones energies begin to go to zero (1 below the cut-off; the cut-off itself"
        " truncates them)",
    )
    parser.add_argument(
        "--rigid",
        choices=get_args(Rigid),
        help="what is rigid where the files do not say: water; water and the bonds of hydrogens; none, by the"
        " files' springs (water); GROMACS' files and a System say it themselves",
    )
    parser.add_argument(
        "--cell",
        type=float,
        nargs="+",
        metavar="X",
        help="A B C in Angstrom, with ALPHA BETA GAMMA in degrees where they are not 90, over the files'",
    )
    parser.add_argument(
        "--include",
        action="append",
        type=Path,
        default=[],
        metavar="FOLDER",
        help="where a .top looks for the files that it includes; may be repeated",
    )
    parser.add_argument(
        "--define",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="a macro of a .top, such as FLEXIBLE; may be repeated",
    )
    parser.add_argument(
        "--temperature", type=float, default=default.temperature, help="of the inputs, in kelvin (300)"
    )
    parser.add_argument("--seed", type=int, default=default.seed, help="of all random numbers (1)")
    add_ipi_atoms(parser)


def run(args: argparse.Namespace) -> int:
    """Import, and say what to do next."""
    options = ImportOptions(
        electrodes=tuple(args.electrode),
        indices=tuple(args.electrode_indices),
        total_charges=tuple(args.total_charge),
        keep_bonded=args.keep_bonded,
        voltage=args.voltage,
        temperature=args.temperature,
        seed=args.seed,
        ipi_atoms=args.ipi_atoms,
    )
    from polcouple.importing.waters import count_rigid, waters_of

    source = _source(args)
    case = import_case(args.directory, source, options)
    if waters := waters_of(source.system, source.elements):
        log(f"{count_rigid(source.system, waters)} of {len(waters)} waters are rigid")
    log(f"{len(case)} atoms; look it over with `polcouple check {args.directory}`")
    return 0


def _source(args: argparse.Namespace) -> Source:
    """By the files' suffixes.

    Raises:
        InputError: they are no pair that is known.
    """
    default = PairOptions()
    cutoff = default.cutoff if args.cutoff is None else args.cutoff
    switch = cutoff - 1.0 if args.switch is None else args.switch
    pairs = PairOptions(cutoff, None if switch == cutoff else switch, args.rigid or default.rigid)
    suffixes = [path.suffix.lower() for path in args.files]
    if suffixes == [".gro", ".top"]:
        structure, force_field = args.files
        raise InputError(f"{structure} {force_field}: swap them, the .top comes first and the .gro after it")
    if ".top" in suffixes and suffixes != [".top", ".gro"]:
        raise InputError(
            f"{' '.join(map(str, args.files))}: give a .top first, and a .gro after it (`gmx editconf -f"
            " OTHER -o NAME.gro` makes one)"
        )
    if suffixes != [".top", ".gro"]:
        _require_none(args, ("include", "define"), "of a .top alone")
    if suffixes == [".top", ".gro"]:
        _require_none(args, ("rigid",), "what GROMACS' files say themselves")
        from polcouple.importing.gromacs import read_gromacs

        defines = dict(word.partition("=")[::2] for word in args.define)
        force_field, structure = args.files
        return read_gromacs(force_field, structure, pairs, args.include, defines, args.cell)
    if suffixes[0] in (".prmtop", ".parm7") and len(suffixes) == 2:
        from polcouple.importing.amber import read_amber

        prmtop, structure = args.files
        return read_amber(prmtop, structure, pairs, args.cell)
    if suffixes[0] == ".psf":
        from polcouple.importing.amber import read_charmm

        psf, *parameters, structure = args.files
        return read_charmm(psf, parameters, structure, pairs, args.cell)
    if suffixes[0] == ".xml" and len(suffixes) > 1:
        from polcouple.importing.openmm_files import is_system, read_force_field, read_system

        *fields, structure = args.files
        if len(fields) == 1 and is_system(fields[0]):
            _require_none(args, ("cutoff", "switch", "rigid"), "what a System says itself")
            return read_system(fields[0], structure, args.cell)
        return read_force_field(fields, structure, pairs, args.cell)
    raise InputError(
        f"no way to import {' and '.join(map(str, args.files))}; give the force field first and the structure"
        " after it, such as system.top system.gro"
    )


def _require_none(args: argparse.Namespace, options: tuple[str, ...], why: str) -> None:
    """Refuse options that would have no effect."""
    for option in options:
        if getattr(args, option) not in (None, []):
            raise InputError(f"--{option} is {why}; leave it out for {' '.join(map(str, args.files))}")
