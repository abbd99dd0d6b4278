"""Frames in which water lies too close to a sheet or to other water, to be labelled and trained on.

    python examples/networks/close_contacts.py OMEGA.h5 CONTACTS.xyz [--count 100]

A run never shows how steep the walls are that keep molecules apart; a network that has not been told may let
one fall through. The frames are some of those to train on. In half of them a water is moved as it is towards
the sheet until O and C are 1.3 to 2.6 A apart; in a quarter towards another water until the oxygens are 1.9
to 2.7 A apart; in a quarter all atoms are moved by random 0.1 A. Next:

    polcouple label CONTACTS.xyz --case CASE --backend dftb --potentials -1 -0.5 0 0.5 1 -o CONTACTS.h5
    polcouple train grand-potential OMEGA.h5 --also CONTACTS.h5 -o MODEL
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from polcouple.data.grand_frames import GrandFrames, grand_frames
from polcouple.learning.grand_options import GrandOptions
from polcouple.learning.grand_training import split_in_time

#: no atoms of different molecules come closer than this but those that are to (A)
_LEAST = 1.2
_TRIES = 200


def pressed(frames: GrandFrames, positions: np.ndarray, random: np.random.Generator, onto: str) -> np.ndarray:
    """Positions with a water close to the sheet (``onto`` C) or to another water (O)."""
    symbols, cell = np.array(frames.symbols), np.diag(frames.cell)
    oxygens, others = np.flatnonzero(symbols == "O"), np.flatnonzero(symbols == onto)
    for _ in range(_TRIES):
        oxygen = random.choice(oxygens)
        away = _shortest(positions - positions[oxygen], cell)
        molecule = np.array([oxygen, *np.flatnonzero((symbols == "H") & (_length(away) < 1.3))])
        target = random.choice(others[others != oxygen])
        vector, wanted = away[target], random.uniform(*((1.3, 2.6) if onto == "C" else (1.9, 2.7)))
        if onto == "C":
            sideways = np.array([*vector[:2], 0.0])
            molecule_moves = sideways if random.random() < 0.5 else np.zeros(3)
            flat = float(np.linalg.norm(sideways - molecule_moves))
            if flat >= wanted:
                continue
            rise = vector[2] - np.sign(vector[2]) * np.sqrt(wanted**2 - flat**2)
            molecule_moves = np.array([*molecule_moves[:2], rise])
        else:
            molecule_moves = vector * (1.0 - wanted / float(np.linalg.norm(vector)))
        moved = positions.copy()
        moved[molecule] += molecule_moves
        rest = np.setdiff1d(np.arange(len(symbols)), molecule)
        apart = _length(_shortest(moved[molecule][:, None] - moved[rest], cell))
        if apart.min() > _LEAST:
            return moved
    raise SystemExit(f"found no place for a water {wanted:.1f} A from {onto}; try other frames")


def _shortest(vectors: np.ndarray, cell: np.ndarray) -> np.ndarray:
    return np.asarray(vectors - cell * np.round(vectors / cell))


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(vectors, axis=-1))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("frames", type=Path, metavar="CONTACTS.xyz")
    parser.add_argument("--count", type=int, default=100)
    args = parser.parse_args()
    frames, random = grand_frames(args.dataset), np.random.default_rng(0)
    train = split_in_time(frames, GrandOptions()).train
    made = []
    for number, row in enumerate(train[np.linspace(0, len(train) - 1, args.count).astype(int)]):
        positions = frames.positions[row]
        if number % 4 == 3:
            positions = positions + random.normal(0.0, 0.1, positions.shape)
        else:
            positions = pressed(frames, positions, random, "O" if number % 4 == 2 else "C")
        made.append(Atoms(frames.symbols, positions, cell=frames.cell, pbc=True))
    ase.io.write(args.frames, made)


if __name__ == "__main__":
    main()
