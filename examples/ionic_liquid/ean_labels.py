"""Labels of ethylammonium nitrate to train on: GFN1-xTB less the force field of ean.top.

    python examples/ionic_liquid/ean_labels.py frames.xyz labelled.xyz
    polcouple train potential labelled.xyz -o mine --difference-to "the force field of ean.top"

Frames hold n cations and then n anions in the order of ean.top, in a rectangular periodic cell with sides
longer than twice the cut-off. Frames that have labels keep them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import ase.io
import numpy as np
import openmm
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from openmm import app

TOPOLOGY = Path(__file__).with_name("ean.top")
# of the case that `polcouple build --sheet 5 3` writes
CUTOFF, SWITCH = 6.1, 5.1
CATION, ANION = 11, 4
KJ_PER_MOL = units.kJ / units.mol


def force_field(
    pairs: int, lengths: np.ndarray, cutoff: float = CUTOFF, switch: float = SWITCH
) -> openmm.System:
    """The force field of that many pairs in a cell of lengths (3,), with its cut-off; Angstrom."""
    text = TOPOLOGY.read_text().rstrip().removesuffix("EAM 1\nNIT 1") + f"EAM {pairs}\nNIT {pairs}\n"
    with tempfile.NamedTemporaryFile("w", suffix=".top") as file:
        file.write(text)
        file.flush()
        box = [openmm.Vec3(*row) for row in np.diag(0.1 * lengths)]
        topology = app.GromacsTopFile(file.name, periodicBoxVectors=box)
    system = topology.createSystem(
        nonbondedMethod=app.PME, nonbondedCutoff=0.1 * cutoff, constraints=None, ewaldErrorTolerance=1e-5
    )
    for force in system.getForces():
        if isinstance(force, openmm.CustomNonbondedForce):
            force.setUseSwitchingFunction(True)
            force.setSwitchingDistance(0.1 * switch)
            force.setUseLongRangeCorrection(False)
    return system


def reference(system: openmm.System) -> openmm.Context:
    """Its energies and forces in double precision."""
    platform = openmm.Platform.getPlatformByName("Reference")
    return openmm.Context(system, openmm.VerletIntegrator(0.001), platform)


def whole(atoms: Atoms, pairs: int) -> np.ndarray:
    """Positions (n, 3) in Angstrom with no ion across a side of the cell."""
    sizes = [CATION] * pairs + [ANION] * pairs
    first = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    lengths, vectors = atoms.cell.lengths(), atoms.positions - atoms.positions[first]
    return atoms.positions[first] + vectors - lengths * np.round(vectors / lengths)


def energy_forces(field: openmm.Context, atoms: Atoms, pairs: int) -> tuple[float, np.ndarray]:
    """Of the force field, in eV and (n, 3) in eV/Angstrom."""
    field.setPositions(0.1 * whole(atoms, pairs))
    state = field.getState(energy=True, forces=True)
    forces = np.array(state.getForces(asNumpy=True)._value) * 0.1 * KJ_PER_MOL
    return state.getPotentialEnergy()._value * KJ_PER_MOL, forces


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("frames", type=Path)
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    fields: dict[tuple[float, ...], openmm.Context] = {}
    for number, atoms in enumerate(ase.io.read(args.frames, ":")):
        if atoms.calc is None:
            from tblite.ase import TBLite

            atoms.pbc = True
            atoms.calc = TBLite(method="GFN1-xTB", verbosity=0)
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        pairs, lengths = len(atoms) // (CATION + ANION), atoms.cell.lengths()
        key = (pairs, *lengths)
        if key not in fields:
            fields[key] = reference(force_field(pairs, lengths))
        own_energy, own_forces = energy_forces(fields[key], atoms, pairs)
        labelled = atoms.copy()
        labelled.calc = SinglePointCalculator(
            labelled, energy=energy - own_energy, forces=forces - own_forces
        )
        ase.io.write(args.output, labelled, format="extxyz", append=number > 0)
        print(f"frame {number}: mean |force| {np.abs(forces).mean():.3f} eV/A, of the difference"
              f" {np.abs(forces - own_forces).mean():.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
