"""What an electrode that repeats saves in its preparation, and where it must not be saved."""

from dataclasses import replace

import numpy as np
import pytest
from dftb_cases import graphene, rough_potentials

from polcouple.dftb import anchor as anchor_module
from polcouple.dftb.anchor import Anchor
from polcouple.dftb.preparation import Repeats, prepare
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.electrode import Electrode
from polcouple.units import KELVIN_TO_HARTREE

CARBON = load_parameters(DEFAULT_SLAKO, ["C"])
ROOM = 300.0 * KELVIN_TO_HARTREE


def _whole(prepared):
    """The same electrode, not known to repeat."""
    sites, orbitals = (
        np.sort(o, axis=None)[None] for o in (prepared.repeats.sites, prepared.repeats.orbitals)
    )
    return replace(prepared, repeats=Repeats(sites, orbitals, (1, 1, 1)))


def _anchor(prepared, charge, potential=None):
    zero = np.zeros(len(prepared.neutral))
    electrons = float(prepared.neutral.sum()) - charge
    return Anchor(prepared, zero if potential is None else potential, electrons, ROOM)


@pytest.fixture
def full_sums(monkeypatch):
    """Number of blocks whose response was summed over all sites."""
    calls = []
    original = anchor_module.pair_response

    def counted(*args):
        calls.append(1)
        return original(*args)

    monkeypatch.setattr(anchor_module, "pair_response", counted)
    return calls


def _distorted(electrode, scale):
    noise = np.random.default_rng(0).normal(scale=scale, size=electrode.positions.shape)
    return Electrode(electrode.symbols, electrode.positions + noise, electrode.cell)


@pytest.mark.parametrize(
    ("cells", "charge", "settings"),
    [
        ((3, 2), 0.0, {}),
        ((3, 2), -1.3, {"shell_resolved": True}),
        ((3, 2), 0.5, {"k_points": (2, 2, 1)}),
        ((3, 1), -0.5, {"k_points": (2, 3, 1), "shell_resolved": True}),
        ((7, 3), -1.0, {}),
        ((7, 3), 0.0, {}),
    ],
)
def test_columns_of_one_part_give_the_response_of_all(cells, charge, settings, full_sums):
    prepared = prepare(graphene(*cells), CARBON, **settings)
    assert prepared.repeats.shape == (*cells, 1)
    of_each_shell = (
        np.tile([1e-2, -2e-2], len(prepared.neutral) // 2) if "shell_resolved" in settings else None
    )
    fast = _anchor(prepared, charge, of_each_shell)
    assert not full_sums
    slow = _anchor(_whole(prepared), charge, of_each_shell)
    assert len(full_sums) == len(prepared.blocks)
    for a, b in ((fast.bare.chi, slow.bare.chi), (fast.newton, slow.newton)):
        assert np.abs(a - b).max() < 1e-10 * np.abs(b).max()
    assert len(fast._chi.gapped) == len(slow._chi.gapped) == int(cells == (7, 3))
    for a, b in zip(fast._chi.gapped, slow._chi.gapped, strict=True):
        assert np.abs(a - b).max() < 1e-10 * np.abs(b).max()


def test_atoms_in_any_order_and_image(full_sums):
    electrode = graphene(3, 2)
    order = np.random.default_rng(1).permutation(24)
    shifts = np.random.default_rng(2).integers(-1, 2, (24, 3)) @ electrode.cell
    prepared = prepare(
        Electrode(electrode.symbols, (electrode.positions + shifts)[order], electrode.cell), CARBON
    )
    fast, slow = _anchor(prepared, -1.0), _anchor(_whole(prepared), -1.0)
    assert len(full_sums) == len(prepared.blocks)
    assert np.abs(fast.bare.chi - slow.bare.chi).max() < 1e-10 * np.abs(slow.bare.chi).max()


def test_coordinates_rounded_to_a_file_still_repeat():
    assert prepare(_distorted(graphene(3, 2), 2e-10), CARBON).repeats.shape == (3, 2, 1)


@pytest.mark.parametrize("scale", [1e-7, 1e-5, 0.02])
def test_distorted_sheet_is_summed_over_all_sites(scale, full_sums):
    prepared = prepare(_distorted(graphene(3, 2), scale), CARBON)
    assert prepared.repeats.shape == (1, 1, 1)
    _anchor(prepared, -1.0)
    assert len(full_sums) == len(prepared.blocks)


def test_potential_that_does_not_repeat_is_summed_over_all_sites(full_sums):
    prepared = prepare(graphene(3, 2), CARBON)
    _anchor(prepared, -1.0, np.full(24, 0.2))
    assert not full_sums
    _anchor(prepared, -1.0, rough_potentials(24))
    assert len(full_sums) == len(prepared.blocks)


def test_sheets_that_translations_exchange_keep_their_own_response(full_sums):
    one = graphene(3, 2, height=120.0)
    positions = np.concatenate([one.positions, one.positions + np.array([0.0, 0.0, 60.0])])
    prepared = prepare(Electrode(one.symbols * 2, positions, one.cell), CARBON)
    assert prepared.repeats.shape == (3, 2, 2)
    fast, slow = _anchor(prepared, -1.0), _anchor(_whole(prepared), -1.0)
    assert len(full_sums) == 2 * len(prepared.blocks) == 8
    assert np.array_equal(fast.bare.chi, slow.bare.chi)


def test_flake_is_one_part():
    sheet = graphene(3, 2)
    flake = Electrode(sheet.symbols, sheet.positions, sheet.cell, (False, False, False))
    assert prepare(flake, CARBON).repeats.shape == (1, 1, 1)
