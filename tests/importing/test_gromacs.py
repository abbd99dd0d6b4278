"""GROMACS' files: forces and energies are those that GROMACS itself gives, and faults are named."""

import copy
import dataclasses
import shutil

import numpy as np
import openmm
import pytest
from gromacs_run import GMX, PAIRS, RECORDED, answer, file_name
from gromacs_systems import charges_of_sheet, liquids, placed, write_gro, write_top
from imported_systems import engine_terms, unconstrained, with_tolerance

from polcouple.analysis.density import species_of
from polcouple.analysis.slab import slab_of
from polcouple.case.model import read_case
from polcouple.case.virtual_sites import VirtualSites
from polcouple.check.findings import check_case
from polcouple.cli import main
from polcouple.coupling.ase_calculator import case_atoms
from polcouple.engines.openmm import ClassicalEngine
from polcouple.errors import InputError
from polcouple.importing.gromacs import read_gromacs
from polcouple.importing.writing import ImportOptions, import_case
from polcouple.units import (
    ANGSTROM_TO_BOHR,
    BOHR_TO_ANGSTROM,
    KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR,
    KJ_PER_MOL_TO_HARTREE,
)

LIQUIDS = liquids()
GRAPHENE = ImportOptions(electrodes=("resname GRA",))
#: GROMACS' energy terms by the forces of OpenMM that have them
TERMS = {
    "HarmonicBondForce": ["Bond"],
    "HarmonicAngleForce": ["Angle"],
    "PeriodicTorsionForce": ["Proper Dih.", "Per. Imp. Dih."],
    "RBTorsionForce": ["Ryckaert-Bell.", "Fourier Dih."],
    "CustomTorsionForce": ["Improper Dih."],
    "CustomBondForce": ["G96Bond"],
    "CustomAngleForce": ["G96Angle"],
}
BETWEEN = ["LJ-14", "Coulomb-14", "LJ (SR)", "Coulomb (SR)", "Coul. recip."]


def files_of(directory, name, positions=None):
    """A liquid's .top and .gro; positions (n, 3) in Angstrom."""
    names, places, cell = placed(LIQUIDS[name])
    top, gro = directory / "liquid.top", directory / "liquid.gro"
    write_top(top, LIQUIDS[name], sum(residue == "GRA" for residue, _ in names))
    write_gro(gro, names, places if positions is None else positions, cell)
    return top, gro


def test_a_structure_in_another_order(tmp_path):
    """Sodium where chloride is in the .top."""
    top, gro = files_of(tmp_path, "TIP4P/2005 + NaCl")
    read_gromacs(top, gro, PAIRS)
    lines = gro.read_text().splitlines(keepends=True)
    first, last = (
        next(i for i, line in enumerate(lines) if line[10:15].strip() == ion) for ion in ("NA", "CL")
    )
    lines[first], lines[last] = lines[last], lines[first]
    gro.write_text("".join(lines))
    with pytest.raises(
        InputError, match=rf"liquid\.top in another order: atom {first - 1} \(from 1\) is CL, and"
    ):
        read_gromacs(top, gro, PAIRS)


