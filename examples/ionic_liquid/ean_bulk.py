"""Cheap labels to train on before a few dear ones: small cells of ethylammonium nitrate by GFN1-xTB.

    python examples/ionic_liquid/ean_bulk.py bulk.xyz --starts 36

Seven pairs at the liquid's density (a periodic cell of 10 A, a second a label). Each start is packed anew and
gives frames of what a network should have met once: ions too close, just packed by the force field; the
force field's minimum, moved by random 0.02 A; its molecules at 1200, 600 and 300 K; a quenched liquid; and
six frames, one each 0.08 ps, by `ean_gfn1` at 300 to 500 K. The same command goes on after the last start
that the file has. What to do with them: docs/potential_networks.md.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import ase.io
import numpy as np
import openmm
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.optimize import LBFGS
from ean_labels import ANION, CATION, energy_forces, force_field, reference, whole

from polcouple.builder.packing import packmol_program
from polcouple.errors import InputError
from polcouple.nn.model_files import find_model
from polcouple.nn.potential.potential import load_potential
from polcouple.propagation.frame_labels import FrameLabels

HERE = Path(__file__).parent
PAIRS = 7
#: of the published frames: 15 pairs in 12.9 A
SIDE = 12.9 * (PAIRS / 15) ** (1 / 3)
CUTOFF, SWITCH = 4.9, 4.0
SYMBOLS = list("NHHHCHHCHHH") * PAIRS + list("NOOO") * PAIRS
TEMPERATURES = (300, 420, 350, 500)
#: no atoms of different ions, and none of one ion, come closer (A)
LEAST, LEAST_BONDED = 1.25, 0.8


class Liquid(Calculator):
    """The force field and what `ean_gfn1` adds to it: nearly GFN1-xTB."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012  (ASE's)

    def __init__(self) -> None:
        super().__init__()
        self._potential = load_potential(find_model("ean_gfn1"))
        self._kinds = self._potential.architecture.kinds(SYMBOLS)
        self._field = reference(force_field(PAIRS, np.full(3, SIDE), CUTOFF, SWITCH))

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        """See ASE."""
        super().calculate(atoms, properties, system_changes)
        found = self._potential.evaluate(
            self._kinds, self.atoms.positions, self.atoms.cell.array, self.atoms.pbc
        )
        energy, forces = energy_forces(self._field, self.atoms, PAIRS)
        self.results = {"energy": found.energy + energy, "forces": found.forces + forces}


def packed(seed: int) -> Atoms:
    """Ions at random places, no atoms closer than 1.8 A but across the cell's sides."""
    with tempfile.TemporaryDirectory() as folder:
        text = f"tolerance 1.8\nfiletype xyz\noutput {folder}/all.xyz\nseed {seed}\n"
        for name in ("ethylammonium", "nitrate"):
            ase.io.write(f"{folder}/{name}.xyz", ase.io.read(HERE / f"{name}.gro"))
            inside = f"inside box 0. 0. 0. {SIDE - 1.6} {SIDE - 1.6} {SIDE - 1.6}"
            text += f"structure {folder}/{name}.xyz\n number {PAIRS}\n {inside}\nend structure\n"
        job = Path(folder, "packmol.inp")
        job.write_text(text)
        # packmol fails where it has only nearly met the distance; it rewinds its input, no pipe
        with job.open() as stream:
            subprocess.run([packmol_program()], stdin=stream, stdout=subprocess.DEVNULL, check=False)
        positions = ase.io.read(f"{folder}/all.xyz").positions
    return Atoms(SYMBOLS, positions, cell=[SIDE] * 3, pbc=True)


def allowed(positions: np.ndarray) -> bool:
    """Whether no atoms are closer than any label is good for, and no ion has come apart."""
    atoms = Atoms(SYMBOLS, positions, cell=[SIDE] * 3, pbc=True)
    distances = atoms.get_all_distances(mic=True) + 9.0 * np.eye(len(atoms))
    ion = np.concatenate([np.repeat(np.arange(PAIRS), CATION), PAIRS + np.repeat(np.arange(PAIRS), ANION)])
    same = ion[:, None] == ion
    # the farthest nearest neighbour within an ion
    apart = np.where(same, distances, np.inf).min(axis=1).max()
    return distances[~same].min() > LEAST and distances[same].min() > LEAST_BONDED and apart < 1.8


def frames_of(seed: int, liquid: Liquid) -> Iterator[np.ndarray]:
    """Positions (n, 3) in Angstrom of one start's frames."""
    random, atoms = np.random.default_rng(seed), packed(seed)
    system = force_field(PAIRS, np.full(3, SIDE), CUTOFF, SWITCH)
    motion = openmm.LangevinMiddleIntegrator(450, 5.0, 0.0005)
    motion.setRandomNumberSeed(seed + 1)
    field = openmm.Context(system, motion, openmm.Platform.getPlatformByName("CPU"), {"Threads": "1"})

    def now() -> np.ndarray:
        return 10.0 * field.getState(positions=True).getPositions(asNumpy=True)._value

    field.setPositions(0.1 * whole(atoms, PAIRS))
    openmm.LocalEnergyMinimizer.minimize(field, 10.0, int(random.choice([4, 8, 15])))
    yield now()
    openmm.LocalEnergyMinimizer.minimize(field, 10.0, 200)
    yield now() + 0.02 * random.normal(size=(len(SYMBOLS), 3))
    for temperature in (1200, 600, 300):
        motion.setTemperature(temperature)
        field.setVelocitiesToTemperature(temperature, seed)
        motion.step(2500)
        yield now() + (0.03 if temperature == 300 else 0.0) * random.normal(size=(len(SYMBOLS), 3))
    atoms.positions[:], atoms.calc = now(), liquid
    LBFGS(atoms, logfile=None).run(fmax=0.3, steps=120)
    yield atoms.positions + random.choice([0.0, 0.01, 0.02]) * random.normal(size=(len(SYMBOLS), 3))
    temperature = TEMPERATURES[seed % len(TEMPERATURES)]
    thermalize_momenta(atoms, temperature_K=temperature, rng=random)
    with warnings.catch_warnings():
        # where the centre of mass goes is of no interest
        warnings.simplefilter("ignore", FutureWarning)
        motion = Langevin(
            atoms, 0.5 * units.fs, temperature_K=temperature, friction=0.05 / units.fs, rng=random
        )
    motion.run(600)
    for _ in range(6):
        motion.run(160)
        yield atoms.get_positions()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--starts", type=int, default=36)
    args = parser.parse_args()
    begun = 0
    if args.output.exists():
        begun = 1 + max(frame.info["start"] for frame in ase.io.read(args.output, ":"))
    try:
        labels = FrameLabels("GFN1-xTB", args.output)
    except InputError as error:
        raise SystemExit(str(error)) from None
    liquid, nothing = Liquid(), np.zeros((len(SYMBOLS), 3))
    for seed in range(begun, args.starts):
        for positions in frames_of(seed, liquid):
            if np.isfinite(positions).all() and allowed(positions):
                atoms = Atoms(SYMBOLS, positions, cell=[SIDE] * 3, pbc=True, info={"start": seed})
                failure = labels.add(atoms, 0.0, nothing)
                if failure is not None:
                    print(failure, flush=True)
        print(f"start {seed}: {labels.count} frames in all", flush=True)


if __name__ == "__main__":
    main()
