"""A grand potential under i-PI and in ASE: the same forces, and what is refused before i-PI is looked for."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from grand_cases import random_grand
from moving_cases import write_ring

from polcouple.case.model import read_case
from polcouple.cli.driver import _model_directory
from polcouple.errors import InputError
from polcouple.nn.grand.ase_calculator import GrandPotentialCalculator
from polcouple.nn.model_files import save_model
from polcouple.nn.models import load_model
from polcouple.propagation.grand_forces import GrandForces
from polcouple.simulation.serve_grand import GrandService, serve_grand_potential
from polcouple.units import BOHR_TO_ANGSTROM, EV_TO_HARTREE


@pytest.fixture
def model(tmp_path):
    potential = random_grand(precision=np.float32)
    save_model(tmp_path / "net", potential.description(), potential.arrays(), "# a card")
    return tmp_path / "net"


def test_i_pi_and_ase_have_the_same_energy_forces_and_electrons(tmp_path, model):
    case = read_case(write_ring(tmp_path / "ring"))
    calculator = GrandPotentialCalculator(model, potential=0.4)
    served = GrandForces(case, calculator.model, calculator.level)
    found = served.evaluate(case.positions, case.cell)
    atoms = Atoms(
        case.symbols, case.positions * BOHR_TO_ANGSTROM, cell=case.cell * BOHR_TO_ANGSTROM, pbc=True
    )
    atoms.calc = calculator
    assert calculator.level == pytest.approx(-5.3)
    assert found.energy == pytest.approx(atoms.get_potential_energy() * EV_TO_HARTREE, abs=1e-12)
    forces = atoms.get_forces() * (EV_TO_HARTREE * BOHR_TO_ANGSTROM)
    assert np.allclose(found.forces, forces, atol=1e-12)
    assert found.extras["excess_electrons"] == calculator.result.electrons
    assert not served.warnings
    with pytest.raises(InputError, match=r"pbc = True"):
        Atoms("C", calculator=calculator).get_potential_energy()
    with pytest.raises(InputError, match=r"knows C, H, O, and not N"):
        Atoms("N", cell=[9, 9, 9], pbc=True, calculator=calculator).get_potential_energy()


def test_it_is_no_source_of_charges(model):
    with pytest.raises(InputError, match="no source of charges; use it with polcouple-driver --potential"):
        load_model(model)


def test_potentials_outside_the_training_are_told_of_or_refused(tmp_path, model):
    with pytest.warns(UserWarning, match=r"a Fermi level of -7.400 eV lies outside .* \(-1.00 to \+1.00 V\)"):
        GrandPotentialCalculator(model, potential=2.5)
    with pytest.raises(InputError, match="lies outside"):
        GrandPotentialCalculator(model, fermi_level=-7.4, outside="refuse")
    with pytest.raises(InputError, match="one of the two"):
        GrandPotentialCalculator(model)
    case = write_ring(tmp_path / "ring")
    with pytest.raises(InputError, match="lies outside"):
        serve_grand_potential(GrandService(case, model, 2.5, "refuse"))
    with pytest.raises(InputError, match=r"system\.yaml: names no potential\.fermi_level_ev.* --at"):
        serve_grand_potential(GrandService(case, model))
    system = yaml.safe_load((case / "system.yaml").read_text())
    system["potential"] = {"fermi_level_ev": -9.0, "counter_charge": "background"}
    (case / "system.yaml").write_text(yaml.safe_dump(system))
    with pytest.raises(InputError, match=r"a Fermi level of -9.000 eV lies outside"):
        serve_grand_potential(GrandService(case, model, outside="refuse"))


def test_the_driver_takes_a_shipped_models_name_or_a_path(tmp_path, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _model_directory(Path("graphene_water_grand")).name == "graphene_water_grand"
    assert _model_directory(Path("net")) == Path("net")
    with pytest.raises(InputError, match=r"no shipped model 'graphene_water'.*shipped: "):
        _model_directory(Path("graphene_water"))
    with pytest.raises(InputError, match="no model in other/net"):
        _model_directory(Path("other/net"))
