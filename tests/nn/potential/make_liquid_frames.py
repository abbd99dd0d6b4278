"""Frames of ethylammonium nitrate for tests, by dynamics with a potential shipped earlier.

    python tests/nn/potential/make_liquid_frames.py START.xyz

Langevin dynamics of 0.5 fs: 0.3 ps at 300 K and 0.3 ps at 600 K from the last frame of START.xyz.
"""

import sys
from pathlib import Path

import ase.io
import numpy as np
from ase import units
from ase.md.langevin import Langevin

from polcouple.nn.potential.ase_calculator import PotentialCalculator


def main():
    random = np.random.default_rng(0)
    for kelvin in (300, 600):
        atoms = ase.io.read(sys.argv[1], -1)
        atoms.calc = PotentialCalculator("ean_neuralil", check_every=0)
        spread = np.sqrt(atoms.get_masses() * units.kB * kelvin)
        atoms.set_momenta(random.normal(size=(len(atoms), 3)) * spread[:, None])
        Langevin(atoms, 0.5 * units.fs, temperature_K=kelvin, friction=0.05 / units.fs, rng=random).run(600)
        atoms.calc = None
        atoms.set_momenta(None)
        ase.io.write(
            Path(__file__).parent / f"ean_{kelvin}K.xyz",
            atoms,
            format="extxyz",
            columns=["symbols", "positions"],
        )


if __name__ == "__main__":
    main()
