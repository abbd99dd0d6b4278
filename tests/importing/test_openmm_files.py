"""OpenMM's own files: a serialised System, and force fields with a PDB; and what no case can honour."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import openmm
import openmm.app as app
import pytest
from imported_systems import (
    AMBER,
    CHARMM,
    aqueous_parts,
    assert_openmms_own_forces,
    engine_terms,
    some_charges,
    source_of,
    with_tolerance,
)
from openmm.unit import Quantity, nanometer

from polcouple.case.given_system import given_system
from polcouple.case.model import read_case
from polcouple.cli import main
from polcouple.compare.models import Model
from polcouple.coupling.forces import ForceProvider
from polcouple.coupling.mobile import create_charges
from polcouple.engines.openmm import ClassicalEngine
from polcouple.errors import InputError
from polcouple.importing.openmm_files import is_system, read_force_field, read_system
from polcouple.importing.source import PairOptions
from polcouple.importing.writing import ImportOptions, import_case
from polcouple.simulation.serve import Service, what_decides_answers
from polcouple.testing.cases import derivative, mobile

GRAPHENE = ImportOptions(electrodes=("resname GRA",))
PAIRS = PairOptions(7.0, 6.0, "none")


@pytest.fixture(scope="module")
def parts():
    """TIP4P-Ew and NaCl on graphene: System and topology of OpenMM, positions and cell in nm."""
    return aqueous_parts("amber14/tip4pew.xml", model="tip4pew", carbon=AMBER)


@pytest.fixture
def files(tmp_path, parts):
    """system.xml, system.pdb and carbon.xml."""
    system, topology, places, cell = parts
    system = copy.deepcopy(system)
    system.setDefaultPeriodicBoxVectors(*cell)
    (tmp_path / "system.xml").write_text(openmm.XmlSerializer.serialize(system))
    with (tmp_path / "system.pdb").open("w") as stream:
        app.PDBFile.writeFile(topology, Quantity(places, nanometer), stream)
    (tmp_path / "carbon.xml").write_text(AMBER)
    return tmp_path


def test_a_system_and_the_force_field_that_made_it(files, parts):
    system = import_case(files / "a", read_system(files / "system.xml", files / "system.pdb"), GRAPHENE)
    cell = tuple(10.0 * np.diag(parts[3]))  # PDB has three decimals
    fields = ["amber14/tip4pew.xml", files / "carbon.xml"]
    field = import_case(files / "b", read_force_field(fields, files / "system.pdb", PAIRS, cell), GRAPHENE)
    charges = some_charges(system)
    answers = []
    for case in (system, field):
        engine = ClassicalEngine(case, "all", "Reference")
        engine.set_charges(charges)
        moved = system.positions.copy()
        moved[system.water_oxygens] += 0.05
        answers.append((*engine.evaluate(system.positions), engine.evaluate(moved)[0]))
    (first, forces, first_moved), (second, others, second_moved) = answers
    # the System has a correction beyond the cut-off, a constant
    assert first - second == pytest.approx(first_moved - second_moved, abs=1e-7) and first < second - 1e-3
    assert np.abs(forces - others).max() < 1e-7
    assert system.topology.labels == field.topology.labels
    # molecules are the same, whatever the PDB's residues were called
    assert np.array_equal(system.topology.molecules, field.topology.molecules)


def test_a_pdb_without_virtual_sites(files):
    """Sites are added by the force field, and need no place in a System's structure."""
    lines = [
        line
        for line in (files / "system.pdb").open()
        if not (line[:4] in ("ATOM", "HETA") and line[12:16].strip() == "M")
    ]
    (files / "atoms.pdb").write_text("".join(line for line in lines if not line.startswith("CONECT")))
    whole = import_case(files / "a", read_system(files / "system.xml", files / "system.pdb"), GRAPHENE)
    system = import_case(files / "b", read_system(files / "system.xml", files / "atoms.pdb"), GRAPHENE)
    fields = ["amber14/tip4pew.xml", files / "carbon.xml"]
    field = import_case(files / "c", read_force_field(fields, files / "atoms.pdb", PAIRS), GRAPHENE)
    for case in (system, field):
        assert len(case.topology.sites) == len(whole.topology.sites) > 90
        places = case.electrolyte_positions(case.positions)
        assert np.abs(places - whole.electrolyte_positions(whole.positions)).max() < 1e-6


def with_force(parts, force):
    """The System with another force."""
    system = copy.deepcopy(parts[0])
    system.addForce(force)
    return source_of(system, *parts[1:])


