"""The classical engine against an independent Ewald sum, plain NumPy terms and finite differences."""

import numpy as np
import openmm
import pytest

from polcouple.electrostatics.ewald import ewald_energy_forces, ewald_matrix, ewald_potential
from polcouple.engines.openmm import ClassicalEngine
from polcouple.errors import InputError
from polcouple.testing import EngineContract
from polcouple.testing.cases import random_case, reference_nonbonded
from polcouple.testing.engine_contract import charges_of
from polcouple.units import ANGSTROM_TO_BOHR, HARTREE_TO_KJ_PER_MOL, KCAL_TO_KJ

KCAL_TO_HARTREE = KCAL_TO_KJ / HARTREE_TO_KJ_PER_MOL


class TestCpu(EngineContract):
    platform = "CPU"
    # relative errors of forces are what OpenMM's tolerance means by its own rule, in other units
    margin = 4.0
    rounding = (1e-7, 1e-6)


class TestReference(TestCpu):
    platform = "Reference"
    refused = frozenset({"hexagonal", "triclinic", "tight triclinic"})


#: of this installation: a GPU's are tested where there is one
PLATFORMS = [openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())]

if "CUDA" in PLATFORMS:

    class TestCuda(TestCpu):
        platform = "CUDA"


if "OpenCL" in PLATFORMS:

    class TestOpenCl(TestCpu):
        platform = "OpenCL"


@pytest.fixture(scope="module")
def electrode_charges(small_case):
    rng = np.random.default_rng(1)
    charges = small_case.total_charge / len(small_case.electrode) + 0.01 * rng.standard_normal(
        len(small_case.electrode)
    )
    return charges + (small_case.total_charge - charges.sum()) / len(charges)


@pytest.fixture(scope="module")
def engine(small_case):
    return ClassicalEngine(small_case, "nonbonded", threads=1)


def minimum_image(case, vectors):
    fractional = vectors @ np.linalg.inv(case.cell)
    return (fractional - np.round(fractional)) @ case.cell


def independent_nonbonded(case, electrode_charges):
    """Energy in Hartree and forces of Ewald, Lennard-Jones and walls, straight from their formulas."""
    charges = case.charges.copy()
    charges[case.electrode_indices] = electrode_charges
    energy, forces = ewald_energy_forces(case.positions, charges, case.cell)
    electrode = ewald_matrix(case.positions[case.electrode_indices], case.cell)
    energy -= 0.5 * electrode_charges @ electrode @ electrode_charges
    # Coulomb inside a molecule is excluded
    for oxygen in case.water_oxygens:
        for i, j in ((0, 1), (0, 2), (1, 2)):
            a, b = oxygen + i, oxygen + j
            d = minimum_image(case, case.positions[a] - case.positions[b])
            r = np.linalg.norm(d)
            energy -= charges[a] * charges[b] / r
            pair = -charges[a] * charges[b] * d / r**3
            forces[a] += pair
            forces[b] -= pair
    lj = case.system.force_field.lennard_jones
    sigma = np.array([lj[s].sigma_angstrom for s in case.symbols]) * ANGSTROM_TO_BOHR
    epsilon = np.array([lj[s].epsilon_kcal_per_mol for s in case.symbols]) * KCAL_TO_HARTREE
    active = np.flatnonzero(epsilon > 0)
    cutoff = case.system.force_field.cutoff_angstrom * ANGSTROM_TO_BOHR
    switch = case.system.force_field.switch_angstrom * ANGSTROM_TO_BOHR
    electrode_atoms = np.zeros(len(case), bool)
    electrode_atoms[case.electrode_indices] = True
    for n, i in enumerate(active):
        others = active[n + 1 :]
        if electrode_atoms[i]:
            others = others[~electrode_atoms[others]]
        d = minimum_image(case, case.positions[i] - case.positions[others])
        r = np.linalg.norm(d, axis=1)
        near = r < cutoff
        others, d, r = others[near], d[near], r[near]
        s6 = (0.5 * (sigma[i] + sigma[others]) / r) ** 6
        e = np.sqrt(epsilon[i] * epsilon[others])
        x = np.clip((r - switch) / (cutoff - switch), 0, 1)
        smooth = 1 - 6 * x**5 + 15 * x**4 - 10 * x**3
        slope = (-30 * x**4 + 60 * x**3 - 30 * x**2) / (cutoff - switch)
        energy += np.sum(4 * e * (s6**2 - s6) * smooth)
        strength = 24 * e * (2 * s6**2 - s6) / r * smooth - 4 * e * (s6**2 - s6) * slope
        pair = (strength / r)[:, None] * d
        forces[i] += pair.sum(axis=0)
        np.subtract.at(forces, others, pair)
    walls = case.system.force_field.walls
    k = walls.spring_kcal_per_mol_angstrom2 * KCAL_TO_HARTREE / ANGSTROM_TO_BOHR**2
    for i in np.concatenate([case.water_oxygens, case.ion_indices]):
        z = case.positions[i, 2]
        out = min(0.0, z - walls.lower_angstrom * ANGSTROM_TO_BOHR) + max(
            0.0, z - walls.upper_angstrom * ANGSTROM_TO_BOHR
        )
        energy += 0.5 * k * out**2
        forces[i, 2] -= k * out
    forces[case.electrode_indices] = 0.0
    return energy, forces


