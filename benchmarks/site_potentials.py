"""Time and accuracy of the site potentials: the reference electrode, accuracies, and scaling.

    python benchmarks/site_potentials.py [--threads 2]

Every time is the best of repeated calls in this process; every ratio is of times taken in this run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from polcouple.electrostatics.coulomb import coulomb_potential
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.units import ANGSTROM_TO_BOHR

FRAME = Path(__file__).parents[1] / "tests" / "data" / "electrostatics" / "nacl336_frame5.npz"
PERIODIC = (True, True, True)


def best_ms(function: Callable[[], object], repeats: int = 30, seconds: float = 3.0) -> float:
    """Best wall time in ms, after one call that is not counted."""
    function()
    times = []
    start = time.perf_counter()
    while len(times) < repeats and time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return 1e3 * min(times)


def tiled(frame: dict[str, np.ndarray], nx: int, ny: int) -> dict[str, np.ndarray]:
    """The frame repeated nx x ny times in the plane."""
    a, b, c = frame["cell"]
    shifts = np.array([i * a + j * b for i in range(nx) for j in range(ny)])
    repeated = {key: (frame[key] + shifts[:, None]).reshape(-1, 3) for key in ("sites", "positions")}
    return {
        **repeated,
        "charges": np.tile(frame["charges"], nx * ny),
        "cell": np.array([nx * a, ny * b, c]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    with np.load(FRAME) as data:
        frame = {
            "sites": data["electrode_positions"] * ANGSTROM_TO_BOHR,
            "positions": data["positions"].astype(float) * ANGSTROM_TO_BOHR,
            "cell": data["cell"] * ANGSTROM_TO_BOHR,
            "charges": data["electrolyte_charges"].astype(float),
        }
    sites, positions, charges, cell = (frame[key] for key in ("sites", "positions", "charges", "cell"))
    console = Console(width=120)

    exact = ewald_potential(sites, positions, charges, cell, accuracy=1e-13)
    plain = best_ms(lambda: ewald_potential(sites, positions, charges, cell, accuracy=1e-6), 2)
    console.print(
        f"{len(sites)} sites, {len(charges)} charges, {threads} threads; standard deviation of the "
        f"potential over the sites is {exact.std():.2e} Ha/e. Plain Ewald at 1e-6: {plain:.0f} ms"
    )
    table = Table(
        "accuracy", "largest error", "rms error", "grid", "width", "set-up s", "ms", "1 thread ms", "x plain"
    )
    for accuracy in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10):
        start = time.perf_counter()
        potential = SitePotential(sites, cell, PERIODIC, accuracy, threads)
        set_up = time.perf_counter() - start
        serial = SitePotential(sites, cell, PERIODIC, accuracy, 1)
        error = potential(positions, charges) - exact
        parameters = potential.parameters
        elapsed = best_ms(lambda p=potential: p(positions, charges))
        table.add_row(
            f"{accuracy:.0e}",
            f"{np.abs(error).max():.1e}",
            f"{np.sqrt((error**2).mean()):.1e}",
            "x".join(map(str, parameters.grid)),
            str(parameters.width),
            f"{set_up:.2f}",
            f"{elapsed:.2f}",
            f"{best_ms(lambda p=serial: p(positions, charges)):.2f}",
            f"{plain / elapsed:.0f}",
        )
    console.print(table)

    console.print("scaling at 1e-6: the same electrolyte density, larger sheets; every atom of each frame")
    table = Table("sites", "charges", "largest error", "set-up s", "ms", "ns per charge")
    for nx, ny in ((1, 1), (2, 2), (4, 4)):
        large = tiled(frame, nx, ny)
        start = time.perf_counter()
        potential = SitePotential(large["sites"], large["cell"], PERIODIC, 1e-6, threads)
        set_up = time.perf_counter() - start
        error = potential(large["positions"], large["charges"]) - np.tile(exact, nx * ny)
        elapsed = best_ms(lambda p=potential, d=large: p(d["positions"], d["charges"]))
        n, m = len(large["sites"]), len(large["charges"])
        table.add_row(
            str(n),
            str(m),
            f"{np.abs(error).max():.1e}",
            f"{set_up:.2f}",
            f"{elapsed:.2f}",
            f"{1e6 * elapsed / m:.0f}",
        )
    console.print(table)

    console.print("without periodicity (a flake of the same atoms): the direct sum")
    potential = SitePotential(sites, cell, (False, False, False), threads=threads)
    error = potential(positions, charges) - coulomb_potential(sites, positions, charges)
    elapsed = best_ms(lambda: potential(positions, charges))
    console.print(f"{elapsed:.2f} ms, largest error {np.abs(error).max():.1e} Ha/e")


if __name__ == "__main__":
    main()