def external():
    force = openmm.CustomExternalForce("z^2")
    force.addParticle(100, [])
    return force


@pytest.mark.parametrize(
    ("force", "says"),
    [
        (openmm.DrudeForce, "given.xml: DrudeForce: electrodes see fixed charges"),
        (openmm.AmoebaMultipoleForce, "AmoebaMultipoleForce: electrodes see fixed charges"),
        (openmm.GBSAOBCForce, "GBSAOBCForce: .* leave implicit solvent out"),
        (lambda: openmm.MonteCarloBarostat(1.0, 300.0), "MonteCarloBarostat: the cell is constant"),
        (lambda: openmm.AndersenThermostat(300.0, 1.0), "AndersenThermostat: i-PI has the thermostat"),
        (external, "CustomExternalForce: it depends on where the cell begins; leave it out .harmonic walls"),
        (openmm.ConstantPotentialForce, "ConstantPotentialForce: the electrodes' charges come from"),
        (lambda: openmm.RMSDForce([openmm.Vec3(0, 0, 0)] * 496), "RMSDForce: polcouple has no way to honour"),
        (lambda: openmm.CustomCompoundBondForce(2, "(z1-z2)^2"), "depends on where atoms are in the cell"),
        (openmm.NonbondedForce, "2 NonbondedForces, one is needed"),
        (lambda: openmm.CustomNonbondedForce("138.9*q1*q2/r"), "is not cut off periodically"),
    ],
)
def test_what_cannot_be_honoured(tmp_path, parts, force, says):
    with pytest.raises(InputError, match=says):
        import_case(tmp_path / "case", with_force(parts, force()), GRAPHENE)
    assert not (tmp_path / "case").exists()


def test_charges_of_another_force(tmp_path, parts):
    force = openmm.CustomNonbondedForce("138.9*q1*q2/r")
    force.addPerParticleParameter("q")
    force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    for _ in range(parts[0].getNumParticles()):
        force.addParticle([0.0])
    with pytest.raises(InputError, match=r"has charges of its own \('q'\)"):
        import_case(tmp_path / "case", with_force(parts, force), GRAPHENE)


def test_charges_of_another_name(tmp_path, parts):
    """Told by their values; others pass."""
    nonbonded = next(f for f in parts[0].getForces() if isinstance(f, openmm.NonbondedForce))
    charges = [nonbonded.getParticleParameters(i)[0]._value for i in range(nonbonded.getNumParticles())]
    for values, refused in ((np.array(charges) * 11.787, True), (np.abs(charges), False)):
        force = openmm.CustomNonbondedForce("z1*z2*exp(-r)")
        force.addPerParticleParameter("z")
        force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
        for value in values:
            force.addParticle([value])
        for index in range(nonbonded.getNumExceptions()):
            force.addExclusion(*nonbonded.getExceptionParameters(index)[:2])
        source = with_force(parts, force)
        if refused:
            with pytest.raises(InputError, match=r"has charges of its own \('z'\)"):
                given_system(source.path, source.system)
        else:
            given_system(source.path, source.system)


_LENNARD_JONES = "4*sqrt(e1*e2)*((s/r)^12-(s/r)^6);s=(z1+z2)/2"


def of_one_sign(expression, excluded=True):
    """Particles of charges 0 and 1 e, and a force of their two parameters z and e, which are all positive."""
    system, coulomb = openmm.System(), openmm.NonbondedForce()
    coulomb.setNonbondedMethod(openmm.NonbondedForce.PME)
    force = openmm.CustomNonbondedForce(expression)
    force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    if "both" in expression:
        force.addTabulatedFunction("both", openmm.Discrete2DFunction(2, 2, [0.0, 0.0, 0.0, 138.9]))
    if "smooth" in expression:
        x = np.linspace(0.1, 1.2, 200)
        force.addTabulatedFunction("smooth", openmm.Continuous1DFunction(list(1.0 / x), 0.1, 1.2))
    for name in "ze":
        force.addPerParticleParameter(name)
    for index in range(6):
        system.addParticle(12.0)
        coulomb.addParticle(float(index % 2), 0.3, 0.1)
        force.addParticle([float(index % 2), 0.5])
    coulomb.addException(0, 1, 0.0, 0.3, 0.0)
    if excluded:
        force.addExclusion(1, 0)
    system.addForce(coulomb)
    system.addForce(force)
    return system


