"""Warm solutions of `dftb` on a graphene sheet: as they are, and in two plainer ways, in one run.

    python -m benchmarks.warm_dftb [--carbons 1344] [--frames 4] [--accuracy 1e-6] [--plain]

Potentials are those of benchmarks.qm: smooth, a tenth of them exchanged from frame to frame. The ways:

- as it is: the start from the response of the last states, the gapped block by patches;
- whole: the start from the response of the bare electrode, the gapped block solved for the whole sheet;
- plain, if it is asked for: beside that, every block diagonalised in every cycle. One frame.

Errors are against a solution converged to 1e-9 e; the null baseline is the uniform charge.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.qm import CHARGE_PER_ATOM, SHEETS, Stopwatch, sheet, smooth_potentials
from polcouple.dftb.cache import default_cache_directory
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.dftb.solution import Solution
from polcouple.threads import limit_linear_algebra
from polcouple.units import KELVIN_TO_HARTREE


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--carbons", type=int, choices=SHEETS, default=1344)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--accuracy", type=float, default=1e-6)
    parser.add_argument(
        "--plain", action="store_true", help="one frame the plain way, a minute at 1344 carbons"
    )
    args = parser.parse_args()
    electrode, charge = sheet(args.carbons), CHARGE_PER_ATOM * args.carbons
    potentials = smooth_potentials(electrode, args.frames + 1)
    parameters = load_parameters(DEFAULT_SLAKO, electrode.symbols)
    solver = FrozenElectrode(
        electrode, parameters, 300.0 * KELVIN_TO_HARTREE, cache_directory=default_cache_directory()
    )
    with Stopwatch() as watch:
        cold = solver.solve(potentials[0], charge, None, args.accuracy)
    print(f"{args.carbons} C, accuracy {args.accuracy:g} e; until the first solution {watch.cost.cpu:.1f} s")
    print("way         cpu/s  wall/s  cycles", flush=True)
    found = _visit(solver, "as it is", potentials[1:], cold, args.accuracy)
    anchor = solver._anchor_for(charge)
    for block in anchor._gapped:
        block._patches = None
    _visit(solver, "whole", potentials[1:], cold, args.accuracy, from_bare=True)
    exact = [
        solver.solve(solution.site_potentials, charge, solution.guess, 1e-9).charges for solution in found
    ]
    errors = [np.abs(a.charges - b).max() for a, b in zip(found, exact, strict=True)]
    null = max(np.abs(charges - charge / args.carbons).max() for charges in exact)
    print(f"largest error as it is: {max(errors):.1e} e of {args.accuracy:g} e; uniform charge: {null:.1e} e")
    if args.plain:
        anchor._gapped, anchor._dense = [], anchor._blocks
        _visit(solver, "plain", potentials[1:2], cold, args.accuracy, from_bare=True)


def _visit(
    solver: FrozenElectrode,
    way: str,
    potentials: np.ndarray,
    start: Solution,
    accuracy: float,
    from_bare: bool = False,
) -> list[Solution]:
    """Solutions from frame to frame, and a line with their median cost."""
    found, costs = [start], []
    for potential in potentials:
        if from_bare:
            solver._last = None
        with Stopwatch() as watch:
            found.append(solver.solve(potential, start.total_charge, found[-1].guess, accuracy))
        costs.append(watch.cost)
    cpu, wall = (float(np.median([getattr(cost, name) for cost in costs])) for name in ("cpu", "wall"))
    cycles = np.mean([solution.cycles for solution in found[1:]])
    print(f"{way:10} {cpu:6.2f} {wall:7.2f} {cycles:7.2f}", flush=True)
    return found[1:]


if __name__ == "__main__":
    limit_linear_algebra()
    main()
