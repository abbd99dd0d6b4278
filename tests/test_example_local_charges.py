"""The example that drives a run by a local model: its charges are the model's; wrong files are refused."""

import importlib

import numpy as np
import pytest
from conftest import ROOT

from polcouple.backends.base import Environment
from polcouple.errors import InputError
from polcouple.paradigms.descriptors import neighbour_densities
from polcouple.paradigms.frames import Frame
from polcouple.paradigms.local import LocalCharges
from polcouple.testing.cases import graphene_case
from polcouple.units import ANGSTROM_TO_BOHR


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "local_charges"))
    return importlib.import_module("polcouple_local_charges")


def test_a_saved_model_answers_as_it_did(example, tmp_path):
    case = graphene_case()
    liquid = case.electrolyte_positions(case.positions)
    frame = Frame(case.electrode, case.electrolyte, liquid, np.zeros(0), -1.0)
    model = LocalCharges(8.0)
    model.species = tuple(sorted(set(case.electrolyte.symbols)))
    seen = neighbour_densities(frame, 8.0 * ANGSTROM_TO_BOHR, model.species)
    model.weights = np.random.default_rng(0).normal(size=seen.shape[1])
    example.save(model, tmp_path / "model.npz")
    options = example.Options(model=tmp_path / "model.npz")
    backend = example.Backend(case.electrode, case.electrolyte, options)

    def unread(positions):
        raise AssertionError("site potentials are not read")

    found = backend.solve(Environment(case.electrolyte, liquid, unread), -1.0).charges
    assert np.ptp(found) > 0.01 and found.sum() == pytest.approx(-1.0, abs=1e-10)
    assert found == pytest.approx(model.charges(frame), abs=1e-12)


def test_another_file_is_refused(example, tmp_path):
    case = graphene_case()
    path = tmp_path / "model.npz"
    np.savez(path, weights=np.zeros(3))
    for one in (path, tmp_path / "none.npz"):
        with pytest.raises(InputError, match="no model of local charges"):
            example.Backend(case.electrode, case.electrolyte, example.Options(model=one))
