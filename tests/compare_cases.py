"""Run directories as `polcouple run` leaves them, with made-up frames."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from conftest import SMALL

from polcouple.ipi.input import read_xml, set_total_steps, write_xml
from polcouple.propagation.plan import RunPlan
from polcouple.propagation.record import begin_record
from polcouple.simulation.changes import made_of
from polcouple.units import BOHR_TO_ANGSTROM

#: steps of 0.5 fs between the frames
STRIDE = 200


def write_run(
    directory: Path,
    frames: Iterable[np.ndarray],
    charges: Iterable[np.ndarray],
    symbols: tuple[str, ...],
    backend: str = "response",
    interval: int = 1,
    case: Path = SMALL,
    finished: bool = True,
) -> Path:
    """A run directory of ``case``; positions (N, 3) in bohr and charges (n,) in e, a frame every 0.1 ps."""
    directory.mkdir(parents=True)
    for name in ("system.yaml", "init.xyz", "electrode.xyz"):
        if (case / name).exists():
            shutil.copy(case / name, directory)
    lengths = (case / "init.xyz").read_text().splitlines()[1].split()[2:5]
    count = 0
    with (directory / "simulation.positions_0.xyz").open("w") as stream:
        for count, positions in enumerate(frames, start=1):
            stream.write(f"{len(symbols)}\n{comment(lengths, (count - 1) * STRIDE)}\n")
            for symbol, place in zip(symbols, positions * BOHR_TO_ANGSTROM, strict=True):
                stream.write(f"{symbol:>8} {place[0]:12.5e} {place[1]:12.5e} {place[2]:12.5e}\n")
    with (directory / "simulation.charges_0").open("w") as stream:
        for number, row in enumerate(charges):
            stream.write(f" #EXTRAS(charges)# Step: {number * STRIDE:10d} \n ")
            stream.write("  ".join(f"{charge:.16e}" for charge in row) + "\n")
    root = read_xml(case / "input.xml")
    last = (count - 1) * STRIDE
    set_total_steps(root, last if finished else last + 1)
    write_xml(root, directory / "input.xml")
    (directory / "RESTART").write_text(f"<simulation><step> {last} </step></simulation>\n")
    begin_record(directory, made_of(RunPlan(directory, "input.xml", backend, {}, refresh=interval)))
    return directory


def comment(lengths: list[str], step: int) -> str:
    """The second line of a frame, as i-PI writes it."""
    return (
        f"# CELL(abcABC): {' '.join(lengths)} 90.0 90.0 90.0 Step: {step:10d} Bead: 0"
        " positions{angstrom}  cell{angstrom}"
    )


def jiggled(case, count: int, seed: int = 0) -> list[np.ndarray]:
    """Frames of a case whose waters and ions are moved as wholes, a little and at random."""
    generator = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        positions = case.positions.copy()
        shifts = generator.normal(scale=0.3, size=(len(case.water_oxygens), 3))
        for atom in range(3):
            positions[case.water_oxygens + atom] += shifts
        positions[case.ion_indices] += generator.normal(scale=0.3, size=(len(case.ion_indices), 3))
        frames.append(positions)
    return frames


def thinned_case(directory: Path, waters: int) -> Path:
    """The small case with its first few waters only."""
    directory.mkdir()
    system = (SMALL / "system.yaml").read_text()
    count = int(system.partition("species: water")[2].split()[1])
    (directory / "system.yaml").write_text(system.replace(f"count: {count}\n", f"count: {waters}\n"))
    for name in ("input.xml", "electrode_atoms.txt"):
        shutil.copy(SMALL / name, directory)
    lines = (SMALL / "init.xyz").read_text().splitlines(keepends=True)
    first = 2 + sum(line.split()[0] == "C" for line in lines[2:])
    kept = lines[2 : first + 3 * waters] + lines[first + 3 * count :]
    (directory / "init.xyz").write_text("".join([f"{len(kept)}\n", lines[1], *kept]))
    return directory
