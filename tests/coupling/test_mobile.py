"""An electrode whose atoms move, with its liquid: one energy, its forces, and what is refused."""

import dataclasses

import numpy as np
import pytest

from polcouple.case.checks import check_mobile
from polcouple.coupling.electrodes import create_coupled, create_electrodes
from polcouple.coupling.forces import ForceProvider
from polcouple.coupling.mobile import create_charges
from polcouple.engines.base import create_engine
from polcouple.errors import InputError
from polcouple.testing.cases import derivative, graphene_case, mobile, with_tolerance

HELD = {"fermi_level_ev": -3.0, "counter_charge": "background"}


def provider(case, accuracy=1e-8):
    return ForceProvider(case, create_charges(case, "dftb", {"accuracy": accuracy}), threads=1)


@pytest.mark.parametrize("sections", [{}, {"potential": HELD}], ids=["charge", "level"])
def test_forces_are_the_derivative_of_one_energy(sections):
    """On the liquid and on the electrode, at a total charge and at a Fermi level; they sum to zero."""
    case = with_tolerance(mobile(graphene_case(**sections)), 1e-6)
    made = provider(case)
    rng = np.random.default_rng(2)
    places = case.positions + 0.05 * rng.standard_normal(case.positions.shape)
    answer = made.evaluate(places, case.cell)
    direction = rng.standard_normal(places.shape)
    direction /= np.linalg.norm(direction)
    slope = derivative(lambda x: made.evaluate(places + x * direction, case.cell).energy, 5e-3)
    assert slope == pytest.approx(-float((answer.forces * direction).sum()), abs=1e-6)
    assert np.abs(answer.forces.sum(axis=0)).max() < 1e-6
    assert np.abs(answer.forces[case.electrode_indices]).max() > 0.01
    told = answer.extras
    if sections:
        assert told["fermi_levels"] == pytest.approx([-3.0], abs=1e-9)
        assert abs(told["total_charge"]) > 0.1
    else:
        assert told["total_charge"] == pytest.approx(case.total_charge, abs=1e-9)
    assert told["electrons"] == pytest.approx(4.0 * len(case.electrode) - told["total_charge"], abs=1e-9)


def test_a_frozen_geometry_has_the_charges_of_a_frozen_electrode():
    frozen = with_tolerance(graphene_case(), 1e-6)
    backend = create_electrodes(frozen, "dftb", {"accuracy": 1e-8})
    expected = ForceProvider(frozen, backend, threads=1).evaluate(frozen.positions, frozen.cell)
    answer = provider(mobile(frozen)).evaluate(frozen.positions, frozen.cell)
    assert np.abs(answer.extras["charges"] - expected.extras["charges"]).max() < 1e-7
    assert answer.extras["fermi_level"] == pytest.approx(expected.extras["fermi_level"], abs=1e-6)
    liquid = frozen.electrolyte_indices
    assert np.abs(answer.forces - expected.forces)[liquid].max() < 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ipi_atoms": "liquid"}, "is mobile, and ipi_atoms: liquid keeps its atoms from i-PI"),
        ({"slab": object()}, "is mobile, and slab: is for electrodes in their place"),
        ({"refresh": {"interval": 3}}, "charges that are kept for 3 steps give no forces on it"),
    ],
)
def test_what_does_not_go_together(change, message, tmp_path):
    case = mobile(graphene_case())
    if "refresh" in change:
        change = {"refresh": case.system.refresh.model_copy(update=change["refresh"])}
    case = dataclasses.replace(case, system=case.system.model_copy(update=change))
    with pytest.raises(InputError, match=message):
        check_mobile(case, tmp_path / "system.yaml")


def test_what_knows_frozen_electrodes_alone():
    case = mobile(graphene_case())
    for make in (create_electrodes, create_coupled):
        with pytest.raises(InputError, match="is mobile, and this is done for electrodes in their place"):
            make(case, "dftb")
    with pytest.raises(InputError, match="is mobile: --platform CPU knows electrodes in their place"):
        create_engine(case, platform="CPU")
    with pytest.raises(InputError, match="part: electrode is for one that stays in its place"):
        create_engine(case, "electrode")
    with pytest.raises(InputError, match="charges that are kept give no forces"):
        ForceProvider(case, create_charges(case, "dftb"), interval=2)