@pytest.mark.parametrize(
    "expression",
    [
        "138.9*z1*z2/r",
        "138.9*z1*z2*(1/r+0.6*r^2-1.6)",
        "138.9*z1*z2*erfc(3*r)/r",
        "138.9*z1*z2*erf(3*r)/r",
        "138.9*z1*z2*exp(-5*r)/r",
        "138.9*z1*z2*(1/r-1)*step(1-r)",
        "1e-6*e1*e2/r^12+138.9*z1*z2*erfc(3*r)/r",
        "4*e1*e2*((0.3/r)^12-(0.3/r)^6)+50*(z1-2)*(z2-2)*erfc(3*r)/r",
        "138.9*z1*z2*smooth(r)",
        "both(z1,z2)/r",
        "30*e1*e2/r",
    ],
)
def test_what_acts_like_charges_is_told_by_what_it_does(expression):
    """Whatever its name is, with charges of one sign alone."""
    with pytest.raises(InputError, match=r"charges of its own|acts like charges") as refused:
        given_system(Path("given.xml"), of_one_sign(expression))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "expression",
    [
        _LENNARD_JONES,
        _LENNARD_JONES.replace(";", "-4*sqrt(e1*e2)*((s/1.2)^12-(s/1.2)^6)-0.1*(r-1.2);"),
        "z1*z2/r^12-e1*e2/r^6",
        "z1*z2/r^12-e1*e2/r^6-z1*e2/r^4",
        "1000*z1*z2*exp(-r/0.03)-e1*e2/r^6",
        "z1*z2/(r^6+0.01)",
        "1000*z1*z2*(r-1)^2*step(1-r)",
        "z1*z2*exp(-4*r^2)",
        "both(z1,z2)/r^12-e1*e2/r^6",
        "e1*e2*((0.3/r)^9-(z1*z2)*(0.3/r)^3)",
    ],
)
def test_what_does_not_act_like_charges_passes(expression):
    given_system(Path("given.xml"), of_one_sign(expression))


def test_other_exclusions_than_those_of_charges():
    """OpenMM's fast platforms refuse them, when it is asked for forces."""
    with pytest.raises(InputError, match="excludes 0 pairs and the NonbondedForce 1, not the same ones"):
        given_system(Path("given.xml"), of_one_sign(_LENNARD_JONES, excluded=False))


@pytest.mark.parametrize(("sigma", "epsilon"), [(-0.3, 0.5), (0.3, -0.5), (0.3, np.nan)])
@pytest.mark.parametrize("kind", ["Particle", "Exception"])
def test_negative_lennard_jones_parameters(parts, sigma, epsilon, kind):
    """OpenMM refuses them when it is asked for forces, our engine would not."""
    source = source_of(copy.deepcopy(parts[0]), *parts[1:])
    force = next(f for f in source.system.getForces() if isinstance(f, openmm.NonbondedForce))
    own = getattr(force, f"get{kind}Parameters")(1)[:-2]
    getattr(force, f"set{kind}Parameters")(1, *own, sigma, epsilon)
    name = "sigma" if sigma < 0.0 else "epsilon"
    with pytest.raises(InputError, match=f"given.xml: NonbondedForce: {name} of {kind.lower()} 1 is"):
        given_system(source.path, source.system)


@pytest.mark.parametrize("method", ["NoCutoff", "CutoffPeriodic", "LJPME"])
def test_other_methods(tmp_path, parts, method):
    source = source_of(copy.deepcopy(parts[0]), *parts[1:])
    force = next(f for f in source.system.getForces() if isinstance(f, openmm.NonbondedForce))
    force.setNonbondedMethod(getattr(openmm.NonbondedForce, method))
    with pytest.raises(InputError, match=f"has the method {method}; electrodes need periodic Coulomb sums"):
        import_case(tmp_path / "case", source, GRAPHENE)


def bonded_sheet(parts, linked=False):
    """Bonds and angles in the sheet, with exclusions; ``linked``: one to a water, too."""
    system = copy.deepcopy(parts[0])
    bonds, angles = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    nonbonded = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    for i in range(94):
        bonds.addBond(i, i + 1, 0.142, 2e5)
        angles.addAngle(i, i + 1, i + 2, 2.0, 500.0)
        nonbonded.addException(i, i + 1, 0.0, 1.0, 0.0)
        nonbonded.addException(i, i + 2, 0.1, 0.3, 0.2)
    if linked:
        nonbonded.addException(0, 96, 0.0, 1.0, 0.0)
    bonds.addBond(94, 95, 0.142, 2e5)
    system.addForce(bonds)
    system.addForce(angles)
    return source_of(system, *parts[1:])


