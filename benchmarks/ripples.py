"""Ripples of a free-standing sheet of graphene at 300 K: mean squares of its Fourier modes h(q).

    python -m benchmarks.ripples --backends response --cells 8 5 --picoseconds 50
    python -m benchmarks.ripples [--backends response dftb] [--outer 2] [--cells 5 3] [--picoseconds 12]
        [--keep FOLDER] [--figure FOLDER]

The carbons of rectangular cells, in vacuum, neutral, at the lattice constant of least free energy, move with
Langevin dynamics (BAOAB, Leimkuhler and Matthews, J. Chem. Phys. 138, 174102 (2013): exact for the positions
of a harmonic system at any time step). For

    h(q) = 1/n sum_j z_j exp(-i q . r_j)

the harmonic sheet has <|h(q)|^2> = k_B T / n^2 e* H^+ e, with H the Hessian of the coordinates z and
e_j = exp(i q . r_j): at small q, where ZA is alone, this is k_B T / (n m omega_ZA^2(q)). `response` must
have it for every q within its errors; `dftb` has it but for what is anharmonic.

All runs get the same random numbers. Friction then draws the trajectories together, the more so the less
anharmonic the forces are, and the ratio of their means is known better than either (jackknife over blocks of
both). A sheet whose cell stays is under tension t where it is warm; of area A it has

    k_B T / <|h(q)|^2> = k_B T / <|h(q)|^2>_harmonic + A t q^2,

which is fitted at small q. With ``--outer`` there is multiple time stepping, too, `dftb` every so many steps
and `response` in every one, whose averages must be those of `dftb`. What is kept goes on from there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.ripples_run import TURN, Run
from benchmarks.ripples_waves import KT, Waves, relaxed, waves
from polcouple.analysis.block_errors import Blocks, Estimate, estimate
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM, HARTREE_TO_EV

#: 1/Angstrom: |q| of the fit of a tension are smaller
_SMALL = 1.0


def of(frames: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> Estimate:
    """A function of the mean over frames (frames, ...), with its error."""
    blocks = Blocks()
    for frame in frames:
        blocks.add(frame)
    return estimate(blocks, function)


def over_harmonic(frames: np.ndarray, seen: Waves) -> tuple[Estimate, Estimate]:
    """<|h|^2> (frames, m) over the harmonic sheet's: means over the modes of each |q|, and over all modes."""

    def by_shell(mean: np.ndarray) -> np.ndarray:
        return np.array([np.mean(mean[own] / seen.harmonic[own]) for own in seen.shells])

    return of(frames, by_shell), of(frames, lambda mean: np.mean(mean / seen.harmonic))


def ratios(frames: np.ndarray, seen: Waves) -> tuple[Estimate, Estimate]:
    """The same of a second run over a first one, of frames (frames, 2, m)."""

    def by_shell(mean: np.ndarray) -> np.ndarray:
        return np.array([np.mean(mean[1, own] / mean[0, own]) for own in seen.shells])

    return of(frames, by_shell), of(frames, lambda mean: np.mean(mean[1] / mean[0]))