@pytest.mark.parametrize("name", LIQUIDS)
def test_forces_and_energies_are_those_of_gromacs(tmp_path, name):
    """As recorded; energies of interactions between atoms by how they differ in two configurations."""
    recorded = np.load(RECORDED / file_name(name))
    source = unconstrained(read_gromacs(*files_of(tmp_path, name, recorded["positions_0"]), PAIRS))
    case = with_tolerance(import_case(tmp_path / "case", source, GRAPHENE), 1e-6)
    charges = charges_of_sheet(len(case.electrode))
    engine = ClassicalEngine(case, "all", "Reference")
    engine.set_charges(charges)
    liquid, between = case.electrolyte_indices, []
    for number in (0, 1):
        particles = recorded[f"positions_{number}"] * ANGSTROM_TO_BOHR
        positions = particles[case.given.atoms]
        energy, forces = engine.evaluate(positions)
        expected = recorded[f"forces_{number}"].astype(float)[case.given.atoms]
        expected *= KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR
        scale = np.sqrt((expected[liquid] ** 2).mean())
        assert np.sqrt(((forces - expected)[liquid] ** 2).mean()) < 1e-4 * scale
        terms = dict(
            zip(recorded["terms"], recorded[f"energies_{number}"] * KJ_PER_MOL_TO_HARTREE, strict=True)
        )
        own = engine_terms(case, charges, positions, "Reference")
        for force, names in TERMS.items():
            assert own.get(force, 0.0) == pytest.approx(sum(terms.get(n, 0.0) for n in names), abs=1e-6), (
                force
            )
        inside = sum(own.get(force, 0.0) for force in TERMS)
        between.append((energy - inside, sum(terms.get(term, 0.0) for term in BETWEEN)))
    (first, first_expected), (second, second_expected) = between
    assert second - first == pytest.approx(second_expected - first_expected, abs=2e-5)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which(GMX) is None, reason=f"no {GMX}: install GROMACS in double precision")
@pytest.mark.parametrize("name", LIQUIDS)
def test_what_is_recorded_is_what_gromacs_gives(tmp_path, name):
    recorded = np.load(RECORDED / file_name(name))
    top, gro = files_of(tmp_path, name, recorded["positions_0"])
    terms, forces = answer(tmp_path, top, gro)
    assert list(terms) == recorded["terms"].tolist()
    assert np.abs(forces - recorded["forces_0"]).max() < 1e-3 * np.abs(forces).max()


def test_names_masses_and_molecules(tmp_path):
    """Labels are the file's, elements are elements; united atoms have their own masses in i-PI's input."""
    source = read_gromacs(*files_of(tmp_path, "BMIM-PF6 united atom"), PAIRS)
    case = import_case(tmp_path / "case", source, GRAPHENE)
    topology = case.topology
    assert [case.symbols[i] for i in range(96, 101)] == ["C", "N", "N", "C", "C"]
    assert topology.labels[96:101] == ("CR", "N1", "N3", "C4", "C5")
    assert (
        list(dict.fromkeys(topology.names)) == ["GRA", "BMI", "PF6"]
        and len(set(topology.molecules)) == 96 + 14
    )
    text = (tmp_path / "case" / "input.xml").read_text()
    masses = text.partition("<masses")[2].partition("[")[2].partition("]")[0].split(",")
    assert np.allclose(np.array(masses, float), topology.masses, rtol=1e-9)
    assert topology.masses[96 + 10] / 1822.888486 == pytest.approx(14.027)
    assert case_atoms(case).get_masses()[96 + 10] == pytest.approx(14.027)
    findings = [finding.text for finding in check_case(tmp_path / "case")]
    assert not [text for text in findings if "other masses" in text]
    head, _, rest = text.partition("<masses")
    (tmp_path / "case" / "input.xml").write_text(head + rest.partition("</masses>")[2])
    findings = [finding.text for finding in check_case(tmp_path / "case")]
    assert [text for text in findings if "5 atoms have other masses" in text]


def test_the_command_writes_what_i_pi_runs(tmp_path, capsys):
    recorded = np.load(RECORDED / "acetonitrile_+_LiPF6.npz")
    top, gro = files_of(tmp_path, "acetonitrile + LiPF6", recorded["positions_1"])
    case = tmp_path / "case"
    words = ["import", str(case), str(top), str(gro), "--electrode", "resname GRA", "--cutoff", "7"]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert "256 atoms; look it over" in said
    assert said.count("electrode_1: 96 C (GRA), z ") == 1 and said.count("liquid: ") == 1
    with pytest.raises(SystemExit) as end:
        main(["check", str(case), "--backend", "fixed"])
    said = capsys.readouterr().out
    assert end.value.code == 0, said
    assert "0 error(s)" in said