@pytest.mark.parametrize("keep", [False, True])
def test_bonded_electrodes(tmp_path, parts, capsys, keep):
    """Terms between electrode atoms go or stay, as a constant; no exclusion of theirs changes a force."""
    source = bonded_sheet(parts)
    plain = import_case(tmp_path / "plain", source_of(*parts), GRAPHENE)
    options = dataclasses.replace(GRAPHENE, keep_bonded=keep)
    case = import_case(tmp_path / "case", source, options)
    assert "95 bonds inside the electrode, which is frozen" in capsys.readouterr().out
    charges = some_charges(case)
    answers = []
    for one in (plain, case):
        engine = ClassicalEngine(one, "all", "Reference")
        engine.set_charges(charges)
        answers.append(engine.evaluate(case.positions))
    assert np.abs(answers[0][1] - answers[1][1]).max() < 1e-9
    terms = [engine_terms(one, charges, case.positions, "Reference") for one in (plain, case)]
    added = sum(terms[1].values()) - sum(terms[0].values())
    assert answers[1][0] - answers[0][0] == pytest.approx(added, abs=1e-9)
    assert (added > 1e-3) if keep else abs(added) < 1e-9


@pytest.mark.slow
def test_a_metal_that_the_bonds_of_the_file_hold(tmp_path, parts):
    """Gaussian charges that move with their atoms, and the file's terms between them: one function."""
    options = dataclasses.replace(GRAPHENE, keep_bonded=True)
    case = with_tolerance(mobile(import_case(tmp_path / "case", bonded_sheet(parts), options)), 1e-6)
    with pytest.raises(InputError, match=r"so the file's may not be kept; write electrode_bonded: drop"):
        create_charges(case, "response")
    provider = ForceProvider(case, create_charges(case, "metal", {"bonds": "file"}))
    rng = np.random.default_rng(3)
    places = case.positions + 0.02 * rng.standard_normal(case.positions.shape)
    direction = np.zeros_like(places)
    direction[case.electrode_indices] = rng.standard_normal((len(case.electrode), 3))
    direction /= np.linalg.norm(direction)
    found = provider.evaluate(places, case.cell)
    slope = derivative(lambda x: provider.evaluate(places + x * direction, case.cell).energy, 0.005)
    assert float((found.forces * direction).sum()) == pytest.approx(-slope, abs=2e-7)
    assert np.abs(found.forces[case.electrode_indices]).max() > 1e-3


def test_a_metal_that_nothing_holds(tmp_path, parts):
    case = mobile(import_case(tmp_path / "case", bonded_sheet(parts), GRAPHENE))
    with pytest.raises(InputError, match=r"nothing holds the atoms .* write electrode_bonded: keep"):
        create_charges(case, "metal", {"bonds": "file"})


def test_an_electrode_bonded_to_the_liquid(tmp_path, parts):
    with pytest.raises(InputError, match=r"'resname GRA' matches part of a molecule: .* are not in it, 96 "):
        import_case(tmp_path / "case", bonded_sheet(parts, linked=True), GRAPHENE)


def test_a_system_of_another_structure(files):
    lines = (files / "system.pdb").read_text().splitlines(keepends=True)
    short = [line for line in lines if not line.startswith("CONECT")]
    (files / "short.pdb").write_text("".join(short[:-10]) + "END\n")
    with pytest.raises(InputError, match=r"system.xml: describes 496 particles, .*short.pdb holds 4"):
        read_system(files / "system.xml", files / "short.pdb")
    other = [line.replace("34.000", "35.000") if line.startswith("CRYST1") else line for line in short]
    (files / "other.pdb").write_text("".join(other))
    with pytest.raises(InputError, match=r"its periodic cell is another one than .*other.pdb's, by 1"):
        read_system(files / "system.xml", files / "other.pdb")


def test_faults_of_force_fields(files):
    fields = ["amber14/tip4pew.xml"]
    with pytest.raises(
        InputError, match=r"amber14/tip4pew.xml: OpenMM makes no System of it .* No template found"
    ):
        read_force_field(fields, files / "system.pdb", PAIRS)
    with pytest.raises(InputError, match=r"no_such.xml: OpenMM makes no System of it"):
        read_force_field([files / "no_such.xml"], files / "system.pdb", PAIRS)
    (files / "bad.xml").write_text("<Thing/>")
    with pytest.raises(InputError, match="<Thing> is neither a System nor a ForceField"):
        is_system(files / "bad.xml")
    assert is_system(files / "system.xml") and not is_system(files / "carbon.xml")


