"""``polcouple charges``: the charges a backend gives on the frames of a trajectory."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

from polcouple.backends.base import ChargeResult, checked_solve, potential_accuracy
from polcouple.case.model import read_case
from polcouple.cli.options import add_backend_arguments, backend_from_arguments
from polcouple.errors import InputError
from polcouple.frames.reading import read_frames
from polcouple.log import Warned, log
from polcouple.output_paths import require_suffix
from polcouple.units import HARTREE_TO_EV


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple charges``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case directory")
    parser.add_argument(
        "frames",
        type=Path,
        metavar="FRAMES",
        help="all atoms in the case's order: i-PI's xyz or pdb, .pdb, .gro, .xtc, .dcd, or what ASE reads",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.npz")
    add_backend_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write ``charges`` (n_frames, n_electrode) in e, ``fermi_level`` in eV (NaN: none) and ``seconds``.

    The columns of ``charges`` are the electrode's atoms in the case's order, of several one after the other.
    """
    require_suffix(args.output, ".npz")
    if args.output.exists():
        raise InputError(f"{args.output}: exists already; choose another name or remove it")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    case = read_case(args.case)
    frames = list(read_frames(args.frames, case))
    backend = backend_from_arguments(args, case)
    from rich.progress import track

    from polcouple.coupling.forces import Surroundings

    n_electrode = len(case.electrode)
    surroundings = Surroundings(case, potential_accuracy(backend))
    results: list[ChargeResult] = []
    warned = Warned()
    seconds = []
    for number, positions in enumerate(track(frames, description=args.backend)):
        start = time.perf_counter()
        environment = surroundings.environment(positions)
        guess = results[-1] if results else None
        result = checked_solve(backend, environment, n_electrode, case.total_charge, guess, f"frame {number}")
        warned.log(result.warnings)
        results.append(result)
        seconds.append(time.perf_counter() - start)
    levels = [np.nan if r.fermi_level is None else r.fermi_level * HARTREE_TO_EV for r in results]
    temporary = args.output.with_name(args.output.name + ".new")
    with temporary.open("wb") as stream:
        np.savez(
            stream,
            charges=np.array([result.charges for result in results]),
            fermi_level=np.array(levels),
            seconds=np.array(seconds),
        )
    os.replace(temporary, args.output)
    log(f"{len(results)} frames, {np.median(seconds):.4f} s each (median); written to {args.output}")
    return 0
