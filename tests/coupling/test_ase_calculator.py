"""The calculator of ASE: units against the force provider's, ASE's own numerical forces, what is refused."""

import ase.units
import numpy as np
import pytest
from ase.calculators.fd import calculate_numerical_forces

from polcouple import (
    ChargeResult,
    ChargeSolver,
    ForceProvider,
    InputError,
    PolcoupleCalculator,
    case_atoms,
    create_electrodes,
)
from polcouple.backends.capabilities import Capabilities


@pytest.fixture(scope="module")
def backend(small_case):
    return create_electrodes(small_case, "response")


def test_numbers_are_the_providers_in_units_of_ase(small_case, backend):
    """ASE's units are of another vintage of CODATA: the same to seven digits."""
    atoms = case_atoms(small_case)
    atoms.calc = PolcoupleCalculator(small_case, backend, threads=1)
    expected = ForceProvider(small_case, backend, threads=1).evaluate(small_case.positions, small_case.cell)
    assert atoms.get_potential_energy() == pytest.approx(expected.energy * ase.units.Hartree, rel=1e-7)
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    forces = atoms.get_forces(apply_constraint=False)
    unit = ase.units.Hartree / ase.units.Bohr
    assert forces == pytest.approx(expected.forces * unit, rel=1e-6, abs=1e-6)
    charges = atoms.get_charges()
    solved = ChargeSolver(small_case, backend)(small_case.positions).charges
    own = charges[small_case.electrode_indices]
    # positions that were in Angstrom differ in the last digit, and the engine rounds to single precision
    assert own == pytest.approx(expected.extras["charges"], abs=3e-7)
    # the engine's mesh and the solver's give potentials within 1e-6 Hartree/e of each other
    assert own == pytest.approx(solved, abs=5e-6)
    liquid = small_case.electrolyte_indices
    assert charges[liquid].tolist() == small_case.electrolyte.charges.tolist()
    assert abs(charges.sum()) < 1e-8
    assert atoms.calc.evaluation.extras["fermi_level"] == pytest.approx(expected.extras["fermi_level"])


def test_forces_are_the_derivatives_that_ase_finds(small_case, backend):
    """Of the ion and the water nearest to the sheet, with all induced charges.

    Not by OpenMM's platforms: they cut the Coulomb sum off, and a pair of this case that crosses the cut-off
    makes the energy jump by 5e-7 Hartree.
    """
    heights = small_case.positions[:, 2].copy()
    heights[small_case.electrode_indices] = np.inf
    ion = small_case.ion_indices[heights[small_case.ion_indices].argmin()]
    oxygen = small_case.water_oxygens[heights[small_case.water_oxygens].argmin()]
    atoms = case_atoms(small_case)
    atoms.calc = PolcoupleCalculator(small_case, backend, threads=1)
    own = atoms.get_forces()[[ion, oxygen]]
    found = calculate_numerical_forces(atoms, eps=4e-3, iatoms=[ion, oxygen])
    assert np.abs(own).min() > 1e-2
    assert np.abs(own - found).max() < 1e-3 * np.abs(own).max()
    assert not atoms.get_forces(apply_constraint=False)[small_case.electrode_indices].any()


def test_what_is_not_the_case_is_refused(small_case, backend):
    calculator = PolcoupleCalculator(small_case, backend, threads=1)

    def fault(change):
        atoms = case_atoms(small_case)
        atoms.set_constraint()
        change(atoms)
        atoms.calc = calculator
        with pytest.raises(InputError) as refused:
            atoms.get_potential_energy()
        return str(refused.value)

    def exchange(atoms):
        atoms.symbols[small_case.ion_indices[0]] = "K"

    def shift(atoms):
        atoms.positions[3, 2] += 0.1

    ion = small_case.ion_indices[0]
    assert fault(exchange) == f"atom {ion} is K, the case's is Na; keep the case's atoms and order"
    assert "not periodic in all directions" in fault(lambda atoms: atoms.set_pbc((True, True, False)))
    assert "electrode atom 3 is 0.1 Angstrom from its place" in fault(shift)
    assert "578 atoms where the case has 579" in fault(lambda atoms: atoms.__delitem__(578))
    assert "the cell differs" in fault(lambda atoms: atoms.set_cell(1.01 * atoms.cell.array))
    with pytest.raises(InputError, match="settings go with the name of a backend"):
        PolcoupleCalculator(small_case, backend, {"temperature_kelvin": 300})


def test_warnings_are_pythons(small_case):
    """Of a backend that warns in every answer, once."""

    class Warner:
        capabilities = Capabilities()

        def solve(self, environment, total_charge, guess=None):
            n = len(small_case.electrode)
            return ChargeResult(np.full(n, total_charge / n), warnings=("beware",))

    atoms = case_atoms(small_case)
    atoms.calc = PolcoupleCalculator(small_case, Warner(), threads=1)
    with pytest.warns(UserWarning, match="beware") as seen:
        atoms.get_potential_energy()
        atoms.positions[-1] += 0.01
        atoms.get_potential_energy()
    assert len(seen) == 1
