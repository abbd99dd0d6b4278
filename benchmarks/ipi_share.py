"""What a step costs i-PI alone: processor time of its process, while forces come at once from here.

    python -m benchmarks.ipi_share ipi_inputs/graphene_nacl --rounds 3

takes turns between the case with its electrode in i-PI and without it, for each of its inputs. The forces are
zero; the charges that come with them are numbers of as many digits as real ones have.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.ipi_steps import _seconds_of, _start
from polcouple.case.model import Case, read_case
from polcouple.coupling.forces import Evaluation
from polcouple.importing.ipi_side import write_ipi_side
from polcouple.ipi.input import read_xml, set_total_steps, write_xml
from polcouple.ipi.sockets import socket_addresses
from polcouple.propagation.driver import DriverReport, connect, serve
from polcouple.simulation.directory import prepare

_WARM_UP = 20


def liquid_in_ipi(directory: Path, new: Path) -> Case:
    """The case in ``directory``, written to ``new`` with its electrodes' atoms outside i-PI."""
    case = read_case(directory)
    shutil.copytree(directory, new, ignore=shutil.ignore_patterns("run_*", "*.xyz", "input*.xml"))
    write_ipi_side(new, case, case.positions, "liquid", temperature=300.0, seed=1)
    return read_case(new)


class _AtOnce:
    """In place of a force provider."""

    def __init__(self, case: Case) -> None:
        charges = np.random.default_rng(1).normal(-0.012, 0.012, len(case.electrode))
        extras = {"charges": charges, "total_charge": float(charges.sum()), "refresh_work": 0.1234567890123}
        self._answer = Evaluation(0.0, np.zeros_like(case.positions), extras)

    def evaluate(self, positions: np.ndarray, cell: np.ndarray, replica: int = 0) -> Evaluation:
        return self._answer


def ipi_share(directory: Path, input_name: str = "input.xml", count: int = 400) -> dict[str, float]:
    """Processor time in ms a step of i-PI's process (``ipi``) and of this one, the driver's (``driver``)."""
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        prepare(directory, input_name, run)
        root = read_xml(run / "input.xml")
        set_total_steps(root, count + _WARM_UP)
        write_xml(root, run / "input.xml")
        case = read_case(run)
        addresses = socket_addresses(root, run / "input.xml")
        ipi = _start("i-pi", ["input.xml"], run)
        marks: list[tuple[float, float]] = []

        def progress(report: DriverReport) -> None:
            if report.evaluations in (_WARM_UP, _WARM_UP + count):
                marks.append((_seconds_of(ipi.pid), sum(os.times()[:2])))

        try:
            streams = connect(addresses, 600.0, lambda message: None)
            serve(addresses, streams, [_AtOnce(case)] * len(addresses), case, progress)
            ipi.wait(60)
        finally:
            if ipi.poll() is None:
                ipi.kill()
    spent = 1e3 * np.diff(np.array(marks), axis=0)[0] / count
    return {"ipi": float(spent[0]), "driver": float(spent[1])}


def main() -> None:
    """Print medians over rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--inputs", nargs="+", default=["input.xml", "input_nve.xml", "input_mts.xml"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        liquid = Path(scratch) / "liquid"
        liquid_in_ipi(args.case, liquid)
        cases = {"all atoms": args.case, "liquid": liquid}
        for input_name in args.inputs:
            if not (args.case / input_name).is_file():  # no multiple time stepping of rigid molecules
                continue
            found: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
            for _ in range(args.rounds):
                for name, directory in cases.items():
                    found[name].append(ipi_share(directory, input_name, args.steps))
            for name, rows in found.items():
                parts = [f"{key} {np.median([row[key] for row in rows]):.2f} ms" for key in rows[0]]
                print(f"{input_name}: {name} in i-PI: {', '.join(parts)} a step", flush=True)


if __name__ == "__main__":
    main()
