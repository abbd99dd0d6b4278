"""Molecules of files: which one a structure is, what is refused, and that forces are the files' own."""

import numpy as np
import pytest
import yaml
from gromacs_systems import liquids, write_gro, write_top
from imported_systems import some_charges, with_tolerance

from polcouple.builder.build import build_case
from polcouple.builder.electrodes import ElectrodeOptions
from polcouple.builder.gromacs_field import GromacsField
from polcouple.builder.molecule_files import MoleculeFile, molecule_of_words
from polcouple.builder.openmm_field import OpenMMField
from polcouple.builder.options import BuildOptions
from polcouple.case.model import read_case
from polcouple.check.structure import check_structure
from polcouple.cli import main
from polcouple.engines.openmm import ClassicalEngine
from polcouple.errors import InputError
from polcouple.importing.gromacs import read_gromacs
from polcouple.importing.source import PairOptions
from polcouple.importing.structure import given_cell
from polcouple.importing.writing import ImportOptions, import_case
from polcouple.units import BOHR_TO_ANGSTROM

LIQUIDS = liquids()
PLACE = np.array([30.0, 30.0, 30.0])


def files_of(directory, name):
    """The .top of a liquid, which lists molecules and a sheet of its own, and a .gro of one of each kind."""
    top = directory / "liquid.top"
    write_top(top, LIQUIDS[name], 4)
    structures = []
    for molecule, _ in LIQUIDS[name].molecules:
        path = directory / f"{molecule.name.lower()}.gro"
        write_gro(path, [(molecule.name, atom[0]) for atom in molecule.atoms], molecule.places, PLACE)
        structures.append(path)
    return top, structures


def molecules_of(directory, name, counts):
    top, structures = files_of(directory, name)
    return tuple(MoleculeFile((top,), path, n) for path, n in zip(structures, counts, strict=True))


def options_of(molecules, **more):
    given = {
        "electrode": ElectrodeOptions(repeat=(6, 4)), "n_water": 0, "ions": {}, "molecules": molecules,
        "total_charge": 0.0, "gap": 20.0, "vacuum": 14.0, "equilibration": 0.01,
    }  # fmt: skip
    return BuildOptions(**{**given, **more})


@pytest.mark.parametrize(
    ("name", "counts", "more"),
    [
        ("acetonitrile + LiPF6", (22, 2, 2), {}),  # geometric means
        ("methanol", (34,), {}),  # C6 and C12
        ("EMIM-BF4", (5, 5), {"voltage": 2.0}),
    ],
)
def test_forces_are_those_of_the_files_own_system(tmp_path, name, counts, more):
    """A case built from one molecule of each kind feels what the whole .top, imported, makes it feel."""
    case = build_case(
        tmp_path / "built", options_of(molecules_of(tmp_path, name, counts), **more), lambda *_: None
    )
    assert [str(f) for f in check_structure(case) if f.severity == "error"] == []
    content = yaml.safe_load((case.directory / "system.yaml").read_text())
    assert content["format"] == "polcouple-case-2" and ("slab" in content) == ("voltage" in more)
    upper = 20.0 + (-1.0 if "voltage" in more else 5.0)
    assert content["force_field"]["walls"]["upper_angstrom"] == upper
    assert [kind["count"] for kind in content["topology"]][-len(counts) :] == list(counts)

    kind = LIQUIDS[name]
    kind.molecules = [(molecule, n) for (molecule, _), n in zip(kind.molecules, counts, strict=True)]
    n = len(case.electrode_indices)
    top, gro = tmp_path / "whole.top", tmp_path / "whole.gro"
    write_top(top, kind, n)
    names = [("GRA", "CG")] * n
    names += [(m.name, atom[0]) for m, count in kind.molecules for _ in range(count) for atom in m.atoms]
    positions = case.positions * BOHR_TO_ANGSTROM
    write_gro(gro, names, positions, np.diag(case.cell) * BOHR_TO_ANGSTROM)
    source = read_gromacs(top, gro, PairOptions(7.3, 6.3))
    selections = (f"index 0:{n - 1}",)
    whole = import_case(
        tmp_path / "whole",
        source,
        ImportOptions(electrodes=selections, total_charges=(0.0,), walls=(1.0, upper)),
    )
    assert whole.symbols == case.symbols and whole.charges == pytest.approx(case.charges)
    answers = []
    charges = some_charges(case)
    for one in (case, whole):
        one = with_tolerance(one, 1e-5)
        engine = ClassicalEngine(one, "all", "CPU", threads=1)
        engine.set_charges(charges)
        answers.append(engine.evaluate(case.positions)[1][case.electrolyte_indices])
    if "voltage" in more:  # the slab's field is of the built case alone
        return
    difference = np.sqrt(((answers[0] - answers[1]) ** 2).mean())
    assert difference < 1e-4 * np.sqrt((answers[1] ** 2).mean())