def test_another_cell_than_the_structure_s(tmp_path):
    recorded = np.load(RECORDED / "acetonitrile_+_LiPF6.npz")
    top, gro = files_of(tmp_path, "acetonitrile + LiPF6", recorded["positions_1"])
    words = ["import", str(tmp_path / "case"), str(top), str(gro), "--electrode", "resname GRA"]
    with pytest.raises(SystemExit) as end:
        main([*words, "--cutoff", "7", "--cell", "20", "21", "60"])
    assert end.value.code == 0
    cell = read_case(tmp_path / "case").cell * BOHR_TO_ANGSTROM
    assert np.allclose(cell, np.diag([20.0, 21.0, 60.0]), atol=1e-8)


def test_a_structure_without_a_cell(tmp_path):
    top, gro = files_of(tmp_path, "acetonitrile + LiPF6")
    lines = gro.read_text().splitlines()
    gro.write_text("\n".join([*lines[:-1], "0.0 0.0 0.0", ""]))
    with pytest.raises(InputError, match="give its lengths by --cell A B C"):
        read_gromacs(top, gro, PAIRS)
    assert read_gromacs(top, gro, PAIRS, cell=(20.0, 21.0, 60.0)).cell[2, 2] == 60.0 * ANGSTROM_TO_BOHR


def bad(tmp_path, name="acetonitrile + LiPF6"):
    top, gro = files_of(tmp_path, name)
    return top, gro, top.read_text()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("CZ 6 12.011 0.0 A 0.33 0.276144", "CZ 6 12.011 0.0 A 0.33 0.276144\nCZ 6 12.011 0.0 A 0.34 0.3",
         r"atom type CZ is defined a second time, with other parameters"),
        ("1 2 1 0.1157 543920", "1 2 1", r"liquid.top: No parameters specified for bond"),
        ("[ system ]", "[ position_restraints ]\n1 1 1000 1000 1000\n[ system ]",
         r"section \[ position_restraints \], which would have no effect here"),
        ("[ system ]", "[ pairs_nb ]\n1 2 1 0 0 0.1 0.1\n[ system ]", r"section \[ pairs_nb \]"),
        ("1 2 1 0.1157 543920", "1 2 3 0.1157 500 20",
         r"liquid.top: \[ bonds \] unsupported function type 3; .* \(line \d+: '1 2 3"),
        ("ACN 24", "ACN 23", r"describes 250 atoms, .*liquid.gro holds 256"),
        ("ACN 24", "ACM 24", r"liquid.top: Unknown molecule type: ACM"),
        ("\nLI 3", "\n#include \"missing.itp\"\nLI 3", r"Could not locate #include file: missing.itp"),
        ("1 CZ 1 ACN CZ", "1 CQ 1 ACN CZ", r"liquid.top: unknown name 'CQ'"),
        ("P 15 30.974", "P 0 31.5", r"the element of atom .* \(P, 31.5 u\) is not known; give its type"),
    ],
)  # fmt: skip
def test_faults_of_a_topology_are_named(tmp_path, old, new, says):
    top, gro, text = bad(tmp_path)
    assert old in text
    top.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=says):
        import_case(tmp_path / "case", read_gromacs(top, gro, PAIRS), GRAPHENE)
    assert not (tmp_path / "case").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"electrodes": ("resname GRP",)},
            r"'resname GRP' matches no atom; residues there: GRA, ACN, LI, PF6",
        ),
        ({"electrodes": ("name CZ",)}, r"part of a molecule: .* not in it, 97 \(ACN NZ\)"),
        ({"electrodes": ("resnam GRA",)}, r"'resnam GRA': MDAnalysis cannot select that"),
        ({"electrodes": ("resname GRA",), "temperature": -5.0}, r"--temperature -5 must be a positive"),
        ({"electrodes": ("resname GRA",), "voltage": np.inf}, r"--voltage inf must be a finite number"),
        ({"electrodes": ("all",)}, r"matches every atom; no liquid is left"),
        ({}, r"no electrode: name its atoms by --electrode"),
        (
            {"electrodes": ("resname GRA", "resname GRA and prop x < 3")},
            r"atom 0, which is another electrode's",
        ),
        (
            {"electrodes": ("resname GRA",), "voltage": 1.0},
            r"--voltage is between two electrodes, 1 named: .*heights",
        ),
        (
            {"electrodes": ("resname GRA",), "total_charges": (1.0,)},
            r"not neutral: liquid .* charges sum to",
        ),
        ({"electrodes": ("resname GRA",), "total_charges": (0.0, 0.0)}, r"2 --total-charge for 1 electrodes"),
    ],
)
def test_electrodes_that_are_none(tmp_path, options, says):
    source = read_gromacs(*files_of(tmp_path, "acetonitrile + LiPF6"), PAIRS)
    with pytest.raises(InputError, match=says):
        import_case(tmp_path / "case", source, ImportOptions(**options))
    assert not (tmp_path / "case").exists()


