"""A net with a fallback, its committee disagreeing by just as much as asks for it, at a held Fermi level."""

import numpy as np
import pytest
from capacitor_cases import seen, with_sections
from conftest import SMALL

from polcouple.backends import nn
from polcouple.backends.base import create_backend
from polcouple.case.model import read_case
from polcouple.case.schema import Potential
from polcouple.coupling.electrodes import create_electrodes
from polcouple.units import HARTREE_TO_EV


def test_one_of_the_two_answers_for_a_configuration(monkeypatch):
    """The bound lies between the disagreements at the charges of net and fallback: neither is right."""
    case = read_case(SMALL)
    x, y = (2.0 * np.pi * case.electrode.positions[:, k] / case.electrode.cell[k, k] for k in (0, 1))
    environment = seen(case, 0.05 + 0.02 * (np.cos(x) + np.sin(x + y)))
    alone = create_backend("nn", case.electrode, case.electrolyte)
    own = alone.model
    level = alone.solve(environment, -1.4).fermi_level * HARTREE_TO_EV
    held = with_sections(case, potential=Potential(fermi_level_ev=level, counter_charge="background"))

    def solved(small, large):
        monkeypatch.setattr(nn, "_SMALL_DISAGREEMENT", small)
        monkeypatch.setattr(nn, "_LARGE_DISAGREEMENT", large)
        return create_electrodes(held, "nn", {"fallback": "response"}).solve(environment, -1.4)

    net, fallback = solved(1e9, 1e9), solved(0.0, 0.0)
    ratios = []
    for result in (net, fallback):
        assert result.converged
        charge = float(result.total_charges[0])
        found = own.respond(environment.site_potentials, charge).disagreement
        ratios.append(found / own.usual_disagreement(charge))
    assert abs(net.total_charges[0] - fallback.total_charges[0]) > 1e-5 and ratios[0] > ratios[1]
    edge = sum(ratios) / 2
    assert not solved(edge, edge).converged  # with one bound for both it goes to and fro
    result = solved(0.75 * edge, edge)
    assert result.converged and result.total_charges == pytest.approx(fallback.total_charges, abs=1e-6)
    assert any("response was asked" in warning for warning in result.warnings)
    # another configuration is asked about anew
    alone = create_backend("nn", case.electrode, case.electrolyte, {"fallback": "response"})
    charge = float(fallback.total_charges[0])
    monkeypatch.setattr(nn, "_LARGE_DISAGREEMENT", 1.5 * edge)
    asked = fallback.parts[0]
    assert "response was asked" in alone.solve(environment, charge, asked).warnings[0]
    environment.positions = environment.positions + 0.1
    assert alone.solve(environment, charge, asked).warnings == ()
