"""Steps that end without a diagonalisation: against converged ones, and orders of what is left out."""

import numpy as np
import pytest
from dftb_force_cases import moving_case

from polcouple.dftb.blocks import reference_block
from polcouple.dftb.filling import fermi_filling
from polcouple.dftb.moving.dftb import NOTHING
from polcouple.dftb.moving.ensemble import FermiLevel
from polcouple.dftb.moving.matrices import Basis, build_matrices
from polcouple.dftb.moving.nearby import NearbyStates, density_matrices
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.electrode import Electrode


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("name", ["graphene24_q-1", "graphene18_hex_k331_q+0.3", "graphene24_shell_q-1"])
def test_one_diagonalisation_in_a_warm_step(name, held):
    case = moving_case(name)
    alone = {"point_charges": NOTHING}  # whose sums would follow the accuracy, too
    exact = case.solve(accuracy=1e-11, **alone)
    ensemble = FermiLevel(exact.fermi_level) if held else case.ensemble
    noise = 1e-4 * np.random.default_rng(2).normal(size=len(exact.populations))
    found = case.solve(
        ensemble=ensemble, start=exact.populations + noise - noise.mean(), accuracy=1e-6, **alone
    )
    assert found.iterations == 1
    error = np.abs(found.populations - exact.populations).max()
    assert 1e-12 < error <= 1.1 * found.residual < 1e-6
    assert np.abs(found.forces - exact.forces).max() < 3e-7
    conserved = "grand_potential" if held else "free_energy"
    assert abs(getattr(found, conserved) - getattr(exact, conserved)) < 1e-10


def test_orders_of_what_is_left_out():
    """Density matrices err in the second order of the potential's change, the free energy in the third."""
    case = moving_case("graphene18_hex_k331_q+0.3")
    symbols = ("C",) * len(case.positions)
    basis = Basis(symbols, load_parameters(DEFAULT_SLAKO, symbols), (3, 3, 1), False)
    matrices = build_matrices(basis, Electrode(symbols, case.positions, case.cell, (True,) * 3))
    everything, temperature = np.arange(len(basis.orbitals)), 0.01  # many levels are partly occupied
    block = reference_block(*matrices.hamiltonians[1], everything, basis.orbital_site, 0.2)
    assert np.iscomplexobj(block.vectors)
    degeneracies = np.full(len(block), block.degeneracy)
    electrons = 0.45 * degeneracies.sum()
    direction = np.random.default_rng(3).normal(size=len(block.potential))

    def errors(size):
        potential = block.potential + size * direction
        before = fermi_filling(block.energies, degeneracies, electrons, temperature)
        near = NearbyStates(block, potential, before.occupations)
        filling = fermi_filling(near.block.energies, degeneracies, electrons, temperature)
        mixed = near.mixed(filling.occupations, temperature)
        exact = block.rotated(potential)
        true = fermi_filling(exact.energies, degeneracies, electrons, temperature)
        truly = density_matrices(exact, block.degeneracy * true.occupations)
        wrong = [np.abs(a - b).max() for a, b in zip(mixed.density_matrices(), truly, strict=True)]
        populations, missing = mixed.populations(len(potential))
        truth = exact.reference_populations(block.degeneracy * true.occupations, len(potential))
        ours = degeneracies @ (filling.occupations * near.block.energies) + mixed.energy
        free = degeneracies @ (true.occupations * exact.energies) - true.entropy_energy
        off = np.abs(populations - truth).max()
        return np.array([*wrong, off, abs(ours - filling.entropy_energy - free)]), missing.max(), off

    large, estimate, off = errors(2e-3)
    small, _, _ = errors(1e-3)
    assert large[:3].min() > 1e-9
    ratios = large / small
    assert np.all((ratios[:3] > 3.3) & (ratios[:3] < 4.8))
    assert 6.0 < ratios[3] < 10.0
    assert off < estimate < 100.0 * off
