"""chi from factors of the pairs' weights, against sums over pairs."""

import numpy as np
import pytest
from dftb_cases import graphene, rough_potentials

from polcouple.dftb import response
from polcouple.dftb.factored_response import factored_response, pays, weight_factors
from polcouple.dftb.preparation import prepare
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.electrode import Electrode
from polcouple.units import KELVIN_TO_HARTREE

CARBON = load_parameters(DEFAULT_SLAKO, ["C"])
ROOM = 300.0 * KELVIN_TO_HARTREE


def _with_vacancy(cells):
    whole = graphene(*cells)
    return Electrode(whole.symbols[1:], np.delete(whole.positions, 5, axis=0), whole.cell)


def _occupations(block, temperature=ROOM, fermi_level=-0.17):
    return 1.0 / (1.0 + np.exp(np.clip((block.energies - fermi_level) / temperature, -700.0, 700.0)))


@pytest.mark.parametrize("temperature", [1e-3 * ROOM, ROOM, 100.0 * ROOM])
def test_factors_give_the_weights_of_all_pairs(temperature):
    energies = np.sort(np.random.default_rng(0).normal(scale=0.3, size=200))
    energies[90:95] = energies[90]  # a shell
    distance = np.clip((energies - energies[92]) / temperature, -700.0, 700.0)
    occupations = 1.0 / (1.0 + np.exp(distance))
    u, v = weight_factors(energies, occupations, temperature)
    assert len(u) < 40
    found = np.zeros((200, 200))
    found[: u.shape[1], 200 - v.shape[1] :] = np.einsum("ti,tj->ij", u, v)
    i, j = np.triu_indices(200, 1)
    apart = energies[j] - energies[i] > 1e-3 * temperature  # else the quotient loses digits
    i, j = i[apart], j[apart]
    expected = (occupations[i] - occupations[j]) / (energies[j] - energies[i])
    assert np.abs(found[i, j] + found[j, i] - expected).max() < 1e-12 * np.abs(found).max() + 1e-10
    assert found[92, 92] == pytest.approx(0.125 / temperature, rel=1e-10)


@pytest.mark.parametrize(
    ("cells", "settings"),
    [((5, 3), {}), ((3, 2), {"k_points": (2, 2, 1)}), ((3, 2), {"shell_resolved": True})],
)
def test_factored_response_is_the_sum_over_pairs(cells, settings, monkeypatch):
    monkeypatch.setattr(response, "pays", lambda *_: False)
    prepared = prepare(_with_vacancy(cells), CARBON, **settings)
    n_sites = len(prepared.neutral)
    for block in prepared.blocks:
        occupations = _occupations(block)
        u, v = weight_factors(block.energies, occupations, ROOM)
        found = factored_response(block, u, v, n_sites)
        summed = response.pair_response(block, occupations, ROOM, n_sites)
        assert np.abs(found - summed).max() < 1e-10 * np.abs(summed).max()
        assert np.array_equal(found, found.T)


def test_rows_in_several_turns(monkeypatch):
    prepared = prepare(_with_vacancy((5, 3)), CARBON)
    (block,) = (one for one in prepared.blocks if len(one) > 100)
    occupations = _occupations(block)
    u, v = weight_factors(block.energies, occupations, ROOM)
    whole = factored_response(block, u, v, 59)
    monkeypatch.setattr("polcouple.dftb.factored_response._ROWS", 50)
    assert np.abs(factored_response(block, u, v, 59) - whole).max() < 1e-13 * np.abs(whole).max()


def test_kernel_of_a_sheet_with_a_vacancy_is_the_same_either_way(monkeypatch):
    electrode, kernels = _with_vacancy((4, 3)), []
    for way in (True, False):
        monkeypatch.setattr(response, "pays", lambda *_, way=way: way)
        solver = FrozenElectrode(electrode, CARBON, ROOM)
        solution, found = solver.bare_reference(-0.7)
        kernels.append(found.charge_kernel)
    assert np.abs(kernels[0] - kernels[1]).max() < 1e-8 * np.abs(kernels[1]).max()
    phi = rough_potentials(len(electrode), amplitude=1e-5)
    moved = solver.solve(phi, -0.7, accuracy=1e-10).charges - solution.charges
    assert np.abs(moved - kernels[0] @ phi).max() < 1e-3 * np.abs(moved).max()


def test_levels_that_are_filled_or_empty_to_the_last_digit():
    energies = np.concatenate([np.linspace(-0.9, -0.4, 30), np.linspace(0.1, 1.2, 50)])
    u, v = weight_factors(energies, (energies < 0.0).astype(float), 1e-6)
    assert (u.shape[1], v.shape[1]) == (30, 50)
    assert np.abs(u.T @ v - 1.0 / (energies[30:] - energies[:30, None])).max() < 1e-10


def test_factors_pay_for_many_sites_alone():
    u, v = np.zeros((10, 30)), np.zeros((10, 30))
    assert not pays(20, 60, u, v)
    assert pays(1300, 1300, np.zeros((17, 660)), np.zeros((17, 660)))
