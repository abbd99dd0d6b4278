"""The shipped potential: small, whole, with a card; it tells where it has not been trained."""

from pathlib import Path

import ase.io
import numpy as np
import pytest

from polcouple.nn.model_files import load_model_files, shipped_models
from polcouple.nn.potential.flag import Flag
from polcouple.nn.potential.potential import load_potential

NAME = "ean_neuralil"
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def potential():
    return load_potential(shipped_models()[NAME])


def warning(potential, atoms):
    kinds = potential.architecture.kinds(atoms.get_chemical_symbols())
    found = potential.evaluate(kinds, atoms.positions, atoms.cell.array, atoms.pbc, disagreement=True)
    return Flag(potential).warning(found)


def test_it_is_small_and_its_card_says_what_trained_it():
    directory = shipped_models()[NAME]
    description, _ = load_model_files(directory)
    assert description["weights"]["bytes"] < 2_000_000
    card = (directory / "README.md").read_text()
    assert "60 frames" in card and "density functional theory" in card
    rows = description["metrics"]
    assert rows["one network"]["force_mae"] < 0.075
    assert rows["one network, labels without the egg box"]["force_mae"] < 0.068
    assert rows["one network"]["energy_mae"] < 0.002
    assert (
        rows["one network"]["force_mae"]
        < 0.2 * rows["forces zero, mean energy of the composition"]["force_mae"]
    )


def test_a_liquid_at_300_kelvin_is_known(potential):
    assert warning(potential, ase.io.read(HERE / "ean_300K.xyz")) is None


def test_a_liquid_at_600_kelvin_is_flagged(potential):
    assert "unlike the frames" in warning(potential, ase.io.read(HERE / "ean_600K.xyz"))


def test_a_stretched_bond_is_flagged(potential):
    atoms = ase.io.read(HERE / "ean_300K.xyz")
    bond = atoms.get_distance(0, 1, mic=True, vector=True)
    assert atoms.symbols[0] == "N" and atoms.symbols[1] == "H" and np.linalg.norm(bond) < 1.2
    atoms.positions[1] += 0.5 * bond / np.linalg.norm(bond)
    assert "at atom" in warning(potential, atoms)


def test_the_difference_to_the_force_field_holds_on_a_frame_it_was_not_trained_on():
    """Ten pairs between graphene sheets; labels are GFN1-xTB less the force field of its case."""
    difference = load_potential(shipped_models()["ean_gfn1"])
    assert "ean.top" in difference.difference_to
    atoms = ase.io.read(HERE / "ean_slab_differences.xyz")
    kinds = difference.architecture.kinds(atoms.get_chemical_symbols())
    found = difference.evaluate(kinds, atoms.positions, atoms.cell.array, atoms.pbc)
    labels = atoms.get_forces()
    assert np.abs(found.forces - labels).mean() < 0.075
    assert np.abs(labels).mean() > 0.3
