"""A soft wall between atoms of different ions where the network has no labels: added to a built case.

    python examples/ionic_liquid/ean_guard.py CASE

Below the sum of two atoms' radii the pair has the energy k (sum - r)^2; beyond, none. Hydrogen bonds are let
nearer. No label has that term: it is a guard of the dynamics, beside the force field that is taken off the
labels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import openmm

from polcouple.case.model import read_case

# nm. Sums of two: H-H 0.18, C-H 0.235, N-H 0.21, C-O 0.27, N-O (hydrogen bonds) 0.245, O-O 0.25
RADII = {"H": 0.09, "C": 0.145, "N": 0.12, "O": 0.125}
# hydrogens of nitrogen and of carbon come nearer to oxygen, by these: 0.145 (hydrogen bonds), 0.20
ACID, NEARER = ("H1", "H2", "H3"), (0.07, 0.015)
STIFFNESS = 1e5  # kJ/mol/nm2: 10 eV/Angstrom2
OUTSIDE = -10.0  # a radius that meets nobody's


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("case", type=Path)
    args = parser.parse_args()
    case, path = read_case(args.case), args.case / "system.xml"
    system = openmm.XmlSerializer.deserialize(path.read_text())
    forces = [f for f in system.getForces() if isinstance(f, openmm.CustomNonbondedForce)]
    if len(forces) != 1:
        raise SystemExit(f"{path}: {len(forces)} pair forces, not one: is the guard there already?")
    (lennard_jones,) = forces
    guard = openmm.CustomNonbondedForce(
        f"step(overlap)*{STIFFNESS:g}*overlap^2; overlap=radius1+radius2-r-nearer1*oxygen2-nearer2*oxygen1"
    )
    guard.setName("Guard")
    for name in ("radius", "nearer", "oxygen"):
        guard.addPerParticleParameter(name)
    guard.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    guard.setCutoffDistance(lennard_jones.getCutoffDistance())
    liquid, topology = set(case.electrolyte_indices.tolist()), case.topology
    for i, symbol in enumerate(case.symbols):
        nearer = 0.0 if symbol != "H" else NEARER[0 if topology.labels[i] in ACID else 1]
        guard.addParticle([RADII[symbol] if i in liquid else OUTSIDE, nearer, float(symbol == "O")])
    for k in range(lennard_jones.getNumExclusions()):
        guard.addExclusion(*lennard_jones.getExclusionParticles(k))
    system.addForce(guard)
    path.write_text(openmm.XmlSerializer.serialize(system))


if __name__ == "__main__":
    main()
