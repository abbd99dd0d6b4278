"""``polcouple charges``: the charges a backend gives on the frames of a trajectory."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.backends.base import ChargeResult, checked_solve, potential_accuracy
from polcouple.case import Case, read_case
from polcouple.command import Warned, log
from polcouple.errors import InputError
from polcouple.options import add_backend_arguments, backend_from_arguments
from polcouple.structure_guard import StructureGuard
from polcouple.units import ANGSTROM_TO_BOHR, HARTREE_TO_EV


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple charges``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case directory")
    parser.add_argument("frames", type=Path, metavar="FRAMES", help="any file ASE reads, all atoms, Angstrom")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.npz")
    add_backend_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write ``charges`` (n_frames, n_electrode) in e, ``fermi_level`` in eV (NaN: none) and ``seconds``."""
    if args.output.exists():
        raise InputError(f"{args.output}: exists already; choose another name or remove it")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    case = read_case(args.case)
    frames = list(read_frames(args.frames, case))
    backend = backend_from_arguments(args, case)
    from rich.progress import track

    from polcouple.forces import Surroundings

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


def read_frames(path: Path, case: Case) -> Iterator[np.ndarray]:
    """Positions (N, 3) in bohr of one frame after the other, checked against the case.

    Raises:
        InputError: unreadable file; a frame with other atoms, in another order, or not finite.
    """
    guard = StructureGuard(case)
    number = -1
    for number, frame in enumerate(_frames_of(path)):
        where = f"{path}: frame {number}"
        symbols = tuple(frame.get_chemical_symbols())
        if len(symbols) != len(case):
            raise InputError(f"{where} has {len(symbols)} atoms, the case has {len(case)}; give all atoms")
        if symbols != case.symbols:
            first = next(
                i for i, pair in enumerate(zip(symbols, case.symbols, strict=True)) if len({*pair}) > 1
            )
            raise InputError(
                f"{where}: atom {first} is {symbols[first]}, the case has {case.symbols[first]};"
                " keep the case's order"
            )
        cell = frame.cell.array * ANGSTROM_TO_BOHR if frame.cell.any() else case.cell
        bohr = frame.positions * ANGSTROM_TO_BOHR
        try:
            guard.check(bohr, cell)
            guard.check_order(bohr)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        yield bohr
    if number < 0:
        raise InputError(f"{path}: no frames")


def _frames_of(path: Path) -> Iterator[Any]:
    """ASE's Atoms, one after the other."""
    import ase.io

    try:
        yield from ase.io.iread(path, index=":")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except Exception as error:  # every format of ASE's raises its own
        raise InputError(f"{path}: ASE cannot read it ({type(error).__name__}: {error})") from None
