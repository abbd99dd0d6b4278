"""``part: electrode`` and the liquid's own forces add up to all forces, for any cell, walls and slabs."""

import numpy as np
import pytest
from conftest import CAPACITOR

from polcouple.case.model import read_case
from polcouple.engines.base import create_engine
from polcouple.errors import InputError
from polcouple.testing.cases import liquid_alone, random_case, reference_nonbonded, with_tolerance

CELLS = {
    "orthorhombic": (np.diag([13.0, 14.0, 15.0]), 6.0),
    "triclinic": (np.array([[14.0, 0.0, 0.0], [-5.0, 13.0, 0.0], [4.0, -6.0, 16.0]]), 5.5),
}


def electrode_part(case, charges, positions):
    engine, _ = create_engine(case, "electrode", threads=1)
    engine.set_charges(charges)
    return engine.evaluate(positions)


@pytest.mark.parametrize(("cell", "switch"), [("orthorhombic", False), ("triclinic", True)])
def test_any_cell_against_plain_sums(cell, switch):
    rng = np.random.default_rng(5)
    case = random_case(rng, *CELLS[cell], 1e-7, switch)
    charges = rng.normal(scale=0.2, size=len(case.electrode))
    energy, forces = electrode_part(case, charges, case.positions)
    whole_energy, whole = reference_nonbonded(case, charges)
    liquid_energy, liquid = reference_nonbonded(liquid_alone(case), 0.0 * charges)
    assert np.abs(forces - (whole - liquid)).max() < 2e-8
    assert energy == pytest.approx(whole_energy - liquid_energy, abs=1e-7)
    assert np.abs(forces).max() > 1e-2
    assert not forces[case.electrode_indices].any()


@pytest.mark.parametrize("slab", [False, True])
def test_parts_add_up_with_walls_and_slab(small_case, slab):
    case = with_tolerance(read_case(CAPACITOR) if slab else small_case, 1e-7)
    assert (case.slab_field is not None) == slab
    rng = np.random.default_rng(6)
    positions = case.positions.copy()
    high = case.electrolyte_indices[np.argsort(positions[case.electrolyte_indices, 2])[-9:]]
    positions[high] += [0.0, 0.0, 2.0]  # into the wall
    positions += rng.integers(-2, 3, (len(case), 3)) @ case.cell
    charges = rng.normal(case.total_charge / len(case.electrode), 0.02, size=len(case.electrode))
    whole = create_engine(case, "all", threads=1)[0]
    whole.set_charges(charges)
    liquid = create_engine(liquid_alone(case), "all", threads=1)[0]
    energies, forces = zip(
        whole.evaluate(positions),
        liquid.evaluate(positions),
        electrode_part(case, charges, positions),
        strict=True,
    )
    assert np.abs(forces[0] - forces[1] - forces[2]).max() < 1e-7
    assert energies[0] == pytest.approx(energies[1] + energies[2], abs=2e-6)


def test_forces_are_the_derivative_of_the_energy():
    rng = np.random.default_rng(7)
    case = random_case(rng, *CELLS["triclinic"], 1e-7)
    charges = rng.normal(scale=0.2, size=len(case.electrode))
    _, forces = electrode_part(case, charges, case.positions)
    h = 1e-4
    for atom, axis in ((len(case.electrode), 2), (len(case) - 1, 0), (len(case.electrode) + 1, 1)):
        ends = []
        for step in (h, -h):
            moved = case.positions.copy()
            moved[atom, axis] += step
            ends.append(electrode_part(case, charges, moved)[0])
        assert forces[atom, axis] == pytest.approx((ends[1] - ends[0]) / (2 * h), abs=1e-8)


def test_electrode_atoms_without_lennard_jones_have_charges_alone():
    rng = np.random.default_rng(8)
    case = liquid_alone(random_case(rng, *CELLS["orthorhombic"], 1e-6))
    energy, forces = electrode_part(case, np.zeros(len(case.electrode)), case.positions)
    assert energy == 0.0
    assert not forces.any()


def test_what_cannot_be_had_is_refused(small_case):
    with pytest.raises(InputError, match="part: electrode is good to"):
        create_engine(with_tolerance(small_case, 1e-9), "electrode")
    with pytest.raises(InputError, match="--platform CPU does not compute part: electrode"):
        create_engine(small_case, "electrode", "CPU")
