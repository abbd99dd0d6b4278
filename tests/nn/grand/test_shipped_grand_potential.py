"""The shipped grand potential of graphene and water: errors on frames it has not seen, and derivatives."""

from pathlib import Path

import numpy as np
import pytest

from polcouple.nn.grand.potential import load_grand_potential
from polcouple.nn.model_files import load_model_files, shipped_models

NAME = "graphene_water_grand"
#: of a run's last frames, ten at each potential, by DFTB; forces and electrons in eV/A and e
HELD_BACK = Path(__file__).parent / "graphene_water_held_back.npz"
STEP = 2e-4


@pytest.fixture(scope="module")
def held_back():
    with np.load(HELD_BACK) as file:
        return {name: file[name].astype(float) if name != "symbols" else file[name] for name in file.files}


@pytest.fixture(scope="module")
def found(held_back):
    potential = load_grand_potential(shipped_models()[NAME])
    kinds = potential.kinds(held_back["symbols"])
    rows = zip(held_back["positions"], held_back["levels"], strict=True)
    return [potential.evaluate(kinds, one, held_back["cell"], float(level)) for one, level in rows]


def test_it_is_small_and_its_card_has_what_no_model_gives():
    directory = shipped_models()[NAME]
    description, _ = load_model_files(directory)
    assert sum(path.stat().st_size for path in directory.iterdir()) < 2_000_000
    card = (directory / "README.md").read_text()
    assert "never shown" in card and "no forces, electrons linear in the potential" in card
    assert description["training"]["electrons_weight"] == 0.0


def test_forces_are_a_tenth_of_no_models_and_electrons_within_a_fiftieth_though_never_shown(held_back, found):
    errors = np.array([one.forces for one in found]) - held_back["forces"]
    assert np.abs(errors).mean() < 0.1 * np.abs(held_back["forces"]).mean()
    missed = np.abs(np.array([one.electrons for one in found]) - held_back["electrons"])
    levels = np.unique(held_back["levels"])
    assert len(levels) == 5
    assert missed.mean() < 0.02
    means = np.empty(len(missed))
    for level in levels:
        means[held_back["levels"] == level] = held_back["electrons"][held_back["levels"] == level].mean()
    # the frames' own mean at each potential, which is more than a model without atoms could know
    assert missed.mean() < 0.5 * np.abs(means - held_back["electrons"]).mean()


def test_forces_and_electrons_are_derivatives_and_heed_maxwell(held_back):
    potential = load_grand_potential(shipped_models()[NAME], np.float64)
    kinds = potential.kinds(held_back["symbols"])
    direction = np.random.default_rng(0).normal(size=(len(kinds), 3))
    direction /= np.linalg.norm(direction)
    for number in (3, 25, 47):
        positions, level = held_back["positions"][number], float(held_back["levels"][number])

        def at(shift=0.0, moved=0.0, positions=positions, level=level):
            return potential.evaluate(kinds, positions + moved * direction, held_back["cell"], level + shift)

        def slope(function):
            near, far = ((function(k * STEP) - function(-k * STEP)) / (2 * k * STEP) for k in (1, 2))
            return (4 * near - far) / 3

        here = at()
        assert (here.forces * direction).sum() == pytest.approx(
            -slope(lambda s: at(moved=s).grand_potential), abs=1e-6
        )
        assert here.electrons == pytest.approx(-slope(lambda s: at(s).grand_potential), abs=1e-7)
        by_level = slope(lambda s: (at(s).forces * direction).sum())
        assert by_level == pytest.approx(slope(lambda s: at(moved=s).electrons), abs=1e-6)
        assert abs(by_level) > 1e-4
