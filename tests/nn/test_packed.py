"""Weights in whole numbers: read back as they are used, and fitted so that the labels stay."""

import sys
from itertools import pairwise

import numpy as np
import pytest
import yaml
from conftest import ROOT

from polcouple.errors import InputError
from polcouple.nn.model_files import load_model_files, save_model
from polcouple.nn.packed import Packed

CODES = np.array([[1, -2, 0], [127, 3, -5]], np.int8)
SCALE = np.array([0.5, 1e-3, 2.0], np.float32)


def test_codes_are_read_as_what_they_stand_for(tmp_path):
    save_model(tmp_path, {"kind": "made up"}, {"codes": Packed(CODES, SCALE), "plain": CODES}, "A card.")
    description, arrays = load_model_files(tmp_path)
    assert description["format"] == 2, "what reads format 1 alone would take the codes for weights"
    assert arrays["codes"].dtype == np.float32
    assert np.array_equal(arrays["codes"], CODES.astype(np.float32) * SCALE)
    assert np.array_equal(arrays["plain"], CODES)


def test_models_without_codes_stay_readable_by_earlier_versions(tmp_path):
    save_model(tmp_path, {"kind": "made up"}, {"plain": CODES}, "A card.")
    assert load_model_files(tmp_path)[0]["format"] == 1


def test_a_format_to_come_is_refused(tmp_path):
    save_model(tmp_path, {"kind": "made up"}, {"plain": CODES}, "A card.")
    path = tmp_path / "model.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"format": 3}))
    with pytest.raises(InputError, match=r"model\.yaml: not a model description of format 1 or 2"):
        load_model_files(tmp_path)


@pytest.fixture
def packing(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples" / "networks")
    yield __import__("pack_classifier")
    sys.modules.pop("pack_classifier")


def test_labels_stay_and_rounding_is_made_up_for(packing):
    random = np.random.default_rng(0)
    widths = (12, 64, 64, 10)
    kernels = [random.normal(0, n**-0.5, (n, m)) for n, m in pairwise(widths)]
    biases = [random.normal(0, 0.1, m) for m in widths[1:]]
    inputs = random.normal(0, 4.0, (600, widths[0]))

    def answer(weights, shifts):
        values = inputs
        for i, (kernel, bias) in enumerate(zip(weights, shifts, strict=True)):
            values = values @ kernel + bias
            values = np.maximum(values, 0.0) if i < 2 else values
        return values

    exact = answer(kernels, biases)
    labels = np.rint(exact[:40])
    packed, shifts = packing.pack(kernels, biases, inputs, labels, (0.3, 0.5, 0.05))
    found = answer([one.values() for one in packed], shifts)
    assert np.array_equal(np.rint(found[:40]), labels)
    steps = [0.3 * kernels[0].std(0), 0.5 * kernels[1].std(0), 0.05 * kernels[2].std(0)]
    nearest = answer([np.rint(k / s) * s for k, s in zip(kernels, steps, strict=True)], biases)
    assert (found - exact)[40:].std() < 0.8 * (nearest - exact)[40:].std()
    assert not np.array_equal(np.rint(nearest[:40]), labels)
