"""Two sets of moving charges on a mesh, against the plain Ewald sum and differences."""

import numpy as np
import pytest

from polcouple.electrostatics.ewald import ewald_forces_between, ewald_potential
from polcouple.electrostatics.two_sets import FieldOfCharges
from polcouple.errors import InputError

CELL = np.array([[24.0, 0.0, 0.0], [5.0, 21.0, 0.0], [-3.0, 4.0, 38.0]])


def two_sets(n=30, m=300):
    rng = np.random.default_rng(4)
    sites, places = (rng.uniform(-1.0, 2.0, (count, 3)) @ CELL for count in (n, m))
    return sites, 0.1 * rng.normal(size=n) + 0.02, places, 0.5 * rng.normal(size=m) + 0.01


@pytest.mark.parametrize("accuracy", [1e-5, 1e-9])
def test_against_the_plain_sum(accuracy):
    sites, site_charges, places, charges = two_sets()
    field = FieldOfCharges(sites, places, charges, CELL, accuracy)
    plain = ewald_potential(sites, places, charges, CELL)
    error = np.abs(field.potentials - plain).max()
    assert 1e-4 * accuracy < error < accuracy  # and no better than paid for
    for ours, theirs in zip(
        field.forces(site_charges),
        ewald_forces_between(sites, site_charges, places, charges, CELL),
        strict=True,
    ):
        assert np.abs(ours - theirs).max() < 3.0 * accuracy  # per bohr and e


def test_forces_are_differences_of_the_energy():
    sites, site_charges, places, charges = two_sets()
    on_sites, on_charges = FieldOfCharges(sites, places, charges, CELL, 1e-8).forces(site_charges)

    def energy(site, place):
        return site_charges @ FieldOfCharges(site, place, charges, CELL, 1e-8).potentials

    rng = np.random.default_rng(5)
    for move_sites in (True, False):
        step = rng.normal(size=(sites if move_sites else places).shape)

        def at(x, move_sites=move_sites, step=step):
            return energy(sites + x * step, places) if move_sites else energy(sites, places + x * step)

        h = 0.01
        slope = (8.0 * (at(h) - at(-h)) - at(2 * h) + at(-2 * h)) / (12.0 * h)
        forces = on_sites if move_sites else on_charges
        assert slope == pytest.approx(-(forces * step).sum(), abs=2e-8)


def test_a_charge_on_a_site_is_refused():
    sites, _, places, charges = two_sets()
    places[7] = sites[3] + CELL[1]
    with pytest.raises(InputError, match="site 3 and charge 7"):
        FieldOfCharges(sites, places, charges, CELL, 1e-8)