def test_water_by_name_beside_molecules_of_files(tmp_path):
    """Rule 2 on both sides: SPC/E, ions for it, and sulfate by its file."""
    sulfate = molecules_of(tmp_path, "SPC/E + MgSO4", (1, 1, 3))[2:]
    top = tmp_path / "liquid.top"
    top.write_text(top.read_text().replace("SOL", "OTHER"))
    options = options_of(sulfate, n_water=None, ions={"Mg": 3}, water_model="tip4p_2005")
    case = build_case(tmp_path / "case", options, lambda *_: None)
    names = list(dict.fromkeys(case.topology.names))
    assert names == ["electrode", "HOH", "Mg", "SO4"]
    n_water = case.topology.names.count("HOH")
    # each ion takes the place of a water; sulfate by its size
    room = 0.0334 * 14.76 * 17.04 * (20.0 - 1.7) - 3
    assert room - 12 < n_water < room - 6
    assert len(case.topology.sites) == n_water
    assert case.charges.sum() + case.topology.sites.charges.sum() == pytest.approx(0.0, abs=1e-9)


def test_molecules_of_openmms_files(tmp_path):
    """Water and salt by a force field that ships with OpenMM, one PDB each."""
    lines = {
        "water": ["O   HOH", "H1  HOH", "H2  HOH"],
        "na": ["NA   NA"],
        "cl": ["CL   CL"],
    }
    places = {"water": [(0, 0, 0), (0.9572, 0, 0), (-0.24, 0.9266, 0)]}
    for name, atoms in lines.items():
        text = ""
        for i, (atom, (x, y, z)) in enumerate(zip(atoms, places.get(name, [(0, 0, 0)]), strict=True), 1):
            element = {"N": "NA", "C": "CL"}.get(atom[0], atom[0])
            text += (
                f"HETATM{i:5d}  {atom} A   1    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {element:>2s}\n"
            )
        (tmp_path / f"{name}.pdb").write_text(text + "END\n")
    words = [["amber14/opc.xml", "water.pdb", "120"], ["na.pdb", "2"], ["cl.pdb", "2"]]
    molecules = tuple(
        molecule_of_words([w if w[:5] == "amber" or w.isdigit() else str(tmp_path / w) for w in one])
        for one in words
    )
    # a lattice whose vectors OpenMM would not take
    tilted, options = given_cell((30.0, 30.0, 40.0, 90.0, 90.0, 60.0)), PairOptions()
    for field, counts in ((OpenMMField(molecules), [120, 2, 2]), (GromacsField("spc_fw", (), ()), [9])):
        assert np.allclose(field.source(counts, (), {}, tilted, options).cell, tilted, atol=1e-9)
    case = build_case(tmp_path / "case", options_of(molecules), lambda *_: None)
    assert len(case.topology.sites) == 120 and len(case.constraints[0]) == 360
    assert case.topology.names.count("HOH") == 120
    pairs, lengths = case.constraints
    found = np.linalg.norm(case.positions[pairs[:, 0]] - case.positions[pairs[:, 1]], axis=1)
    assert np.abs(found / lengths - 1.0).max() < 1e-6
    with pytest.raises(InputError, match=r"amber14/none\.xml: no such file, and none of OpenMM's own"):
        OpenMMField((molecule_of_words(["amber14/none.xml", str(tmp_path / "na.pdb"), "1"]),))


