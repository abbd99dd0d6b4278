"""Time and error of the `dftb` backend on configurations of a liquid, as a table and as ratios in one run.

    python benchmarks/dftb.py [--trajectory FILE.npz] [--frames 40] [--charge -4]

FILE.npz holds `site_potentials` (n_frames, 336) in Hartree/e of the 336-carbon sheet, successive frames of a
trajectory. Without it the two recorded configurations in tests/data are visited in turn, which are
independent of each other and so harder than successive frames. Errors are against a solution converged to
1e-10 e; the null baseline is the uniform charge Q/N. benchmarks/accuracy.py tries other electrodes.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

from polcouple.dftb.cache import default_cache_directory
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.electrode import Electrode
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.units import ANGSTROM_TO_BOHR, KELVIN_TO_HARTREE

DATA = Path(__file__).parent.parent / "tests" / "data" / "dftbplus"

#: wall time of DFTB+ 25.1 per configuration on two cores of the machine that made the reference data, s
DFTBPLUS_SECONDS = 13.5


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trajectory", type=Path)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--charge", type=float, default=-4.0)
    options = parser.parse_args()
    electrode, potentials = _recorded()
    if options.trajectory:
        with np.load(options.trajectory) as data:
            potentials = data["site_potentials"][: options.frames]
    else:
        potentials = np.array([potentials[k % 2] for k in range(options.frames)])
    parameters = load_parameters(DEFAULT_SLAKO, electrode.symbols)
    temperature = 300.0 * KELVIN_TO_HARTREE
    start = time.perf_counter()
    solver = FrozenElectrode(electrode, parameters, temperature, cache_directory=default_cache_directory())
    solver.solve(potentials[0], options.charge)
    print(f"preparation and first solution: {time.perf_counter() - start:.2f} s")

    exact, guess = [], None
    for potential in potentials:
        solution = solver.solve(potential, options.charge, guess, accuracy=1e-10)
        guess = solution.guess
        exact.append(solution.charges)
    reference = np.array(exact)
    null = reference - options.charge / len(electrode)
    print(f"{len(potentials)} frames, {os.environ.get('OMP_NUM_THREADS', 'all')} threads")
    print(f"null baseline Q/N: max {np.abs(null).max():.1e} e, rms {null.std():.1e} e")
    start = time.perf_counter()
    for block in solver.prepared.blocks:
        block.diagonalise(np.zeros(len(electrode)))
    cycle = time.perf_counter() - start
    print(f"one plain cycle (all blocks diagonalised): {1e3 * cycle:.0f} ms")
    print("accuracy/e  max error/e  rms error/e  cycles  median/ms  best/ms  DFTB+ time over median")
    for accuracy in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8):
        guess, errors, cycles, seconds = None, [], [], []
        for potential, target in zip(potentials, reference, strict=True):
            start = time.perf_counter()
            solution = solver.solve(potential, options.charge, guess, accuracy)
            seconds.append(time.perf_counter() - start)
            guess = solution.guess
            errors.append(solution.charges - target)
            cycles.append(solution.cycles)
        median = float(np.median(seconds[1:]))
        print(
            f"{accuracy:10.0e} {np.abs(errors).max():12.1e} {np.std(errors):12.1e} {np.mean(cycles):7.2f}"
            f" {1e3 * median:10.1f} {1e3 * min(seconds):8.1f} {DFTBPLUS_SECONDS / median:10.0f}"
        )
    _, response = solver.bare_reference(options.charge)
    start = time.perf_counter()
    linear = potentials @ response.charge_kernel + options.charge / len(electrode)
    seconds_each = (time.perf_counter() - start) / len(potentials)
    print(
        f"  response {np.abs(linear - reference).max():12.1e} {np.std(linear - reference):12.1e} {'-':>7}"
        f" {1e3 * seconds_each:10.3f} {'':8} {DFTBPLUS_SECONDS / seconds_each:10.0f}"
    )


def _recorded() -> tuple[Electrode, list[np.ndarray]]:
    """The reference electrode, and its site potentials in two recorded configurations."""
    potentials = []
    for name in ("nacl336_0005", "nacl336_0040"):
        with np.load(DATA / f"{name}.npz") as data:
            positions, cell = data["positions"] * ANGSTROM_TO_BOHR, data["cell"] * ANGSTROM_TO_BOHR
            electrode = Electrode(tuple(str(symbol) for symbol in data["symbols"]), positions, cell)
            sources = data["mm_positions"] * ANGSTROM_TO_BOHR
            potentials.append(ewald_potential(positions, sources, data["mm_charges"], cell, accuracy=1e-9))
    return electrode, potentials


if __name__ == "__main__":
    main()
