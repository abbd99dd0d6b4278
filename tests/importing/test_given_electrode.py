"""``part: electrode`` of imported force fields: with the liquid alone, it adds up to all forces."""

import copy
import dataclasses

import numpy as np
import openmm
import pytest
from imported_systems import some_charges, with_tolerance
from test_given_systems import imported

from polcouple.case.given_system import given_system
from polcouple.case.schema import Slab
from polcouple.engines.base import create_engine
from polcouple.engines.openmm import ClassicalEngine


def liquid_alone(case):
    """The case without any interaction between electrode and liquid: neither parameters nor custom pairs."""
    given = case.given
    system = copy.deepcopy(given.system)
    electrode = given.atoms[case.electrode_indices].tolist()
    others = sorted(set(range(system.getNumParticles())) - set(electrode))
    for force in system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            for i in electrode:
                force.setParticleParameters(i, 0.0, 1.0, 0.0)
        elif isinstance(force, openmm.CustomNonbondedForce):
            force.addInteractionGroup(others, others)
    section = case.system.force_field.model_copy(update={"walls": None})
    own = case.system.model_copy(update={"slab": None, "force_field": section})
    return dataclasses.replace(case, given=given_system(given.path, system), system=own)


@pytest.mark.parametrize(
    "name", ["TIP4P/2005", *[pytest.param(name, marks=pytest.mark.slow) for name in ("TIP4P-Ew", "TIP5P")]]
)
def test_parts_add_up(tmp_path, name):
    """Virtual sites, and mixing rules of the file's own (NBFIX)."""
    case = with_tolerance(imported(tmp_path, name)[0], 1e-6)
    slab = case.system.model_copy(update={"slab": Slab(displacement_volt_per_angstrom=0.02)})
    case = dataclasses.replace(case, system=slab)
    charges = some_charges(case)
    whole = ClassicalEngine(case, "all", "Reference")
    liquid = ClassicalEngine(liquid_alone(case), "all", "Reference")
    part = create_engine(case, "electrode", threads=1)[0]
    for engine in (whole, part):
        engine.set_charges(charges)
    rng = np.random.default_rng(3)
    moved = case.positions + 0.05 * rng.standard_normal(case.positions.shape)
    moved[case.electrode_indices] = case.positions[case.electrode_indices]
    energies = []
    for positions in (case.positions, moved + rng.integers(-1, 2, moved.shape) @ case.cell):
        (all_energy, all_forces), (own_energy, own), (energy, forces) = (
            engine.evaluate(positions) for engine in (whole, liquid, part)
        )
        assert np.abs(forces - (all_forces - own)).max() < 1e-6
        assert np.abs(forces).max() > 1e-3
        energies.append(energy - (all_energy - own_energy))
    # a dispersion correction is a constant
    assert energies[0] == pytest.approx(energies[1], abs=1e-5)
