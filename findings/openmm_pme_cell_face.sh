#!/usr/bin/env bash
# OpenMM's CPU platform: an atom on the face of a tilted cell gets a wrong particle-mesh Ewald potential.
#
# A periodic energy does not depend on which image of an atom is given. On the CPU platform it does where an atom's
# lattice coordinate is 0 or 1 but for rounding after the tilt has been taken off: its charge is spread on wrong mesh
# points. Related report: openmm/openmm issue 2500 (another image, another energy).
# What to do: hand over images inside the cell, moved together so that no fixed atom lies on a face, and keep moving
# atoms a few single-precision roundings off the faces.
#
# Seen with OpenMM 8.6.1, 72 sites of a hexagonal sheet and one ion:
#   Reference: the sheet and its image one lattice vector further differ by 0.000 kJ/mol/e at most, at 0 of 72 sites
#   CPU: the sheet and its image one lattice vector further differ by 3.617 kJ/mol/e at most, at 4 of 72 sites
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "openmm==8.6.1" numpy
cat > "$work/faces.py" <<'PYTHON'
import numpy as np
import openmm

a, c = 6 * 0.245, 4.0
cell = np.array([[a, 0, 0], [-a / 2, a * np.sqrt(0.75), 0], [0, 0, c]])
small = cell[:2] / 6
sites = np.array([[i, j] for i in range(6) for j in range(6)])
sheet = np.concatenate([(sites + basis) @ small for basis in ([0, 0], [1 / 3, 2 / 3])])
ion = np.array([[0.31, 0.45, 0.9]])


def potentials(platform, shift):
    """dE/dq at every site of the sheet, in kJ/mol/e."""
    system, force = openmm.System(), openmm.NonbondedForce()
    system.setDefaultPeriodicBoxVectors(*cell)
    force.setNonbondedMethod(force.PME)
    force.setCutoffDistance(0.5)
    force.setEwaldErrorTolerance(1e-5)
    for charge in [0.0] * 72 + [1.0]:
        system.addParticle(1.0)
        force.addParticle(charge, 1.0, 0.0)
    for i in range(72):
        force.addGlobalParameter(f"q{i}", 0.0)
        force.addParticleParameterOffset(f"q{i}", i, 1.0, 0.0, 0.0)
    system.addForce(force)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName(platform))
    context.setPositions(np.concatenate([sheet + shift, ion]))
    slopes = []
    for i in range(72):
        energies = []
        for charge in (0.1, -0.1):
            context.setParameter(f"q{i}", charge)
            energies.append(context.getState(getEnergy=True).getPotentialEnergy()._value)
        context.setParameter(f"q{i}", 0.0)
        slopes.append((energies[0] - energies[1]) / 0.2)
    return np.array(slopes)


print("OpenMM", openmm.__version__)
differ = {}
for platform in ("Reference", "CPU"):
    difference = np.abs(potentials(platform, cell[1]) - potentials(platform, 0.0))
    differ[platform] = int((difference > 1.0).sum())
    print(
        f"{platform}: the sheet and its image one lattice vector further differ by {difference.max():.3f}"
        f" kJ/mol/e at most, at {differ[platform]} of 72 sites"
    )
assert differ["Reference"] == 0 and differ["CPU"] > 0, "the behaviour has changed"
print("as described: the CPU platform's answer depends on the image")
PYTHON
"$work/env/bin/python" "$work/faces.py"
