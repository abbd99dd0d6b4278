"""An ASE calculator as the liquid's force field, at i-PI's unix socket.

    python examples/electrode_part/ase_liquid.py CASE [--address liquid] [--platform CPU]

The calculator here is OpenMM with the case's water and ions, so that there is something to compare with. Any
other calculator for the liquid's atoms takes its place, in the line of main() that makes it. It must know
nothing of the electrode, of walls or of a slab's field. i-PI sends the atoms of <activelist>, the liquid's.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import ClassVar

import numpy as np
import openmm
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.socketio import SocketClient
from openmm import unit

from polcouple.case.model import Case, read_case
from polcouple.coupling.ase_calculator import case_atoms
from polcouple.units import BOHR_TO_ANGSTROM

_KJ_PER_MOL = 0.010364269656262175  # eV
_NM = 10.0  # Angstrom


class OpenMMLiquid(Calculator):
    """Flexible water and monatomic ions of a case, without its electrode.

    Args:
        case: the force field; Lennard-Jones is switched as there.
        platform: of OpenMM.
        tolerance: of its particle mesh.
    """

    implemented_properties: ClassVar = ["energy", "forces"]

    def __init__(self, case: Case, platform: str, tolerance: float) -> None:
        super().__init__()
        system = openmm.System()
        system.setDefaultPeriodicBoxVectors(*(case.lattice * BOHR_TO_ANGSTROM / _NM))
        for force in (*_inside_waters(case), _between(case, tolerance)):
            system.addForce(force)
        for _ in case.electrolyte_indices:
            system.addParticle(1.0)
        self._context = openmm.Context(
            system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform(platform)
        )

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """Energy in eV and forces in eV/Angstrom."""
        super().calculate(atoms, properties, system_changes)
        self._context.setPositions(self.atoms.get_positions(wrap=True) / _NM)
        state = self._context.getState(getEnergy=True, getForces=True)
        energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
        forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.angstrom)
        self.results = {"energy": energy * _KJ_PER_MOL, "forces": forces * _KJ_PER_MOL}


def _inside_waters(case: Case) -> tuple[openmm.Force, openmm.Force]:
    water = case.system.force_field.water
    bonds, angles = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    spring = water.bond_kcal_per_mol_angstrom2 * unit.kilocalorie_per_mole / unit.angstrom**2
    bend = water.angle_kcal_per_mol_rad2 * unit.kilocalorie_per_mole / unit.radian**2
    for force in (bonds, angles):
        force.setUsesPeriodicBoundaryConditions(True)
    for oxygen in _oxygens(case):
        for hydrogen in (oxygen + 1, oxygen + 2):
            bonds.addBond(oxygen, hydrogen, water.bond_length_angstrom * unit.angstrom, spring)
        angles.addAngle(oxygen + 1, oxygen, oxygen + 2, water.angle_degree * unit.degree, bend)
    return bonds, angles


def _between(case: Case, tolerance: float) -> openmm.Force:
    parameters = case.system.force_field
    force = openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.PME)
    force.setCutoffDistance(parameters.cutoff_angstrom * unit.angstrom)
    force.setEwaldErrorTolerance(tolerance)
    force.setUseDispersionCorrection(False)
    force.setExceptionsUsePeriodicBoundaryConditions(True)
    if parameters.switch_angstrom is not None:
        force.setUseSwitchingFunction(True)
        force.setSwitchingDistance(parameters.switch_angstrom * unit.angstrom)
    for index in case.electrolyte_indices.tolist():
        own = parameters.lennard_jones[case.symbols[index]]
        force.addParticle(
            float(case.charges[index]),
            own.sigma_angstrom * unit.angstrom,
            own.epsilon_kcal_per_mol * unit.kilocalorie_per_mole,
        )
    for oxygen in _oxygens(case):
        for i, j in ((0, 1), (0, 2), (1, 2)):
            force.addException(oxygen + i, oxygen + j, 0.0, 1.0, 0.0)
    return force


def _oxygens(case: Case) -> list[int]:
    """Among the liquid's atoms."""
    return np.searchsorted(case.electrolyte_indices, case.water_oxygens).tolist()


def serve(case: Case, calculator: Calculator, address: str) -> None:
    """Answer i-PI at its unix socket until it ends."""
    atoms = case_atoms(case)[case.electrolyte_indices]
    atoms.calc = calculator
    SocketClient(unixsocket=address).run(atoms, use_stress=False)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("--address", default="liquid")
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--tolerance", type=float, default=5e-5)
    args = parser.parse_args()
    case = read_case(args.case)
    serve(case, OpenMMLiquid(case, args.platform, args.tolerance), args.address)


if __name__ == "__main__":
    main()
