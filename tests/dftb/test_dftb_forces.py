"""Forces, energies and charges of moving atoms: DFTB+ 25.1's, differences of our own energy, sum rules."""

import numpy as np
import pytest
from dftb_force_cases import FORCES, four_point, moving_case

from polcouple.dftb.moving.ensemble import FermiLevel, TotalCharge
from polcouple.dftb.moving.surroundings import PointCharges
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE

NAMES = sorted(path.stem for path in FORCES.glob("*.npz"))


def test_there_are_cases_of_every_kind():
    assert len(NAMES) == 24


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name.startswith("au27") else name for name in NAMES],
)
def test_agreement_with_dftbplus(name):
    case = moving_case(name)
    result, recorded = case.solve(), case.recorded
    assert result.converged and result.residual < 1e-10
    held = isinstance(case.ensemble, FermiLevel)
    potential = result.grand_potential if held else result.free_energy
    assert np.abs(result.forces - recorded["forces_Ha_per_bohr"]).max() < 2e-8
    of_charges = recorded["mm_forces_Ha_per_bohr"].reshape(-1, 3)
    assert np.abs(result.point_charge_forces - of_charges).max(initial=0.0) < 1e-9
    assert np.abs(result.charges - recorded["mulliken_charges"]).max() < 1e-8
    assert abs(result.energy - recorded["energy_Ha"]) < 2e-8
    assert abs(result.free_energy - recorded["mermin_free_energy_Ha"]) < 2e-8
    assert abs(potential - recorded["force_related_energy_Ha"]) < 2e-8
    assert abs(result.terms.repulsive - recorded["repulsive_energy_Ha"]) < 1e-10
    assert abs(result.electrons - recorded["number_of_electrons"]) < 1e-8


@pytest.mark.parametrize(
    "name",
    [
        "C6H6",
        pytest.param("graphene24_k441_q-0.5", marks=pytest.mark.slow),
        pytest.param("mu_graphene60_charges_-4.2eV", marks=pytest.mark.slow),
    ],
)
def test_forces_are_differences_of_the_energy(name):
    case = moving_case(name)
    held = isinstance(case.ensemble, FermiLevel)
    result = case.solve()

    def energy(positions, sources):
        answer = case.solve(positions, point_charges=sources, start=result.populations)
        return answer.grand_potential if held else answer.free_energy

    def moved(array, index, axis, x):
        array = array.copy()
        array[index, axis] += x
        return array

    charges, step = case.point_charges, 2e-3
    for atom, axis in ((0, 0), (len(case.positions) - 1, 2)):
        slope = four_point(
            lambda x, i=atom, a=axis: energy(moved(case.positions, i, a, x), charges), 0.0, step
        )
        assert abs(slope + result.forces[atom, axis]) < 1e-7
    if len(charges):

        def shifted(x):
            return energy(case.positions, PointCharges(moved(charges.positions, 1, 2, x), charges.charges))

        assert abs(four_point(shifted, 0.0, 0.02) + result.point_charge_forces[1, 2]) < 1e-9


def test_no_net_force_and_torque():
    case = moving_case("C6H6")
    charges = PointCharges(np.array([[1.0, 2.0, 6.0], [-4.0, 3.0, -5.0]]), np.array([0.5, -0.8]))
    for ensemble in (TotalCharge(0.3), FermiLevel(-0.2)):
        result = case.solve(ensemble=ensemble, point_charges=charges)
        forces = np.vstack([result.forces, result.point_charge_forces])
        positions = np.vstack([case.positions, charges.positions])
        assert np.abs(forces.sum(axis=0)).max() < 1e-12
        assert np.abs(np.cross(positions, forces).sum(axis=0)).max() < 1e-9
        assert np.abs(result.point_charge_forces).max() > 1e-3


def test_forces_of_a_cell_do_not_depend_on_where_it_is_cut():
    case = moving_case("graphene18_hex_k331_q+0.3")
    by = np.array([3.0, -7.0, 11.0])
    moved = case.positions + by
    moved[::3] += case.cell[0] - 2 * case.cell[1]
    sources = PointCharges(case.point_charges.positions + by, case.point_charges.charges)
    one, two = case.solve(), case.solve(moved, point_charges=sources)
    assert np.abs(one.forces - two.forces).max() < 1e-9
    assert abs(one.free_energy - two.free_energy) < 1e-10
    total = one.forces.sum(axis=0) + one.point_charge_forces.sum(axis=0)
    assert np.abs(total).max() < 1e-10


def test_a_start_changes_the_way_and_not_the_end():
    case = moving_case("graphene24_q-1")
    cold = case.solve()
    warm = case.solve(start=cold.populations)
    assert warm.iterations <= 2 < cold.iterations
    assert np.abs(warm.forces - cold.forces).max() < 1e-9


@pytest.mark.parametrize(
    ("change", "settings", "words"),
    [
        (lambda p: p[:-1], {}, "positions have shape"),
        (lambda p: p * [[np.nan]] + 0, {}, "position of atom 0 is not finite"),
        (lambda p: p * 0.2, {}, "begins at"),
        (lambda p: p, {"ensemble": TotalCharge(400.0)}, "valence does not allow"),
        (lambda p: p, {"ensemble": FermiLevel(-500 * EV_TO_HARTREE)}, "outside the bands"),
        (lambda p: p, {"ensemble": FermiLevel(np.nan)}, "finite number"),
        (lambda p: p, {"point_charges": PointCharges(np.zeros((1, 3)), np.ones(1))}, None),
    ],
)
def test_bad_input(change, settings, words):
    case = moving_case("CH4")
    if words is None:
        settings = {"point_charges": PointCharges(case.positions[1:2].copy(), np.ones(1))}
        words = "same place"
    with pytest.raises(InputError, match=words) as error:
        case.solve(change(case.positions), **settings)
    assert "\n" not in str(error.value)


def test_not_converged_gives_no_forces():
    result = moving_case("C6H6").solve(max_cycles=2)
    assert not result.converged and np.isnan(result.forces).all()


def test_bond_of_hydrogen_has_its_published_length():
    """mio's H2: 0.74 Angstrom; the force changes sign there."""
    from dftb_force_cases import slako_directory

    from polcouple.dftb.moving.dftb import MovingDftb

    dftb = MovingDftb(("H", "H"), 1e-3, slako_directory("mio-1-1", ("H",)))
    pulls = [
        dftb.solve(np.array([[0.0, 0, 0], [0, 0, d * ANGSTROM_TO_BOHR]]), None, TotalCharge(0.0)).forces[1, 2]
        for d in (0.70, 0.78)
    ]
    assert pulls[0] > 1e-3 and pulls[1] < -1e-3
