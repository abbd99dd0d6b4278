"""``polcouple charges``: the charges a backend gives on the frames of a trajectory."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from polcouple.analysis.frame_charges import frame_charges, require_new_npz, write_frame_charges
from polcouple.case.model import read_case
from polcouple.cli.options import add_backend_arguments, backend_from_arguments
from polcouple.frames.reading import read_frames
from polcouple.log import log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple charges``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case directory")
    parser.add_argument(
        "frames",
        type=Path,
        metavar="FRAMES",
        help="all atoms in the case's order, or those that i-PI has: i-PI's xyz or pdb, .pdb, .gro, .xtc,"
        " .dcd, or what ASE reads",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.npz")
    add_backend_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write the charges in e, Fermi levels in eV (NaN: none) and seconds of every frame."""
    from rich.progress import track

    require_new_npz(args.output)
    case = read_case(args.case)
    frames = list(read_frames(args.frames, case))
    backend = backend_from_arguments(args, case)
    found = frame_charges(case, backend, track(frames, description=args.backend))
    write_frame_charges(args.output, found)
    seconds = np.median(found.seconds)
    log(f"{len(frames)} frames, {seconds:.4f} s each (median); written to {args.output}")
    return 0