def test_function_types_that_are_left_out_are_1(tmp_path):
    """A bond, an angle and pairs of atoms alone: GROMACS takes the first function, without a word."""
    top, gro = files_of(tmp_path, "acetonitrile + LiPF6")
    types = "[ bondtypes ]\nCZ NZ 1 0.1157 543920\n[ angletypes ]\nNZ CZ CT 1 180.0 1255.2\n"
    text = top.read_text().replace("[ moleculetype ]", f"{types}[ moleculetype ]", 1)
    said = (("1 2 1 0.1157 543920\n", "1 2"), ("2 1 3 1 180.0 1255.2\n", "2 1 3"), ("2 4 1\n", "2 4"))
    systems = []
    for function in (" 1", ""):
        found = text
        for old, new in said:
            assert old in found
            found = found.replace(old, f"{new}{function}\n", 1)
        top.write_text(found)
        systems.append(openmm.XmlSerializer.serialize(read_gromacs(top, gro, PAIRS).system))
    assert systems[0] == systems[1]


def test_indices_from_a_file(tmp_path):
    source = read_gromacs(*files_of(tmp_path, "acetonitrile + LiPF6"), PAIRS)
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    lower.write_text("\n".join(map(str, range(0, 96, 2))))
    upper.write_text(" ".join(map(str, range(1, 96, 2))))
    case = import_case(
        tmp_path / "case", source, ImportOptions(indices=(lower, upper), total_charges=(1.0, -1.0))
    )
    assert [len(electrode) for electrode in case.electrodes] == [48, 48]
    assert case.electrode_indices[:3].tolist() == [0, 2, 4] and case.total_charge == pytest.approx(0.0)
    assert np.allclose(case.electrodes[1].positions, case.positions[1:96:2])
    upper.write_text("1 x")
    with pytest.raises(InputError, match="'x' is no index of an atom from 0 to 255"):
        import_case(tmp_path / "other", source, ImportOptions(indices=(lower, upper)))


def test_a_structure_in_other_units(tmp_path):
    """Angstrom where .gro has nanometers: bonds tell."""
    names, places, cell = placed(LIQUIDS["acetonitrile + LiPF6"])
    top, gro, _ = bad(tmp_path)
    write_gro(gro, names, 10 * places, 10 * cell)
    with pytest.raises(InputError, match="ten times too long"):
        import_case(tmp_path / "case", read_gromacs(top, gro, PAIRS), GRAPHENE)


@pytest.mark.parametrize(("name", "step"), [("SPC/E + MgSO4", 1.0), ("TIP4P/2005 + NaCl", 2.0)])
def test_rigid_water_is_run_rigid(tmp_path, capsys, name, step):
    """The distances of [ settles ] are i-PI's constraints; what is flexible beside them shortens the step."""
    recorded = np.load(RECORDED / file_name(name))
    source = read_gromacs(*files_of(tmp_path, name, recorded["positions_0"]), PAIRS)
    case = import_case(tmp_path / "case", source, GRAPHENE)
    pairs, _ = case.constraints
    assert len(pairs) == 210 and not np.isin(pairs, case.electrode_indices).any()
    text = (tmp_path / "case" / "input.xml").read_text()
    assert "constrained_dynamics" in text and f'<timestep units="femtosecond"> {step} <' in text
    with pytest.raises(SystemExit) as end:
        main(["check", str(tmp_path / "case"), "--backend", "fixed"])
    said = capsys.readouterr().out
    assert end.value.code == 0 and "0 error(s)" in said, said


