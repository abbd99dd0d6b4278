"""Force fields in files of OpenMM: forces and energies are OpenMM's own, charges see every charge."""

import dataclasses

import numpy as np
import openmm
import pytest
from imported_systems import (
    AMBER,
    CHARMM,
    aqueous,
    assert_openmms_own_forces,
    some_charges,
    with_tolerance,
)

from polcouple.case.model import read_case
from polcouple.case.schema import Slab
from polcouple.coupling.forces import ForceProvider, Surroundings
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.engines.base import create_engine
from polcouple.engines.openmm import ClassicalEngine
from polcouple.errors import InputError
from polcouple.importing.writing import ImportOptions, import_case
from polcouple.testing.cases import derivative
from polcouple.units import BOHR_TO_NM, NM_TO_BOHR

GRAPHENE = ImportOptions(electrodes=("resname GRA",))
MODELS = {
    # a site by weights of three atoms; out of their plane; in a local frame, with NBFIX
    "TIP4P-Ew": (("amber14/tip4pew.xml",), "tip4pew", AMBER),
    "TIP5P": (("tip5p.xml",), "tip5p", AMBER.replace("0.8333333333333334", "0.833333")),
    "TIP4P/2005": (("charmm36/tip4p2005.xml",), "tip4pew", CHARMM),
}


def imported(directory, name):
    files, model, carbon = MODELS[name]
    source = aqueous(*files, model=model, carbon=carbon, salt=0.0 if name == "TIP5P" else 1.0)
    return import_case(directory / "case", source, GRAPHENE), source


@pytest.fixture(scope="module")
def tip4p(tmp_path_factory):
    return imported(tmp_path_factory.mktemp("tip4p"), "TIP4P-Ew")


def test_nbfix_and_local_frames_roughly(tmp_path):
    assert_openmms_own_forces(*imported(tmp_path, "TIP4P/2005"), 1e-4, 1e-3, "CPU")


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_forces_and_terms_are_openmms_own(tmp_path, name):
    assert_openmms_own_forces(*imported(tmp_path, name))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_sites_are_where_openmm_puts_them(tmp_path, name):
    case, source = imported(tmp_path, name)
    context = openmm.Context(source.system, openmm.VerletIntegrator(0.001))
    context.setPositions(source.positions * BOHR_TO_NM)
    context.computeVirtualSites()
    places = context.getState(getPositions=True).getPositions(asNumpy=True)._value
    expected = np.array(places) * NM_TO_BOHR
    # of molecules that i-PI has split
    rng = np.random.default_rng(3)
    split = case.positions + rng.integers(-1, 2, case.positions.shape) @ case.cell
    sites = case.electrolyte_positions(split)[len(case.electrolyte_indices) :]
    apart = (sites - expected[case.given.site_particles]) @ np.linalg.inv(case.cell)
    assert len(sites) == len(case.topology.sites) > 90
    assert np.abs((apart - np.rint(apart)) @ case.cell).max() < 2e-5


def plain_potentials(case):
    places = case.electrolyte_positions(case.positions)
    some = case.electrode.positions[[0, 50, 95]]
    return ewald_potential(some, places, case.electrolyte.charges, case.cell)


def test_potentials_see_the_sites(tip4p):
    case, _ = tip4p
    seen = Surroundings(case, 1e-7).environment(case.positions).site_potentials
    assert np.abs(seen[[0, 50, 95]] - plain_potentials(case)).max() < 1e-6


@pytest.mark.slow
def test_potentials_are_the_derivative_of_the_energy(tip4p):
    """Of the engine's, with charge moved from one atom to another."""
    case, _ = tip4p
    expected = plain_potentials(case)
    engine = ClassicalEngine(with_tolerance(case, 1e-6), "all", "Reference")
    charges, energies = some_charges(case), []
    for sign in (1, -1):
        change = np.zeros(len(charges))
        change[[0, 50]] = sign * 0.05, -sign * 0.05
        engine.set_charges(charges + change)
        energies.append(engine.evaluate(case.positions)[0])
    assert (energies[0] - energies[1]) / 0.1 == pytest.approx(expected[0] - expected[1], abs=2e-6)