def test_the_command_tells_them_apart(files, capsys):
    structure = str(files / "system.pdb")
    for name, given in (("a", ["system.xml"]), ("b", ["amber14/tip4pew.xml", "carbon.xml"])):
        words = [str(files / word) if (files / word).is_file() else word for word in given]
        words = ["import", str(files / name), *words, structure, "--electrode", "resname GRA"]
        with pytest.raises(SystemExit) as end:
            main([*words, *(["--cutoff", "7"] if name == "b" else [])])
        assert end.value.code == 0, capsys.readouterr().err
    rigid = read_case(files / "b")
    assert len(rigid.constraints[0]) == 3 * len(rigid.water_oxygens)
    assert not len(read_case(files / "a").constraints[0])


@pytest.mark.parametrize(
    ("field", "option", "says"),
    [
        ("system.xml", ["--cutoff", "7"], "--cutoff is what a System says itself"),
        ("system.xml", ["--define", "A"], "--define is of a .top alone"),
        ("carbon.xml", ["--include", "."], "--include is of a .top alone"),
    ],
)
def test_options_without_effect_are_refused(files, capsys, field, option, says):
    words = ["import", str(files / "case"), str(files / field), str(files / "system.pdb"), *option]
    with pytest.raises(SystemExit) as end:
        main([*words, "--electrode", "resname GRA"])
    assert end.value.code == 2 and says in capsys.readouterr().err


@pytest.mark.slow
def test_a_peptide_of_charmm36(tmp_path):
    """CMAP, Urey-Bradley, impropers, 1-4 pairs of their own and NBFIX."""
    parts = aqueous_parts("charmm36.xml", "charmm36/water.xml", model="tip3p", carbon=CHARMM, solute=True)
    source = source_of(*parts)
    kinds = {type(force).__name__ for force in source.system.getForces()}
    assert {"CMAPTorsionForce", "CustomNonbondedForce", "CustomTorsionForce"} <= kinds
    case = import_case(tmp_path / "case", source, GRAPHENE)
    assert_openmms_own_forces(case, source)


def test_drivers_of_two_force_fields_do_not_answer_alike(files):
    """Beads of one i-PI would be computed in two ways; the file's name is the same."""
    case = import_case(files / "a", read_system(files / "system.xml", files / "system.pdb"), GRAPHENE)
    path = files / "a" / "system.xml"
    before, same = (what_decides_answers(Service(files / "a", "fixed"), case, 1) for _ in range(2))
    assert before == same
    system = openmm.XmlSerializer.deserialize(path.read_text())
    (pairs,) = (one for one in system.getForces() if isinstance(one, openmm.NonbondedForce))
    for number in range(pairs.getNumParticles()):
        charge, sigma, epsilon = pairs.getParticleParameters(number)
        pairs.setParticleParameters(number, charge, sigma, 2.0 * epsilon)
    path.write_text(openmm.XmlSerializer.serialize(system))
    changed = what_decides_answers(Service(files / "a", "fixed"), read_case(files / "a"), 1)
    assert {name for name in before if before[name] != changed[name]} == {"force field"}


def test_a_liquid_whose_virtual_sites_lie_elsewhere_is_another_one(files):
    """Charges kept by a comparison, or held by a run, would be those of the sites before."""
    case = import_case(files / "a", read_system(files / "system.xml", files / "system.pdb"), GRAPHENE)
    path, model = files / "a" / "system.xml", Model("metal", "metal", {}, {})
    before = case.electrolyte_fingerprint(), model.identity(case)
    assert (
        read_case(files / "a").electrolyte_fingerprint(),
        model.identity(read_case(files / "a")),
    ) == before
    system = openmm.XmlSerializer.deserialize(path.read_text())
    for number in range(system.getNumParticles()):
        if system.isVirtualSite(number):
            site = system.getVirtualSite(number)
            parents = [site.getParticle(k) for k in range(3)]
            system.setVirtualSite(number, openmm.ThreeParticleAverageSite(*parents, 0.8, 0.1, 0.1))
    path.write_text(openmm.XmlSerializer.serialize(system))
    moved = read_case(files / "a")
    assert moved.electrolyte_fingerprint() != before[0] and model.identity(moved) != before[1]
