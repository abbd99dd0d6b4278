"""A capacitor of a hundred thousand atoms by ``polcouple run``: the first step, a step, memory.

    python -m benchmarks.large [--case DIR] [--repeat 7 4] [--backend response] [--steps 200]

The case is repeated in the plane. The run is made twice with a cache directory of its own: the second one
finds what the first has prepared. Beside it the case itself, for the cost per atom and step.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.engine_growth import repeated
from polcouple.case.model import read_case

_ROOT = Path(__file__).parent.parent


def main() -> None:
    """Print one row for each run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path, default=_ROOT / "ipi_inputs" / "graphene_capacitor")
    parser.add_argument("--repeat", nargs=2, type=int, default=(7, 4))
    parser.add_argument("--backend", default="response")
    parser.add_argument("--steps", type=int, default=200)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for repeat, runs in (((1, 1), 1), (tuple(args.repeat), 2)):
            directory = Path(name) / f"{repeat[0]}x{repeat[1]}"
            start = time.perf_counter()
            write_case(args.case, *repeat, directory)
            built = time.perf_counter() - start
            for run in range(runs):
                row = {"run": f"{repeat[0]} x {repeat[1]}, {'prepared' if run else 'new'}", "build s": built}
                rows.append(row | measure(directory, args.backend, args.steps))
                if len(rows) == 1:
                    print(f"| {' | '.join(rows[0])} |\n|{'---|' * len(rows[0])}")
                print(f"| {' | '.join(map(_written, rows[-1].values()))} |", flush=True)


def write_case(source: Path, first: int, second: int, to: Path) -> None:
    """The case with its i-PI input, repeated along the first two lattice vectors."""
    to.mkdir()
    repeated(source, first, second, to)
    for path in source.glob("input*.xml"):
        shutil.copy(path, to)
    if (source / "electrode_atoms.txt").is_file():
        lines = "\n".join(map(str, read_case(to).electrode_indices))
        (to / "electrode_atoms.txt").write_text(f"# atoms of the electrodes, counted from 0\n{lines}\n")


def measure(directory: Path, backend: str, steps: int) -> dict[str, float]:
    """Times and memory of one run."""
    output = directory / f"run_{len(list(directory.glob('run_*')))}"
    command = [sys.executable, "-m", "polcouple.cli", "run", str(directory), "--backend", backend]
    start = time.time()
    subprocess.run(
        [*command, "--steps", str(steps), "--output", str(output)],
        env=os.environ | {"POLCOUPLE_CACHE": str(directory / "cache")},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    spent = time.time() - start
    driver = json.loads((output / "driver.json").read_text())
    later, atoms = driver["evaluations"] - 1, len(read_case(directory))
    shares = {name: 1e3 * seconds / later for name, seconds in driver["seconds"].items() if name != "wall"}
    step = sum(shares.values())
    return {
        "atoms": atoms,
        "first step s": spent - 1e-3 * step * later,
        **{f"{name} ms": value for name, value in shares.items()},
        "step ms": step,
        "us an atom": 1e3 * step / atoms,
        "MiB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def _written(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


if __name__ == "__main__":
    main()
