"""A provider that takes over from another one holds, counts and pays as if nothing had happened."""

import os
from dataclasses import replace

import numpy as np
import pytest
from capacitor_cases import with_sections
from conftest import CAPACITOR

from polcouple.backends.base import ChargeResult, create_backend
from polcouple.case.model import read_case
from polcouple.case.schema import Slab
from polcouple.coupling.electrodes import backend_identity, create_electrodes
from polcouple.coupling.forces import ForceProvider
from polcouple.coupling.held_state import FILE_NAME, HeldStates, ReplicaState, held_states
from polcouple.errors import InputError


@pytest.fixture(scope="module")
def backend(small_case):
    return create_backend("response", small_case.electrode, small_case.electrolyte)


@pytest.fixture(scope="module")
def path_of_atoms(small_case):
    """Fifteen positions, each a step from the one before."""
    rng = np.random.default_rng(7)
    steps = np.zeros((15, *small_case.positions.shape))
    steps[1:, small_case.electrolyte_indices] = 0.01 * rng.standard_normal(
        (14, len(small_case.electrolyte), 3)
    )
    return small_case.positions + np.cumsum(steps, axis=0)


def journal(case, directory, identity="x", **options):
    return HeldStates(directory / FILE_NAME, identity, len(case), len(case.electrode), **options)


def provider(case, backend, held, interval=4):
    return ForceProvider(case, backend, threads=1, interval=interval, held=held)


def close(held):
    """What the end of a process does."""
    os.close(held._descriptor)


def assert_same(first, second):
    assert np.array_equal(first.extras["charges"], second.extras["charges"])
    for name in ("refreshes", "refresh_work", "fermi_level"):
        assert first.extras[name] == second.extras[name]
    # lists of another age sum pairs in another order, in single precision: over 24 positions energies of the
    # native engine with fresh and with old lists are 3e-7 Hartree apart (root mean square), at most 8e-7
    assert first.energy == pytest.approx(second.energy, abs=2e-6)


@pytest.mark.parametrize("again", [0, 1, 3])
def test_going_on_equals_going_through(small_case, backend, path_of_atoms, tmp_path, again):
    """The second provider starts ``again`` evaluations before the first one's last, at all phases of four."""
    cell = small_case.cell
    whole = provider(small_case, backend, None)
    expected = [whole.evaluate(p, cell) for p in path_of_atoms]
    for stop in (5, 6, 7, 8):
        (tmp_path / str(stop)).mkdir()
        held = journal(small_case, tmp_path / str(stop))
        first = provider(small_case, backend, held)
        for positions in path_of_atoms[: stop + again]:
            first.evaluate(positions, cell)
        close(held)
        held = journal(small_case, tmp_path / str(stop), first_evaluation=1)
        second = provider(small_case, backend, held)
        # again = 0: i-PI waits at positions that were never evaluated
        for number in range(stop, 15):
            assert_same(second.evaluate(path_of_atoms[number], cell), expected[number])
        assert not second.warnings
        close(held)


@pytest.fixture(scope="module")
def capacitor():
    return read_case(CAPACITOR)


def held_of(case, directory, backend, first_evaluation=0):
    return held_states(replace(case, directory=directory), backend, "metal", 4, first_evaluation)


def test_levels_and_work_of_a_capacitor_outlive_the_driver(capacitor, tmp_path):
    """Interrupted between refreshes, it prints what it would have printed."""
    electrodes, cell = create_electrodes(capacitor, "metal"), capacitor.cell
    steps = 0.01 * np.random.default_rng(7).standard_normal((12, *capacitor.positions.shape))
    steps[:, capacitor.electrode_indices] = 0.0
    path = capacitor.positions + np.cumsum(steps, axis=0)
    whole = provider(capacitor, electrodes, None)
    expected = [whole.evaluate(positions, cell).extras for positions in path]
    assert expected[0]["source_work"] != expected[4]["source_work"]
    held = held_of(capacitor, tmp_path, electrodes)
    first = provider(capacitor, electrodes, held)
    for positions in path[:6]:
        first.evaluate(positions, cell)
    close(held)
    second = provider(capacitor, electrodes, held_of(capacitor, tmp_path, electrodes, first_evaluation=1))
    for number in range(5, 12):
        found = second.evaluate(path[number], cell).extras
        for name in ("fermi_levels", "source_work", "electrode_charges", "total_charge", "charges"):
            # what is held is the very same; what is computed anew does not start from the same guess
            accuracy = 1e-15 if number < 8 else 1e-6
            assert found[name] == pytest.approx(expected[number][name], abs=accuracy), (number, name)