def test_positions_have_all_their_digits(tmp_path):
    recorded = np.load(RECORDED / "methanol.npz")
    source = read_gromacs(*files_of(tmp_path, "methanol", recorded["positions_0"]), PAIRS)
    assert np.abs(source.positions * BOHR_TO_ANGSTROM - recorded["positions_0"]).max() < 1e-9


def test_species_of_an_ionic_liquid(tmp_path):
    """One atom of each molecule, next to its middle, with the sign of the molecule's charge."""
    recorded = np.load(RECORDED / "EMIM-BF4.npz")
    source = read_gromacs(*files_of(tmp_path, "EMIM-BF4", recorded["positions_0"]), PAIRS)
    case = import_case(tmp_path / "case", source, GRAPHENE)
    cation, anion = species_of(case)
    assert cation.name.startswith("EMI+ (") and anion.name == "BF4- (B)" and cation.is_ion and anion.is_ion
    assert len(cation.indices) == len(anion.indices) == 8
    assert {case.symbols[i] for i in anion.indices} == {"B"}
    slab = slab_of(case)
    middle = np.quantile(slab.heights(case.positions[case.wall_atoms, 2]), [0.25, 0.75])
    assert slab.bulk == pytest.approx(tuple(middle))
    assert len({case.topology.labels[i] for i in cation.indices}) == 1


def test_molecules_of_one_name_and_other_charges_are_numbered(tmp_path):
    """Isomers, and charge states, whose files give them one residue name and equal labels."""
    recorded = np.load(RECORDED / "EMIM-BF4.npz")
    source = read_gromacs(*files_of(tmp_path, "EMIM-BF4", recorded["positions_0"]), PAIRS)
    case = import_case(tmp_path / "case", source, GRAPHENE)
    topology = case.topology
    anions = [number for number, name in enumerate(topology.names) if name == "BF4"]
    atoms = np.flatnonzero(topology.molecules == anions[0])
    boron, fluorine = (int(atoms[[case.symbols[i] == one for i in atoms]][0]) for one in ("B", "F"))
    charges = topology.charges.copy()
    charges[boron] += 0.1
    charges[fluorine] -= 0.1
    mixed = copy.copy(case)
    mixed.__dict__.update(topology=dataclasses.replace(topology, charges=charges), charges=charges)
    found = {one.name: len(one.indices) for one in species_of(mixed)}
    told = sorted(name for name in found if name.startswith("BF4"))
    assert [name[-1] for name in told] == ["1", "2"] and sorted(found[name] for name in told) == [1, 7]


def test_molecules_that_share_a_name_are_told_apart(tmp_path):
    """Tools name all molecules UNK; a charge between atoms counts with its molecule."""
    recorded = np.load(RECORDED / "EMIM-BF4.npz")
    source = read_gromacs(*files_of(tmp_path, "EMIM-BF4", recorded["positions_0"]), PAIRS)
    case = import_case(tmp_path / "case", source, GRAPHENE)
    topology = case.topology
    names = tuple("UNK" if name in ("EMI", "BF4") else name for name in topology.names)
    first = int(np.searchsorted(topology.molecules, names.index("UNK")))
    sites = VirtualSites(
        np.array([-1.0]),
        np.array([[first]]),
        np.zeros((1, 3, 1)),
        np.zeros(1),
        np.zeros((1, 3)),
        np.zeros(1, bool),
    )
    named = copy.copy(case)
    named.__dict__["topology"] = dataclasses.replace(topology, names=names, sites=sites)
    cation, anion = species_of(named)
    assert cation.name.startswith("UNK C6H11N2 (") and not cation.is_ion  # the first has a site of -1 e
    assert anion.name == "UNK BF4- (B)" and {case.symbols[i] for i in anion.indices} == {"B"}
    assert len(cation.indices) == len(anion.indices) == 8