def test_nonbonded_matches_independent_reference(small_case, engine, electrode_charges):
    engine.set_charges(electrode_charges)
    energy, forces = engine.evaluate(small_case.positions)
    expected_energy, expected_forces = independent_nonbonded(small_case, electrode_charges)
    scale = np.sqrt((expected_forces**2).mean())
    # particle-mesh Ewald in single precision at its tolerance of 5e-5
    assert np.abs(forces - expected_forces).max() < 3e-3 * scale
    assert np.sqrt(((forces - expected_forces) ** 2).mean()) < 3e-4 * scale
    assert energy == pytest.approx(expected_energy, abs=5e-4)


def test_energy_derivative_by_charge_is_site_potential(small_case, engine, electrode_charges):
    case = small_case
    potentials = ewald_potential(
        case.electrode.positions,
        case.positions[case.electrolyte_indices],
        case.electrolyte.charges,
        case.cell,
    )
    step = np.zeros(len(electrode_charges))
    # moving charge between two atoms keeps the cell neutral
    for i, j in ((0, 50), (7, 23)):
        step[:] = 0.0
        step[i], step[j] = 0.05, -0.05
        energies = []
        for sign in (1, -1):
            engine.set_charges(electrode_charges + sign * step)
            energies.append(engine.evaluate(case.positions)[0])
        derivative = (energies[0] - energies[1]) / 0.1
        assert derivative == pytest.approx(potentials[i] - potentials[j], abs=3e-5)


def test_energy_has_no_huge_constant(small_case, engine, electrode_charges):
    engine.set_charges(electrode_charges)
    energy, _ = engine.evaluate(small_case.positions)
    per_molecule = energy * HARTREE_TO_KJ_PER_MOL / len(small_case.water_oxygens)
    assert -120 < per_molecule < 0


def test_unknown_platform_is_refused(small_case):
    with pytest.raises(InputError, match=r"no platform 'CPUU' here \(did you mean 'CPU'"):
        ClassicalEngine(small_case, platform="CPUU")


def tilted_case(cutoffs, seed=0):
    """A case whose cell is tilted, and so many cut-offs of 6 Angstrom high along b."""
    height = 6.0 * cutoffs
    return random_case(
        np.random.default_rng(seed), [[24.0, 0, 0], [9.0, height, 0], [0, 3.0, 20.0]], 6.0, 1e-6
    )


@pytest.mark.parametrize("seed", range(3))
def test_pairs_in_tilted_cells_are_whole(seed):
    case = tilted_case(3.15, seed)
    charges = charges_of(case)
    engine = ClassicalEngine(case, "nonbonded", "Reference")
    engine.set_charges(charges)
    energy, _ = engine.evaluate(case.positions)
    assert energy == pytest.approx(reference_nonbonded(case, charges)[0], abs=5e-6)


def test_low_tilted_cells_are_refused_where_pairs_are_left_out():
    case = tilted_case(2.5)
    with pytest.raises(InputError, match=r"tilted cell lower than three cut-offs \(along b 15.0 Angstrom"):
        ClassicalEngine(case, "all", "Reference")
    ClassicalEngine(case, "all", "CPU")
    ClassicalEngine(case, "bonded", "Reference")
