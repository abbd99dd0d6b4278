"""``polcouple electron-density``: the electrodes' excess electrons, and the potential across the cell."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np

from polcouple.analysis.electron_density import mean_density
from polcouple.analysis.mean_orbitals import WaveFunctions
from polcouple.analysis.model_density import ModelQuantity
from polcouple.analysis.moving_density import (
    Electrons,
    electrons_at_level,
    mean_moving_density,
    moving_grid,
)
from polcouple.case.holding import holding
from polcouple.case.model import Case, read_case
from polcouple.case.schema import Potential
from polcouple.cli.options import add_backend_arguments, finite, given_settings, positive_length
from polcouple.coupling.electrodes import require_in_place
from polcouple.electrostatics.cloud_grid import grid_shape
from polcouple.errors import InputError
from polcouple.frames.cube import write_cube
from polcouple.frames.reading import read_frames
from polcouple.log import log
from polcouple.nn.density.files import load_density
from polcouple.nn.grand.model import load_grand_model
from polcouple.nn.model_files import find_model
from polcouple.number_words import fixed
from polcouple.report.electron_density import GRIDS, MODEL_GRIDS, Output, require_room, write_density
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple electron-density``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case directory")
    parser.add_argument(
        "frames",
        type=Path,
        metavar="FRAMES",
        help="of the case, in a format that `polcouple charges` reads",
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="new directory for what is written"
    )
    parser.add_argument(
        "--spacing", type=positive_length, default=0.2, metavar="A", help="of the grid, Angstrom (0.2)"
    )
    parser.add_argument(
        "--window", type=positive_length, default=3.0, metavar="A",
        help="over which profiles are averaged along z, too, Angstrom (3)",
    )  # fmt: skip
    parser.add_argument(
        "--grids",
        nargs="*",
        choices=(*GRIDS, *MODEL_GRIDS),
        help=f"what is written as a cube: {', '.join(GRIDS)};"
        f" with --model {', '.join(MODEL_GRIDS)} (all);"
        " none if no name follows",
    )
    held = parser.add_mutually_exclusive_group()
    held.add_argument(
        "--voltage", type=finite, metavar="U", help="between two electrodes, V, over the case's"
    )
    held.add_argument("--fermi-level", type=finite, metavar="E", help="of one electrode, eV, over the case's")
    held.add_argument("--total-charge", type=finite, metavar="Q", help="of one electrode, e, over the case's")
    parser.add_argument(
        "--wfc", type=Path, metavar="FILE", help="the parameter set's wfc.hsd: densities in orbitals, too"
    )
    parser.add_argument(
        "--model", metavar="MODEL",
        help="a density model (`polcouple train density`): its densities, too; a shipped one's name, or a"
        " path with a slash in it",
    )  # fmt: skip
    parser.add_argument(
        "--states", type=finite, nargs=2, metavar=("LOW", "HIGH"),
        help="with --wfc: states between these energies from the Fermi level, eV, by themselves",
    )  # fmt: skip
    parser.add_argument(
        "--potential", metavar="MODEL",
        help="of an electrode that moves: a grand potential that tells its electrons at the Fermi level",
    )  # fmt: skip
    add_backend_arguments(parser, required=False)


def run(args: argparse.Namespace) -> int:
    """Average over the frames and write cubes, profiles, pictures and a summary."""
    from rich.progress import Progress

    stopped = threading.Event()
    case = read_case(args.case)
    if case.mobile and args.model is not None:
        return _run_moving(args, case)
    require_in_place(case)
    if args.potential is not None or args.backend is None:
        wrong = "--potential is for an electrode that moves" if args.potential else "--backend is missing"
        raise InputError(f"{wrong}; give --backend NAME, where the charges come from")
    case = _held(case, args)
    spacing = args.spacing * ANGSTROM_TO_BOHR
    shape = grid_shape(case.cell, spacing)
    model = None if args.model is None else load_density(find_model(_place(args.model)))
    output = Output(args.output, _grids(args), args.window * ANGSTROM_TO_BOHR)
    require_room(output, shape)
    settings = given_settings(args)
    waves = _wave_functions(args)
    read = until_stopped(read_frames(args.frames, case), stopped)
    with Progress() as progress:
        frames = progress.track(read, description=args.backend)
        found = mean_density(case, args.backend, frames, spacing, settings, waves, model)
    if stopped.is_set():
        log(f"stopped: writing the means over the {found.frames} frame(s) so far")
    made_of = {"backend": args.backend, "settings": {k: str(v) for k, v in settings.items()}}
    if model is not None:
        made_of["model"] = model.name
    lines = write_density(found, output, {"frames_file": str(args.frames), **made_of})
    for line in lines:
        log(line)
    log(
        f"means over {found.frames} frame(s), grid of {' x '.join(map(str, shape))}, written to {args.output}"
    )
    return 130 if stopped.is_set() else 0


def _run_moving(args: argparse.Namespace, case: Case) -> int:
    """Means of a density model over frames of an electrode that moves."""
    from rich.progress import Progress

    model, electrons = load_density(find_model(_place(args.model))), _electrons(args, case)
    shape = moving_grid(case, args.spacing * ANGSTROM_TO_BOHR)
    names: tuple[ModelQuantity, ...] = ("model_difference", "model_excess")
    require_room(Output(args.output, names, args.window * ANGSTROM_TO_BOHR), shape)
    stopped = threading.Event()
    read = until_stopped(read_frames(args.frames, case), stopped)
    with Progress() as progress:
        found = mean_moving_density(case, model, electrons, progress.track(read), shape)
    args.output.mkdir(parents=True, exist_ok=True)
    for name, grid in zip(names, (found.difference, found.excess), strict=True):
        atoms, path = found.atoms, args.output / f"{name}.cube"
        write_cube(path, MODEL_GRIDS[name], atoms.symbols, atoms.positions, case.cell, shape, [grid])
    excess = fixed(found.electrons.mean(), 4, sign=True)
    counted = f"{excess} excess electrons, means over {len(found.electrons)} frame(s)"
    log(f"{counted}, written to {args.output}")
    return 130 if stopped.is_set() else 0


def _electrons(args: argparse.Namespace, case: Case) -> Electrons:
    """How many electrons the electrode has in a frame, as the command line or the case says."""
    if args.total_charge is not None:
        return lambda positions: -args.total_charge
    level = args.fermi_level
    if level is None and case.system.potential is not None:
        level = case.system.potential.fermi_level_ev
    if level is None or args.potential is None:
        raise InputError(
            "the density of an electrode that moves needs a number of electrons: give --total-charge Q, or"
            " --potential MODEL for that at the Fermi level"
        )
    potential = load_grand_model(find_model(_place(args.potential)))
    if (told := potential.outside(level)) is not None:
        log(f"warning: {told}")
    return electrons_at_level(case, potential, level)


def until_stopped(frames: Iterable[np.ndarray], stopped: threading.Event) -> Iterator[np.ndarray]:
    """The same frames up to the one during which Ctrl-C sets ``stopped``; a second one is as usual."""

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, usual)

    usual = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, stop)
    try:
        for positions in frames:
            yield positions
            if stopped.is_set():
                return
    finally:
        signal.signal(signal.SIGINT, usual)


def _place(model: str) -> str | Path:
    return Path(model) if "/" in model else model


def _grids(args: argparse.Namespace) -> tuple[str, ...]:
    """What is written as a cube.

    Raises:
        InputError: a density model's, where there is none.
    """
    if args.grids is None:
        return (*GRIDS, *MODEL_GRIDS) if args.model is not None else tuple(GRIDS)
    asked = [name for name in args.grids if name in MODEL_GRIDS]
    if asked and args.model is None:
        raise InputError(f"--grids {asked[0]} needs a density model; give --model MODEL")
    return tuple(dict.fromkeys(args.grids))


def _wave_functions(args: argparse.Namespace) -> WaveFunctions | None:
    if args.wfc is None:
        if args.states is not None:
            raise InputError("--states needs the set's wave functions; give --wfc FILE")
        return None
    window = None
    if args.states is not None:
        window = (args.states[0] * EV_TO_HARTREE, args.states[1] * EV_TO_HARTREE)
    return WaveFunctions(args.wfc, window)


def _held(case: Case, args: argparse.Namespace) -> Case:
    """The case at what the command line says."""
    if args.voltage is not None:
        return holding(case, Potential(voltage_volt=args.voltage))
    if args.fermi_level is not None:
        return holding(case, Potential(fermi_level_ev=args.fermi_level, counter_charge="background"))
    return case if args.total_charge is None else holding(case, args.total_charge)