def test_a_slab_pulls_at_sites(tip4p):
    case, _ = tip4p
    section = case.system.model_copy(update={"slab": Slab(displacement_volt_per_angstrom=0.02)})
    engines = [ClassicalEngine(case, "nonbonded", "Reference")]
    engines.append(ClassicalEngine(dataclasses.replace(case, system=section), "nonbonded", "Reference"))

    def added(positions):
        """By the slab."""
        (without, forces), (energy, pulled) = (engine.evaluate(positions) for engine in engines)
        return energy - without, pulled - forces

    for engine in engines:
        engine.set_charges(some_charges(case))
    _, forces = added(case.positions)
    direction = np.zeros_like(case.positions)
    rng = np.random.default_rng(4)
    direction[case.electrolyte_indices] = rng.standard_normal((len(case.electrolyte_indices), 3))
    ends = [added(case.positions + sign * 1e-2 * direction)[0] for sign in (1, -1)]
    assert (ends[0] - ends[1]) / 2e-2 == pytest.approx(-float((forces * direction).sum()), rel=1e-7)
    assert np.abs(forces[case.water_oxygens, 2]).max() > 1e-5


def test_parts_add_up_and_images_do_not_matter(tip4p):
    case, _ = tip4p
    charges, answers = some_charges(case), {}
    for part in ("all", "bonded", "nonbonded"):
        engine = ClassicalEngine(case, part, "Reference")
        engine.set_charges(charges)
        answers[part] = engine.evaluate(case.positions)
    energy, forces = answers["all"]
    assert energy == pytest.approx(answers["bonded"][0] + answers["nonbonded"][0], abs=1e-9)
    assert np.abs(forces - answers["bonded"][1] - answers["nonbonded"][1]).max() < 1e-10
    rng = np.random.default_rng(3)
    split = case.positions + rng.integers(-1, 2, case.positions.shape) @ case.cell
    engine = ClassicalEngine(case, "all", "Reference")
    engine.set_charges(charges)
    again, same = engine.evaluate(split)
    assert again == pytest.approx(energy, abs=1e-6) and np.abs(same - forces).max() < 1e-7


def test_images_of_sites_do_not_matter_to_the_native_engine(tip4p):
    case, _ = tip4p
    rng = np.random.default_rng(3)
    engine, reason = create_engine(with_tolerance(case, 1e-6), "all", "native", 1)
    assert reason is None
    engine.set_charges(some_charges(case))
    engine.prepare_site_potentials(1e-7)
    split = case.positions + rng.integers(-1, 2, case.positions.shape) @ case.cell
    potentials = engine.site_potentials(split)
    energy, forces = engine.evaluate(split)
    assert np.abs(potentials[[0, 50, 95]] - plain_potentials(case)).max() < 1e-7
    again, same = engine.evaluate(case.positions)
    assert again == pytest.approx(energy, abs=1e-8) and np.abs(same - forces).max() < 1e-9


def test_forces_with_sites_are_the_derivative_of_the_energy(tip4p):
    case, _ = tip4p
    engine, _ = create_engine(with_tolerance(case, 1e-6), "all", "native", 1)
    engine.set_charges(some_charges(case))
    direction = np.zeros_like(case.positions)
    liquid = case.electrolyte_indices
    direction[liquid] = np.random.default_rng(4).standard_normal((len(liquid), 3))
    forces = engine.evaluate(case.positions)[1]
    slope = derivative(lambda x: engine.evaluate(case.positions + x * direction)[0], 5e-3)
    # forces and energies are approximated to the tolerance, each for itself: in water that is another one
    # each time the difference scatters by 1e-6 of the forces' norm
    allowed = 5e-6 * float(np.linalg.norm(forces))
    assert slope == pytest.approx(-float((forces * direction).sum()), abs=allowed)


def test_the_case_is_read_as_it_was_written(tip4p):
    case, _ = tip4p
    again = read_case(case.directory)
    assert again.topology.labels[:3] == ("CG", "CG", "CG")
    assert set(again.topology.names) == {"GRA", "HOH", "NA", "CL"}
    assert len(again.ion_indices) and not again.charges[again.electrode_indices].any()
    assert again.cutoff == pytest.approx(7.0 / 0.529177210903)
    assert len(again.water_oxygens) == len(again.topology.sites)


def test_charges_reach_the_driver(tip4p):
    case, _ = tip4p
    from polcouple.coupling.electrodes import create_electrodes

    provider = ForceProvider(case, create_electrodes(case, "metal", {}))
    answer = provider.evaluate(case.positions, case.cell)
    assert np.abs(answer.extras["charges"]).max() > 1e-3
    shuffled = case.positions.copy()
    atoms = case.water_oxygens[:2]
    shuffled[atoms] = shuffled[atoms[::-1]]
    with pytest.raises(InputError, match=r"should be bonded at 0.96 Angstrom but are .* in another order"):
        ForceProvider(case, create_electrodes(case, "metal", {})).evaluate(shuffled, case.cell)
