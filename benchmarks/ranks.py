"""The liquid by LAMMPS on so many ranks beside ``part: electrode``: processor time of each program in a step.

    python -m benchmarks.ranks [--ranks 1 2] [--backend response] [--accuracy 1e-5] [--steps 100]

i-PI, the driver with one thread, and LAMMPS under MPI at unix sockets. Ranks that wait do so by spinning,
which is processor time, too.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from benchmarks.lammps_electrode import program
from benchmarks.usage import seconds_of, tree
from polcouple.case.model import read_case
from polcouple.ipi.input import read_xml, set_total_steps, write_xml
from polcouple.propagation.progress import Properties

_ROOT = Path(__file__).parent.parent
#: steps before what is measured
_WARM = 20


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", type=Path, default=_ROOT / "ipi_inputs" / "graphene_nacl")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--backend", default="response")
    parser.add_argument("--accuracy", type=float, default=1e-5)
    parser.add_argument("--steps", type=int, default=100)
    args = parser.parse_args()
    for ranks in args.ranks:
        with tempfile.TemporaryDirectory() as scratch:
            row = measure(args.case, Path(scratch) / "case", ranks, args.backend, args.accuracy, args.steps)
        if ranks == args.ranks[0]:
            print(f"| {' | '.join(row)} |\n|{'---|' * len(row)}")
        print(f"| {' | '.join(f'{value:.4g}' for value in row.values())} |", flush=True)


def measure(
    source: Path, directory: Path, ranks: int, backend: str, accuracy: float, steps: int
) -> dict[str, float]:
    """Milliseconds of a step: by the clock, and of processor time of each program."""
    shutil.copytree(source, directory, ignore=shutil.ignore_patterns("run_*", "simulation*", "RESTART"))
    _write_input(directory, accuracy, _WARM + steps)
    ipi = [sys.executable, "-m", "polcouple.cli", "i-pi", "input_electrode.xml"]
    driver = [sys.executable, "-m", "polcouple.cli.driver", "--input", "input_electrode.xml"]
    driver += ["--backend", backend, "--threads", "1"]
    lammps = [program("mpiexec"), "-n", str(ranks), program("lmp"), "-in", "liquid.lammps", "-sf", "opt"]
    programs = {"i-PI": _start(ipi, directory, "ipi.log"), "driver": _start(driver, directory, "driver.log")}
    try:
        # LAMMPS does not wait for i-PI
        while "connected to" not in (directory / "driver.log").read_text():
            _require_alive(programs)
            time.sleep(0.2)
        programs["LAMMPS"] = _start(lammps, directory, "lammps.log")
        properties, marks = Properties(directory / "simulation.out"), dict[int, dict[str, float]]()
        while programs["i-PI"].poll() is None:
            reading = properties.latest()
            if reading is not None and reading.step >= _WARM and reading.step not in marks:
                spent = _spent(programs)
                if f"rank {ranks - 1}" in spent:  # ranks have not ended yet
                    marks[reading.step] = spent
            time.sleep(0.02)
    finally:
        for process in programs.values():
            if process.poll() is None:
                process.kill()
            process.wait()
    first, last = min(marks), max(marks)
    row: dict[str, float] = {"ranks": ranks}
    row |= {
        f"{name} ms": 1e3 * (value - marks[first][name]) / (last - first)
        for name, value in marks[last].items()
    }
    return row


def _write_input(directory: Path, accuracy: float, steps: int) -> None:
    """i-PI's input with both sockets, of names of their own, and LAMMPS' files."""
    sys.path.insert(0, str(_ROOT / "examples" / "electrode_part"))
    case, mark = read_case(directory), uuid.uuid4().hex[:8]
    root = read_xml(directory / "input.xml")
    importlib.import_module("share_input").shared(root, case.electrolyte_indices.tolist())
    set_total_steps(root, steps)
    for socket in root.iter("ffsocket"):
        socket.find("address").text = f" {socket.get('name')}-{mark} "
    write_xml(root, directory / "input_electrode.xml")
    importlib.import_module("lammps_liquid").write_liquid(case, directory, accuracy, f"liquid-{mark}")


def _start(words: list[str], directory: Path, log: str) -> subprocess.Popen[bytes]:
    with (directory / log).open("wb") as output:
        return subprocess.Popen(words, cwd=directory, stdout=output, stderr=subprocess.STDOUT)


def _require_alive(programs: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, process in programs.items():
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with status {process.returncode}")


def _spent(programs: dict[str, subprocess.Popen[bytes]]) -> dict[str, float]:
    """Seconds by the clock, and of processor time of each program and of each of LAMMPS' ranks."""
    spent = {"clock": time.perf_counter()}
    for name in ("i-PI", "driver"):
        spent[name] = sum(map(seconds_of, tree(programs[name].pid)))
    # the program, not the script that starts it
    ranks = [one for one in tree(programs["LAMMPS"].pid) if _name(one) == "lmp" and tree(one) == [one]]
    return spent | {f"rank {number}": seconds_of(one) for number, one in enumerate(sorted(ranks))}


def _name(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return ""


if __name__ == "__main__":
    main()