def test_structures_that_do_not_fit_are_one_line(tmp_path):
    top, (acetonitrile, lithium, _) = files_of(tmp_path, "acetonitrile + LiPF6")

    def refused(message, *molecules, water=None):
        with pytest.raises(InputError) as caught:
            GromacsField(water, (), molecules)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)

    several = tmp_path / "several.gro"
    molecule = LIQUIDS["acetonitrile + LiPF6"].molecules[0][0]
    names = [("ACN", atom[0]) for atom in molecule.atoms]
    write_gro(several, names * 3, np.tile(molecule.places, (3, 1)), PLACE)
    refused(
        "several.gro: holds 3 molecules of ACN; give the structure of one", MoleculeFile((top,), several, 1)
    )
    write_gro(several, names[:-1], molecule.places[:-1], PLACE)
    refused(
        "several.gro: its 5 atoms (CZ NZ CT H1 H2) are those of no molecule of liquid.top: ACN has 6, LI has",
        MoleculeFile((top,), several, 1),
    )
    refused("acn.gro: no force field; name its .top, .itp or .xml", MoleculeFile((), acetonitrile, 1))
    refused("none.top: no such file", MoleculeFile((tmp_path / "none.top",), acetonitrile, 1))
    refused(
        "combine by geometric means, those of waters and ions by name by Lorentz-Berthelot",
        MoleculeFile((top,), acetonitrile, 1),
        water="spc_e",
    )
    second = tmp_path / "second.itp"
    second.write_text("[ moleculetype ]\nLI 1\n[ atoms ]\n1 LI 1 LI LI 1 1.0\n")
    refused(
        "second.itp: [ moleculetype ] LI is defined a second time", MoleculeFile((top, second), lithium, 1)
    )
    second.write_text("[ defaults ]\n1 2 yes 0.5 0.5\n")
    refused("second.itp: [ defaults ] given a second time", MoleculeFile((top, second), lithium, 1))
    ion = "[ moleculetype ]\nLI 1\n[ atoms ]\n1 LI 1 LI LI 1 1.0\n"
    second.write_text(ion)
    refused(
        "second.itp: unknown name 'LI'; name the file that defines it", MoleculeFile((second,), lithium, 1)
    )
    second.write_text(f"[ atomtypes ]\nLI 3 6.94 0.0 A 0.2 0.1\n{ion}")
    refused("second.itp: no [ defaults ], which tell how", MoleculeFile((second,), lithium, 1))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--molecule acn.gro 20", "acn.gro: no force field; name its .top, .itp or .xml before it"),
        (
            "--molecule liquid.top acn.gro",
            "write force-field files, the structure of one molecule and a number",
        ),
        ("--molecule acn.gro liquid.top 20", "liquid.top is no structure that is known (.gro, .pdb)"),
        ("--molecule liquid.top acn.gro 20", "the density of molecules of files is not known: give --gap"),
        (
            "--molecule liquid.top acn.gro 20 --gap 9 --na 1",
            "are for a water; where there is none, give the ions",
        ),
        (
            "--molecule liquid.top li.gro 3 --gap 20",
            "ions +3 e, electrode 0 e, sum +3 e; give the electrode -3 e",
        ),
        (
            "--molecule liquid.top acn.gro 90 --gap 12",
            "too dense to pack: 90 molecules and ions on 14.76 x 17.04",
        ),
        ("--water 90 --gap 25 --density 0.8", "--density 0.8: the gap and the number of waters decide it"),
        ("--molecule liquid.top acn.gro 5 --density -1", "density -1 must be a positive number of g/cm3"),
        ("--na 300 --cl 300 --gap 12", "no room for water beside 600 other molecules and ions"),
        (
            "--mg 2 --cl 4 --water-model tip5p",
            "no water 'tip5p' (did you mean 'tip3p'?); known: spc_fw, spc_e",
        ),
    ],
)
def test_mistakes_on_the_command_line_are_one_line_and_nothing_is_written(
    tmp_path, monkeypatch, capsys, words, message
):
    files_of(tmp_path, "acetonitrile + LiPF6")
    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["build", "new/case", "--repeat", "6", "4", *words.split()])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_gap_follows_from_the_numbers_and_numbers_from_the_gap(tmp_path):
    """Both ways one density; the case can be read, its water is SPC/E where nothing else is said."""
    small = {"electrode": ElectrodeOptions(repeat=(5, 3)), "total_charge": 0.0, "equilibration": 0.01}
    small |= {"ions": {"Mg": 1, "Cl": 2}, "vacuum": 20.0}
    filled = build_case(tmp_path / "filled", BuildOptions(n_water=None, gap=16.0, **small), lambda *_: None)
    n_water = len(filled.water_oxygens)
    assert n_water == round(0.0334 * 12.30 * 12.7825 * (16.0 - 1.7) - 3)
    made = build_case(tmp_path / "made", BuildOptions(n_water=n_water, gap=None, **small), lambda *_: None)
    assert made.cell[2, 2] * BOHR_TO_ANGSTROM == pytest.approx(16.0 + 20.0, abs=0.2)
    assert read_case(tmp_path / "made").parameters.water.oxygen_charge_e == -0.8476
    assert abs(made.charges.sum()) < 1e-12 and made.charges.max() == 2.0