def paired(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Frames (frames, 2, m) that two runs have in common; they had the same random numbers."""
    common = min(len(first), len(second))
    return np.stack([first[:common], second[:common]], axis=1)


def tension(frames: np.ndarray, seen: Waves) -> Estimate:
    """Of a second run beyond a first, harmonic one, in Hartree/bohr^2, from frames (frames, 2, m) at small q.

    Both scatter alike, so that the first stands for how far the second is from its mean.
    """
    small = seen.q < _SMALL / ANGSTROM_TO_BOHR
    pull, weights = seen.area * seen.q[small] ** 2, seen.harmonic[small] ** 2

    def fit(mean: np.ndarray) -> np.ndarray:
        stiffer = (mean[0, small] / mean[1, small] - 1.0) * KT / seen.harmonic[small]
        return np.asarray((weights * stiffer * pull).sum() / (weights * pull**2).sum())

    return of(frames, fit)


def print_ripples(runs: dict[str, np.ndarray], seen: Waves, most: int) -> None:
    """By |q|, those of one length together; runs are |h|^2 (frames, m) by name, the first the measure."""
    found = {f"{name} ({len(frames)})": over_harmonic(frames, seen) for name, frames in runs.items()}
    first, *others = runs
    pairs = {name: paired(runs[first], runs[name]) for name in others}
    found |= {f"{name} over {first}": ratios(pair, seen) for name, pair in pairs.items()}
    if len(others) == 2:
        one, two = (runs[name] for name in others)
        found[f"{others[1]} over {others[0]}"] = ratios(paired(one, two), seen)
    print("| q, 1/Angstrom | modes | harmonic, Angstrom^2 |", " | ".join(found), "|  (frames)")
    for number, own in list(enumerate(seen.shells))[:most]:
        expected = seen.harmonic[own].mean() * BOHR_TO_ANGSTROM**2
        words = f"| {seen.q[own.start] * ANGSTROM_TO_BOHR:.3f} | {own.stop - own.start} | {expected:.3e} |"
        print(words, " | ".join(_words(one, number) for one, _ in found.values()), "|")
    print(f"| all | {len(seen.q)} | |", " | ".join(_words(one) for _, one in found.values()), "|")
    for name, pair in pairs.items():
        more, scale = tension(pair, seen), HARTREE_TO_EV * ANGSTROM_TO_BOHR**2
        print(f"tension of {name} beyond {first}'s, q < {_SMALL} 1/Angstrom:", end=" ")
        print(f"{scale * float(more.value):.4f} +- {scale * float(more.error):.4f} eV/Angstrom^2")
    short = [name for name, (one, _) in found.items() if not one.converged]
    if short:
        print("errors are lower bounds, the blocks being short against the slowest mode:", ", ".join(short))


def _words(found: Estimate, number: int | None = None) -> str:
    value, error = (float(one if number is None else one[number]) for one in (found.value, found.error))
    return f"{value:.4f} +- {error:.4f}"


def print_averages(runs: dict[str, np.ndarray], measure: str) -> None:
    """The sheet's averages (frames, 5) by run, and their differences from those of one run."""
    units = (1.0, BOHR_TO_ANGSTROM, BOHR_TO_ANGSTROM, BOHR_TO_ANGSTROM, 1.0)
    names = ("temperature, K", "bond, Angstrom", "rms of bonds", "rms height, Angstrom", "rms of charges, e")
    print("| | |", " | ".join(runs), "|")
    for column, (name, unit) in enumerate(zip(names, units, strict=True)):

        def value(mean: np.ndarray, root: bool = column > 1) -> np.ndarray:
            return np.asarray(np.sqrt(mean) if root else mean)

        cells, less = [], []
        for frames in runs.values():
            own = of(frames[:, column], value)
            pair = paired(runs[measure][:, column], frames[:, column])
            difference = of(pair, lambda mean: value(mean[1]) - value(mean[0]))
            cells.append(f"{unit * float(own.value):.5g} +- {unit * float(own.error):.2g}")
            less.append(f"{unit * float(difference.value):.2g} +- {unit * float(difference.error):.2g}")
        print(f"| {name} | |", " | ".join(cells), "|")
        print(f"| | less {measure} |", " | ".join(less), "|")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="+", default=["response", "dftb"])
    parser.add_argument("--outer", type=int, nargs="*", default=[], help="steps in outer ones of `dftb`")
    parser.add_argument("--cells", type=int, nargs=2, default=[5, 3])
    parser.add_argument("--picoseconds", type=float, default=12.0)
    parser.add_argument("--alone", type=float, default=0.0, help="ps that the first backend goes on to")
    parser.add_argument("--step", type=float, default=1.0, help="fs")
    parser.add_argument("--most", type=int, default=12, help="lengths of q that are printed")
    parser.add_argument("--keep", type=Path, help="a folder that runs go on from")
    parser.add_argument("--figure", type=Path, help="folder of ripples.png")
    args = parser.parse_args()
    cells = tuple(args.cells)
    electrode = relaxed(cells)
    seen = waves(electrode, cells)
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    wanted = {name: (name, 1) for name in args.backends}
    wanted |= {f"dftb every {outer * args.step:g} fs": ("dftb", outer) for outer in args.outer}
    runs = {}
    for name, (backend, outer) in wanted.items():
        file = args.keep / f"{name.replace(' ', '_')}.npz" if args.keep else None
        runs[name] = Run(backend, outer, electrode, seen, args.step, file)
    for turn in range(1, round(args.picoseconds / TURN) + 1):
        for run in runs.values():
            run.advance(turn)
        print(f"{turn * TURN:.1f} of {args.picoseconds:g} ps", file=sys.stderr, flush=True)
    runs[args.backends[0]].advance(round(args.alone / TURN))
    for name, run in runs.items():
        print(f"{name}: {run.milliseconds:.2f} ms of processor time a step")
    squares = {name: run.kept[:, : len(seen.q)] for name, run in runs.items()}
    print_ripples(squares, seen, args.most)
    averages = {name: run.kept[:, len(seen.q) :] for name, run in runs.items()}
    print_averages(averages, "dftb" if "dftb" in runs else args.backends[0])
    if args.figure:
        from benchmarks.ripples_figure import draw

        draw(args.figure / "ripples.png", squares["response"], squares["dftb"], seen)


if __name__ == "__main__":
    main()