def test_charges_at_other_charges_of_the_electrodes_are_not_recalled(capacitor, tmp_path):
    """Their sum is the same, the charges are not; nor with a slab's field, other water, another cell or
    other .skf files."""
    metal = create_electrodes(capacitor, "metal")
    held = held_of(capacitor, tmp_path, metal)
    provider(capacitor, metal, held).evaluate(capacitor.positions, capacitor.cell)
    close(held)
    first, second = capacitor.system.electrodes
    moved = [
        first.model_copy(update={"total_charge_e": first.total_charge_e + 1.0}),
        second.model_copy(update={"total_charge_e": second.total_charge_e - 1.0}),
    ]
    slab = Slab(displacement_volt_per_angstrom=0.01)
    field = capacitor.system.force_field
    weaker = field.model_copy(update={"water": field.water.model_copy(update={"oxygen_charge_e": -0.6})})
    for case, known in (
        (capacitor, True),
        (with_sections(capacitor, force_field=weaker), False),
        (replace(capacitor, cell=capacitor.cell * [[1.0], [1.0], [1.5]]), False),
        (with_sections(capacitor, electrodes=moved), False),
        (with_sections(capacitor, slab=slab), False),
    ):
        journal = held_of(case, tmp_path, metal)
        assert (journal.recall(0, capacitor.positions) is not None) == known
        close(journal)
    identities = {
        backend_identity(capacitor, "dftb", settings)
        for settings in ({}, {"cache_directory": "x/y"}, {"temperature_kelvin": 500}, {"k_points": [2, 2, 1]})
    }
    assert len(identities) == 3


def test_a_journal_without_levels_is_refused_where_they_are_outputs(capacitor, tmp_path):
    electrodes = create_electrodes(capacitor, "metal")
    old = journal(capacitor, tmp_path)
    state = ReplicaState(1, 1, ChargeResult(np.zeros(len(capacitor.electrode))))
    old.append(0, capacitor.positions, state)
    close(old)
    with pytest.raises(InputError, match="written by an earlier version of polcouple"):
        held_of(capacitor, tmp_path, electrodes, first_evaluation=1)


def test_positions_with_few_digits_are_known(small_case, backend, path_of_atoms, tmp_path):
    held = journal(small_case, tmp_path)
    first = provider(small_case, backend, held)
    answers = [first.evaluate(p, small_case.cell) for p in path_of_atoms[:7]]
    close(held)
    rounded = np.array([[float(f"{x:.8e}") for x in atom] for atom in path_of_atoms[5]])
    second = provider(small_case, backend, journal(small_case, tmp_path))
    again = second.evaluate(rounded, small_case.cell)
    assert np.array_equal(again.extras["charges"], answers[5].extras["charges"])
    assert again.extras["refresh_work"] == answers[5].extras["refresh_work"]


def test_unknown_positions_are_told_and_start_anew(small_case, backend, path_of_atoms, tmp_path):
    held = journal(small_case, tmp_path)
    provider(small_case, backend, held).evaluate(path_of_atoms[0], small_case.cell)
    close(held)
    far = path_of_atoms[0].copy()
    far[small_case.electrolyte_indices] += 3.0
    second = provider(small_case, backend, journal(small_case, tmp_path))
    answer = second.evaluate(far, small_case.cell)
    assert answer.extras["refreshes"] == 1
    assert answer.extras["refresh_work"] == 0.0
    (warning,) = second.warnings
    assert "nothing known of replica 0" in warning


@pytest.mark.parametrize("damage", ["torn", "noise", "empty", "another backend"])
def test_a_damaged_or_foreign_journal_is_not_believed(small_case, backend, path_of_atoms, tmp_path, damage):
    held = journal(small_case, tmp_path)
    first = provider(small_case, backend, held)
    for positions in path_of_atoms[:3]:
        first.evaluate(positions, small_case.cell)
    close(held)
    path = tmp_path / FILE_NAME
    data = path.read_bytes()
    size = len(data) // 3
    path.write_bytes(
        {
            "torn": data[: size + size // 2],
            "noise": np.random.default_rng(0).bytes(len(data)),
            "empty": b"",
            "another backend": data,
        }[damage]
    )
    held = journal(small_case, tmp_path, "y" if damage == "another backend" else "x", first_evaluation=1)
    known = held.recall(0, path_of_atoms[0])
    assert (known is not None) == (damage == "torn")
    assert held.recall(1, path_of_atoms[0]) is None


def test_a_second_driver_is_refused(small_case, tmp_path):
    held = journal(small_case, tmp_path)
    with pytest.raises(InputError, match="another driver holds charges of this run"):
        journal(small_case, tmp_path)
    close(held)
    journal(small_case, tmp_path)


def test_the_journal_does_not_grow_without_end(small_case, backend, path_of_atoms, tmp_path, monkeypatch):
    monkeypatch.setattr("polcouple.coupling.held_state._SLOTS", 6)
    held = journal(small_case, tmp_path)
    first = provider(small_case, backend, held)
    sizes = []
    for positions in path_of_atoms:
        first.evaluate(positions, small_case.cell)
        sizes.append((tmp_path / FILE_NAME).stat().st_size)
    assert sizes[-1] == sizes[5]
    close(held)
    again = journal(small_case, tmp_path)
    assert again.recall(0, path_of_atoms[9])[1]
    assert again.recall(0, path_of_atoms[5]) is None or not again.recall(0, path_of_atoms[5])[1]


def test_nothing_is_kept_where_positions_say_all(small_case, backend):
    assert held_states(small_case, backend, "response", 1) is None
    assert not (small_case.directory / FILE_NAME).exists()
