"""Multiple time stepping with a cheaper backend: the parts sum to all forces, whatever the cheaper one is."""

import dataclasses

import numpy as np
import pytest

from polcouple.errors import InputError
from polcouple.propagation.providers import create_providers
from polcouple.testing.cases import derivative, graphene_case, with_tolerance


def case(fast="response", **sections):
    made = with_tolerance(graphene_case(**sections), 1e-6)
    return dataclasses.replace(made, system=made.system.model_copy(update={"fast_backend": fast}))


def parts(made, *names, backend="dftb"):
    found = create_providers(made, backend, {}, names, threads=1)
    return [found[name].evaluate(made.positions, made.cell) for name in names]


@pytest.mark.parametrize("fast", ["response", "fixed"])
def test_parts_sum_to_all_forces(fast):
    made = case(fast)
    whole, quick, rest = parts(made, "all", "fast", "slow")
    assert quick.energy + rest.energy == pytest.approx(whole.energy, abs=1e-8)
    assert np.abs(quick.forces + rest.forces - whole.forces).max() < 1e-7
    assert np.array_equal(rest.extras["charges"], whole.extras["charges"])
    # what is left for the outer level is small beside what the charges do
    assert np.abs(rest.forces).max() < 0.2 * np.abs(whole.forces).max()
    assert np.abs(rest.forces).max() > (1e-5 if fast == "fixed" else 0.0)


def test_slow_forces_are_the_derivative_of_their_energy():
    made = case("fixed")
    provider = create_providers(made, "response", {}, ["slow"], threads=1)["slow"]
    forces = provider.evaluate(made.positions, made.cell).forces
    direction = forces / np.linalg.norm(forces)
    slope = derivative(lambda x: provider.evaluate(made.positions + x * direction, made.cell).energy, 5e-3)
    assert slope == pytest.approx(-float((forces * direction).sum()), abs=2e-6)
    assert abs(slope) > 1e-4


@pytest.mark.parametrize(
    ("fast", "refresh", "message"),
    [
        (None, 1, "write fast_backend: with its name"),
        ("nn", 1, "fast_backend: nn has no energy of which its charges are the derivative"),
        ("response", 4, "need charges in every evaluation, not every 4"),
    ],
)
def test_what_is_refused(fast, refresh, message):
    made = case(fast, backends={"nn": {"model": "graphene_nacl_classifier"}})
    with pytest.raises(InputError, match=message):
        create_providers(made, "fixed", {}, ["slow"], threads=1, interval=refresh)
