"""Electrodes of other elements than carbon: their Lennard-Jones parameters differ from the liquid's own."""

import dataclasses

import numpy as np
import pytest

from polcouple.case.checks import check_topology
from polcouple.case.schema import SystemSection
from polcouple.engines.base import create_engine
from polcouple.errors import InputError
from polcouple.testing.cases import liquid_alone, random_case, reference_nonbonded
from polcouple.testing.engine_contract import CELLS, charges_of

#: an electrode with atoms of the liquid's elements
SYMBOLS = ("C", "O", "H", "N", "Au", "Na")
PARAMETERS = {
    "O": {"sigma_angstrom": 3.1, "epsilon_kcal_per_mol": 0.06, "source": "UFF"},
    "H": {"sigma_angstrom": 2.5, "epsilon_kcal_per_mol": 0.04},
    "N": {"sigma_angstrom": 3.3, "epsilon_kcal_per_mol": 0.07},
    "Au": {"sigma_angstrom": 2.6, "epsilon_kcal_per_mol": 5.3},
}


def mixed_case(parameters):
    case = random_case(np.random.default_rng(8), *CELLS["triclinic"], 1e-6)
    content = case.system.model_dump()
    content["force_field"]["electrode_lennard_jones"] = parameters
    system = SystemSection.model_validate(content)
    return dataclasses.replace(case, system=system, symbols=SYMBOLS + case.symbols[len(SYMBOLS) :])


def test_each_atom_has_its_own():
    case = mixed_case(PARAMETERS)
    lj = [(one.sigma_angstrom, one.epsilon_kcal_per_mol) for one in case.lennard_jones]
    assert lj[1:5] == [(3.1, 0.06), (2.5, 0.04), (3.3, 0.07), (2.6, 5.3)]
    water, hydrogen = case.water_oxygens[0], case.water_oxygens[0] + 1
    assert lj[water] == (3.165492, 0.1554253) and lj[hydrogen] == (0.0, 0.0)
    # of an element without an entry: the liquid's
    assert lj[0] == (3.39967, 0.0860) and lj[5] == (2.1595, 0.3526418)


@pytest.mark.parametrize("platform", ["native", "CPU"])
def test_forces_of_every_engine(platform):
    case = mixed_case(PARAMETERS)
    charges = charges_of(case)
    expected_energy, expected = reference_nonbonded(case, charges)
    engine, _ = create_engine(case, "nonbonded", platform, 1)
    engine.set_charges(charges)
    energy, forces = engine.evaluate(case.positions)
    liquid = case.electrolyte_indices
    assert np.abs(forces - expected)[liquid].max() < 3e-6
    assert energy == pytest.approx(expected_energy, abs=2e-5)
    plain = mixed_case({"N": PARAMETERS["N"], "Au": PARAMETERS["N"]})
    assert np.abs(expected - reference_nonbonded(plain, charges)[1])[liquid].max() > 1e-4


def test_forces_of_the_electrode_alone():
    case = mixed_case(PARAMETERS)
    charges = charges_of(case)
    engine, _ = create_engine(case, "electrode", threads=1)
    engine.set_charges(charges)
    whole = reference_nonbonded(case, charges)[1]
    liquid = reference_nonbonded(liquid_alone(case), 0.0 * charges)[1]
    assert np.abs(engine.evaluate(case.positions)[1] - (whole - liquid)).max() < 3e-6


def test_entries_are_of_the_electrodes_elements(tmp_path):
    with pytest.raises(InputError, match=r"electrode_lennard_jones has an entry for Pt, which no electrode"):
        check_topology(mixed_case({**PARAMETERS, "Pt": PARAMETERS["Au"]}), tmp_path / "system.yaml", "init")
    with pytest.raises(InputError, match=r"lennard_jones has no entry for N, which atom 3 of init is"):
        check_topology(mixed_case({"O": PARAMETERS["O"]}), tmp_path / "system.yaml", "init")
