"""Departures from linear response by patches: against the whole electrode, and their bound."""

import numpy as np
import pytest
from dftb_cases import graphene, rough_potentials

from polcouple.dftb import patches as patches_module
from polcouple.dftb.anchor import Anchor
from polcouple.dftb.patches import Cut, Patches, find_patches, patch_block
from polcouple.dftb.preparation import Repeats, prepare
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.electrode import Electrode
from polcouple.units import KELVIN_TO_HARTREE

CARBON = load_parameters(DEFAULT_SLAKO, ["C"])
ROOM = 300.0 * KELVIN_TO_HARTREE


def _gapped(electrode, monkeypatch, allowed=np.inf):
    """The gapped block of a neutral sheet, with patches however little they save."""
    monkeypatch.setattr(patches_module, "_WORTHWHILE", allowed)
    prepared = prepare(electrode, CARBON)
    anchor = Anchor(prepared, np.zeros(len(electrode)), 4.0 * len(electrode), ROOM)
    return anchor._gapped[0], prepared.repeats


def test_states_of_a_smaller_cell_are_those_of_the_smaller_sheet(monkeypatch):
    order = np.random.default_rng(0).permutation(96)
    sheet = graphene(6, 4)
    block, repeats = _gapped(Electrode(sheet.symbols, sheet.positions[order], sheet.cell), monkeypatch)
    found = patch_block(block._block, repeats, (3, 2, 1))
    (smaller,) = (one for one in prepare(graphene(3, 2), CARBON).blocks if len(one) == 72)
    assert found.energies == pytest.approx(smaller.energies, abs=1e-12)
    electrons = np.where(np.arange(72) < 36, 2.0, 0.0)
    assert found.reference_populations(electrons, 24) == pytest.approx(
        smaller.reference_populations(electrons, 24), abs=1e-12
    )


@pytest.mark.parametrize(
    ("margins", "cores"), [((2, 1, 0), (2, 1, 1)), ((1, 1, 0), (3, 5, 1)), ((9, 9, 9), (1, 1, 1))]
)
def test_every_site_is_of_one_core(margins, cores):
    sites = np.random.default_rng(1).permutation(140).reshape(35, 4)
    cut = Cut(Repeats(sites, sites, (7, 5, 1)), margins, cores)
    values = np.random.default_rng(2).normal(size=140)
    assert np.array_equal(cut.of_sites(cut.of_patches(values)), values)
    assert len(cut) * np.prod(cores) >= 35 or cut.shape == (7, 5, 1)


def test_departures_by_patches_are_those_of_the_whole_sheet(monkeypatch):
    block, repeats = _gapped(graphene(12, 2), monkeypatch)
    margins = {}
    for margin in ((1, 0, 0), (2, 0, 0), (3, 0, 0)):
        states = patch_block(block._block, repeats, Cut(repeats, margin, (3, 2, 1)).shape)
        filled = (np.arange(len(states)) < len(states) // 2).astype(float)
        chi = patches_module.pair_response(states, filled, ROOM, len(states.potential))
        patch = type(block)(states, len(states) // 2, chi)
        cut = Patches(Cut(repeats, margin, (3, 2, 1)), patch)
        potential = rough_potentials(96)
        exact = block.departure(potential, 1e-11)
        found = cut.of_sites(cut.departures(potential, 1e-11))
        margins[margin] = np.abs(found - exact).max() / np.abs(exact).max()
    first, second, third = margins.values()
    assert third < 0.2 * second < 0.04 * first < 0.02  # no patches at all: 1


def test_tolerance_is_kept_in_potentials_of_any_shape(monkeypatch):
    electrode = graphene(14, 2)
    block, _ = _gapped(electrode, monkeypatch)
    assert isinstance(block._patches, Patches)
    assert 1e-4 < block._patches.part < 0.2
    solved, solve = [], block._solve
    monkeypatch.setattr(block, "_solve", lambda *args: solved.append(1) or solve(*args))
    n, fraction = len(electrode), electrode.positions[:, 0] / electrode.cell[0, 0]
    shapes = [
        rough_potentials(n),
        np.sin(2.0 * np.pi * fraction),
        np.sign(fraction - 0.45),
        np.where(np.arange(n) % 2, 1.0, -1.0),
        np.eye(n)[7],
    ]
    for size, shape in ((size, shape) for size in (0.01, 0.05) for shape in shapes):
        for tolerance, other in ((4e-6, shapes[0]), (4e-7, shapes[2]), (4e-7, shapes[4])):
            potential = size * (shape + 0.02 * other) / np.abs(shape).max()
            found = block.evaluate(potential, block.reference, tolerance)
            exact = solve(potential, 1e-11)
            assert np.abs(found.populations - exact.populations).max() <= tolerance
            assert abs(found.energy - exact.energy) <= tolerance * size * n
    assert 0 < len(solved) < 20  # of 30


def test_patches_that_save_nothing_are_not_made(monkeypatch):
    block, repeats = _gapped(graphene(5, 3), monkeypatch, 0.25)
    assert block._patches is None
    assert find_patches(block._block, 90, block._chi, repeats, ROOM) is None


def test_a_warm_solution_takes_one_diagonalisation(monkeypatch):
    """From the response of the states found before; with that of the bare electrode alone it takes two."""
    monkeypatch.setattr(patches_module, "_WORTHWHILE", 1.0)
    electrode = graphene(14, 2)
    solver = FrozenElectrode(electrode, CARBON, ROOM)
    phi = rough_potentials(len(electrode), amplitude=0.02)
    before, cycles, from_charges = solver.solve(phi, -2.0), [], []
    for seed in range(4):
        phi = phi + 0.02 * rough_potentials(len(electrode), 10 + seed, amplitude=0.02)
        found = solver.solve(phi, -2.0, before.guess)
        cycles.append(found.cycles)
        exact = solver.solve(phi, -2.0, accuracy=1e-10)
        assert np.abs(found.charges - exact.charges).max() <= found.residual <= 1e-6
        assert abs(found.energy - exact.energy) < 1e-7
        # solver's last states are now those at another guess
        from_charges.append(solver.solve(phi, -2.0, before.guess).cycles)
        before = solver.solve(phi, -2.0)
    assert sum(cycles) < sum(from_charges)
