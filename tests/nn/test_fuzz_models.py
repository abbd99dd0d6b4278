"""Mutated model files: the same model, or one line that names the file; nothing else."""

import numpy as np
import pytest
import yaml
from fuzz_cases import RELAXED, changed, damaged, write
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nn_cases import TOTAL_CHARGE, coupling_pairs, electrolyte, prior, sheet

from polcouple.errors import PolcoupleError
from polcouple.nn.binning import Binning
from polcouple.nn.classifier import Classifier, build_network
from polcouple.nn.correction import Correction, initial_weights
from polcouple.nn.model_electrode import electrode_arrays
from polcouple.nn.model_files import load_model_files, save_model
from polcouple.nn.models import load_model
from polcouple.nn.response_net import ResponseNet

FEWER = settings(RELAXED, max_examples=100)


def response_net():
    n = len(sheet())
    orbits = np.zeros((n, n), np.int32)
    weights = initial_weights(orbits, filters=2, width=3, members=2, seed=0)
    correction = Correction(orbits, coupling_pairs(sheet()), 1.0, 0.1, weights)
    return ResponseNet("made up", sheet(), prior(sheet()), correction, {TOTAL_CHARGE: 1e-5})


def classifier():
    n, liquid = len(sheet()), electrolyte()
    binning = Binning.fit(np.linspace(-0.1, 0.1, 5 * n).reshape(5, n), 0.05)
    ions = [liquid.symbols[i] for i in liquid.ion_indices]
    network = build_network(n, [6], n, seed=0)
    charges = liquid.charges[liquid.ion_indices]
    return Classifier(
        "made up",
        "site_potentials",
        sheet(),
        TOTAL_CHARGE,
        tuple(ions),
        charges,
        np.eye(n),
        binning,
        network,
    )


@pytest.fixture(scope="module", params=[response_net, classifier])
def saved(request, tmp_path_factory):
    """Directory of an untrained model, its model.yaml, and what it says of the network."""
    model = request.param()
    directory = tmp_path_factory.mktemp("model")
    labels = f"dftb@{TOTAL_CHARGE:g}"
    people = {"training": {"seed": 0}, "data": {"labels": labels, "origin": "none"}, "metrics": {}}
    save_model(directory, model.description() | people, model.arrays() | electrode_arrays(sheet()), "A card.")
    assert load_model(directory, sheet()).description() == model.description()
    return directory, (directory / "model.yaml").read_text(), model.description()


@pytest.fixture
def restored(saved):
    directory, text, _ = saved
    yield saved
    write(directory / "model.yaml", text)


def same_or_one_line(directory, stated):
    try:
        model = load_model(directory, sheet())
    except PolcoupleError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 500
        assert directory.name in str(error) and ("yaml" in str(error) or "weights" in str(error)), str(error)
        return False
    found = model.description()
    # how far a committee may differ is measured in training, and no weight knows it
    found.pop("largest_disagreements", None)
    assert found == {key: value for key, value in stated.items() if key != "largest_disagreements"}
    return True


@FEWER
@given(data=st.data())
def test_changed_values_in_model_yaml(restored, data):
    directory, text, stated = restored
    content = data.draw(changed(yaml.safe_load(text)))
    write(directory / "model.yaml", yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    same_or_one_line(directory, stated)


@FEWER
@given(data=st.data())
def test_damaged_model_yaml(restored, data):
    directory, text, stated = restored
    write(directory / "model.yaml", data.draw(damaged(text)))
    same_or_one_line(directory, stated)


@pytest.mark.parametrize(
    "text", ["[" * 5000, "2001-99-99", "!!python/object/apply:os.getcwd []", "&a [*a]", ""]
)
def test_hostile_model_yaml(restored, text):
    directory, original, stated = restored
    write(directory / "model.yaml", text)
    assert not same_or_one_line(directory, stated)
    write(directory / "model.yaml", original + "hostile: " + text)
    same_or_one_line(directory, stated)


def test_every_value_that_acts_is_checked(restored):
    """Each number and word of the sections that describe the network, changed alone, is refused."""
    directory, text, stated = restored
    for key in stated:
        content = yaml.safe_load(text)
        if key != "largest_disagreements":
            content[key] = altered(content[key])
            write(directory / "model.yaml", yaml.safe_dump(content))
            assert not same_or_one_line(directory, stated), key
        del content[key]
        write(directory / "model.yaml", yaml.safe_dump(content))
        assert not same_or_one_line(directory, stated), key


def altered(value):
    """The same with its first number or word changed."""
    if isinstance(value, dict):
        key = next(iter(value))
        return value | {key: altered(value[key])}
    if isinstance(value, list):
        return [altered(value[0]), *value[1:]]
    return value + "x" if isinstance(value, str) else value * 1.5 + 1


@FEWER
@given(where=st.integers(0, 10**9), byte=st.integers(1, 255), length=st.integers(0, 10**9))
@example(where=0, byte=1, length=0)
def test_weights_that_are_not_the_recorded_ones_are_never_opened(saved, where, byte, length):
    """Any byte changed or the end cut off: refused by the SHA-256, whatever HDF5 would make of it."""
    directory, _, _ = saved
    path = directory / "weights.h5"
    good = path.read_bytes()
    changed_byte = bytearray(good)
    changed_byte[where % len(good)] ^= byte
    try:
        for bad in (bytes(changed_byte), good[: length % len(good)]):
            path.write_bytes(bad)
            with pytest.raises(PolcoupleError, match=r"weights\.h5: its SHA-256 is not the one"):
                load_model_files(directory)
    finally:
        path.write_bytes(good)
