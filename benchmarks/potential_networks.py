"""Cost of energy and forces by a network's potential, neighbour list included.

    python -m benchmarks.potential_networks [--members 1 5]
    python -m benchmarks.potential_networks --widths 128 64 32 --embedding 6 \\
      --charges examples/networks/ean_charges.yaml

Networks of NeuralIL's sizes with random weights, atoms at the density of ethylammonium nitrate (17 neighbours
within 3.5 A), processor time of one thread. The least of the calls is given beside their median.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from polcouple.nn.potential.charges import read_bond_charges
from polcouple.nn.potential.potential import Architecture, Potential
from polcouple.threads import limit_linear_algebra

#: of ethylammonium nitrate, atoms per cubic Angstrom
_DENSITY = 0.105


def liquid(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kinds, positions and cell of ``count`` atoms about a grid."""
    random = np.random.default_rng(0)
    side = int(np.ceil(count ** (1 / 3)))
    edge = (count / _DENSITY) ** (1 / 3)
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3)
    chosen = grid[random.permutation(len(grid))[:count]]
    positions = (chosen + random.uniform(-0.2, 0.2, (count, 3))) * edge / side
    return random.integers(4, size=count), positions, edge * np.eye(3)


def seconds(potential: Potential, count: int, calls: int) -> np.ndarray:
    """(calls,) of processor time."""
    kinds, positions, cell = liquid(count)
    found = []
    for _ in range(calls + 1):
        start = time.process_time()
        potential.evaluate(kinds, positions, cell, (True, True, True))
        found.append(time.process_time() - start)
    return np.array(found[1:])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--members", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--atoms", type=int, nargs="+", default=[225, 6000])
    parser.add_argument("--widths", type=int, nargs="+", default=Architecture(()).widths)
    parser.add_argument("--embedding", type=int, default=Architecture(()).embedding)
    parser.add_argument("--charges", type=Path)
    parser.add_argument("--calls", type=int, default=20)
    args = parser.parse_args()
    limit_linear_algebra()
    elements = ("C", "H", "N", "O")
    charges = None if args.charges is None else read_bond_charges(args.charges, elements)
    widths, embedding = tuple(args.widths), args.embedding
    architecture = Architecture(elements, widths=widths, embedding=embedding, charges=charges)
    print("| networks | atoms | microseconds an atom, median | least |\n|---:|---:|---:|---:|")
    for members in args.members:
        vectors = np.array([architecture.layout().initial(seed) for seed in range(members)])
        potential = Potential("random", architecture, vectors, np.zeros((members, 4)))
        for count in args.atoms:
            found = seconds(potential, count, args.calls) / count * 1e6
            print(f"| {members} | {count:,} | {np.median(found):.1f} | {found.min():.1f} |")


if __name__ == "__main__":
    main()
