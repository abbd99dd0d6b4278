"""CHARMM's files in any order, sections of streams, exclusions and names: the energy of one pair by hand."""

from itertools import permutations

import numpy as np
import openmm
import pytest
from charmm_systems import write_pdb, write_psf
from gromacs_systems import write_gro

from polcouple.errors import InputError
from polcouple.importing.amber import read_charmm
from polcouple.importing.source import PairOptions

OPTIONS = PairOptions(9.0, None, "water")
CELL = (20.0, 20.0, 20.0)
PLACES = np.array([[5.0, 5.0, 5.0], [7.2, 6.0, 5.5]])
#: distance in Angstrom
R = np.linalg.norm(PLACES[1] - PLACES[0])
HEADER = "NONBONDED nbxmod 5 atom cdiel vswitch e14fac 1.0"
#: epsilon in kcal/mol and Rmin / 2 in Angstrom
SODIUM, CHLORIDE, OWN = (0.0469, 1.41075), (0.15, 2.27), (0.1, 1.6)
NBFIX = (0.083875, 3.731)
FILES = {
    "water.prm": f"* water\n*\nATOMS\nMASS -1 OT 15.9994\n\n{HEADER}\nOT 0.0 -0.1521 1.7682\n\nEND\n",
    "ions.rtf": "* ions\n*\n31 1\nMASS 101 SOD 22.98977\nMASS 102 CLA 35.45\nEND\n",
    "ions.prm": "* ions\n*\nNONBONDED\nSOD 0.0 -0.0469 1.41075\nCLA 0.0 -0.15 2.27\nEND\n",
    "ions.str": (
        "* ions\n*\nset nat ?NATC\nread rtf card append\n* ions\n*\n31 1\nMASS 101 SOD 22.98977\n"
        "MASS 102 CLA 35.45\nend\n\nread para card flex append\n* ions of a stream ---\n*\n"
        "NONBONDED\nSOD 0.0 -0.0469 1.41075\nCLA 0.0 -0.15 2.27\nend\nreturn\n"
    ),
    "nbfix.prm": "* of my own\n*\nNBFIX\nSOD CLA -0.083875 3.731\nEND\n",
    "early.prm": (
        "* NBFIX before its types\n*\nNBFI\nCLA SOD -0.083875 3.731\nATOMS\nMASS -1 SOD 22.98977\n"
        "MASS -1 CLA 35.45\nNONBONDED\nSOD 0.0 -0.0469 1.41075\nCLA 0.0 -0.15 2.27\nEND\n"
    ),
    "own.prm": "* of my own\n*\nATOMS\nMASS 101 SOD 22.98977\n\nNONBONDED\nSOD 0.0 -0.10 1.60\nEND\n",
    "fix.str": "* s\n*\nread para card flex append\n* s\n*\nNBFIX\nSOD CLA -0.083875 3.731\nend\nreturn\n",
}  # fmt: skip


def pair(*kinds):
    """E of a pair in kcal/mol: of NBFIX by its two numbers, or of two types by CHARMM's rule."""
    depth, least = kinds[0] if len(kinds) == 1 else (
        np.sqrt(kinds[0][0] * kinds[1][0]), kinds[0][1] + kinds[1][1]
    )  # fmt: skip
    return depth * ((least / R) ** 12 - 2.0 * (least / R) ** 6)


def ions(folder, files, types=("SOD", "CLA"), excluded=None, structure=None, charges=("0.0", "0.0")):
    """The source of two ions without charges."""
    paths = []
    for name in files:
        (folder / name).write_text(FILES[name])
        paths.append(folder / name)
    rows = [
        (name, name, kind, charge, mass)
        for name, kind, charge, mass in zip(
            ("SOD", "CLA"), types, charges, ("22.98977", "35.45"), strict=True
        )
    ]
    write_psf(folder / "a.psf", rows, [], excluded=excluded)
    if structure is None:
        structure = folder / "a.pdb"
        write_pdb(structure, ["SOD", "CLA"], PLACES, ["SOD", "CLA"])
    return read_charmm(folder / "a.psf", paths, structure, OPTIONS, CELL)


def energy_of(source):
    """In kcal/mol."""
    context = openmm.Context(
        source.system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(0.1 * PLACES)
    return context.getState(getEnergy=True).getPotentialEnergy()._value / 4.184


@pytest.mark.parametrize(
    "files",
    [
        *permutations(["water.prm", "ions.str", "nbfix.prm"]),
        ("ions.rtf", "ions.prm", "nbfix.prm"),
        ("nbfix.prm", "ions.prm", "ions.rtf"),
        ("fix.str", "ions.prm", "ions.rtf"),
        ("early.prm",),
        ("early.prm", "ions.rtf"),
    ],
)
def test_nbfix_counts_wherever_its_types_stand(tmp_path, files):
    assert energy_of(ions(tmp_path, files)) == pytest.approx(pair(NBFIX), rel=1e-6)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("ions.str", "own.prm"), pair(OWN, CHLORIDE)),
        (("own.prm", "ions.str"), pair(SODIUM, CHLORIDE)),
        (("ions.rtf", "ions.prm", "own.prm"), pair(OWN, CHLORIDE)),
        (("ions.rtf", "own.prm", "ions.prm"), pair(SODIUM, CHLORIDE)),
        (("ions.str", "nbfix.prm", "own.prm"), pair(NBFIX)),
        (("early.prm", "own.prm", "ions.str"), pair(NBFIX)),
    ],
)
def test_later_files_count_and_keep_what_they_do_not_name(tmp_path, files, expected):
    """MASS that comes again takes nothing away."""
    assert energy_of(ions(tmp_path, files)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("files", [("ions.str",), ("ions.str", "nbfix.prm")])
@pytest.mark.parametrize("excluded", [{1: [2]}, {2: [1]}, {1: [2], 2: [1]}])
def test_exclusions_of_a_psf(tmp_path, files, excluded):
    """What is left of two charges: the Ewald sum's own, which no pair in real space adds to."""
    assert energy_of(ions(tmp_path, files, excluded=excluded)) == 0.0
    (tmp_path / "charged").mkdir()
    (tmp_path / "excluded").mkdir()
    whole = energy_of(ions(tmp_path / "charged", files, charges=("1.0", "-1.0")))
    source = ions(tmp_path / "excluded", files, excluded=excluded, charges=("1.0", "-1.0"))
    lj = pair(NBFIX) if len(files) == 2 else pair(SODIUM, CHLORIDE)
    coulomb = -332.0637 / R
    assert whole - energy_of(source) == pytest.approx(lj + coulomb, abs=2e-2)


def test_exclusions_that_are_cut_off(tmp_path):
    ions(tmp_path, ["ions.str"], excluded={1: [2]})
    psf = tmp_path / "a.psf"
    psf.write_text(psf.read_text().replace("2 1 1", "2 1"))
    with pytest.raises(InputError, match=r"a\.psf: !NNB lists 1 excluded atoms and needs as many numbers"):
        read_charmm(psf, [tmp_path / "ions.str"], tmp_path / "a.pdb", OPTIONS, CELL)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("ions.str", "set nat", "stream other.str !", r"ions\.str:3: STREAM OTHER\.STR has no effect"),
        ("ions.str", "read rtf card append", "read rtf card unit 10", r"ions\.str:4: READ RTF CARD UNIT 10"),
        ("ions.str", "end\nreturn", "", r"ions\.str: ends before the `end` of what it reads"),
        ("nbfix.prm", "SOD CLA", "S* CLA", r"nbfix\.prm:4: NBFIX of S\* is not known here; write a line for"),
        ("nbfix.prm", "NBFIX", "", r"nbfix\.prm:4: SOD CLA -0.083875 3.731 stands in no section"),
        ("nbfix.prm", "NBFIX", "EQUIVALENCE", r"nbfix\.prm:3: groups of equivalent types"),
        ("ions.prm", "CLA 0.0 -0.15 2.27", "", r"a\.psf: the atom type CLA has no line of NONBONDED"),
        ("ions.prm", "-0.15", "deep", r"ions\.prm: OpenMM cannot read it"),
    ],
)  # fmt: skip
def test_what_would_have_no_effect(tmp_path, monkeypatch, name, old, new, said):
    monkeypatch.setitem(FILES, name, FILES[name].replace(old, new))
    files = ["ions.rtf", name] if name == "ions.prm" else ["ions.str", *[name][: name != "ions.str"]]
    with pytest.raises(InputError, match=said):
        ions(tmp_path, files)


def test_a_suffix_that_is_not_known(tmp_path, monkeypatch):
    monkeypatch.setitem(FILES, "ions.txt", FILES["ions.prm"])
    with pytest.raises(InputError, match=r"ions\.txt: no suffix of CHARMM's files that is known; give \.rtf"):
        ions(tmp_path, ["ions.txt"])
    monkeypatch.setitem(FILES, "IONS.STR", FILES["ions.str"])
    assert energy_of(ions(tmp_path, ["IONS.STR"])) == pytest.approx(pair(SODIUM, CHLORIDE), rel=1e-6)


def test_types_by_number(tmp_path, monkeypatch):
    """As CHARMM writes a psf without XPLOR; a number of two types is of neither."""
    source = ions(tmp_path, ["ions.str", "nbfix.prm"], types=("101", "102"))
    assert energy_of(source) == pytest.approx(pair(NBFIX), rel=1e-6)
    monkeypatch.setitem(FILES, "water.prm", FILES["water.prm"].replace("MASS -1", "MASS 101"))
    with pytest.raises(InputError, match=r"a\.psf: the atom type 101 is OT and SOD by lines of MASS; write"):
        ions(tmp_path, ["water.prm", "ions.str", "nbfix.prm"], types=("101", "102"))
    assert energy_of(ions(tmp_path, ["water.prm", "ions.str"])) == pytest.approx(
        pair(SODIUM, CHLORIDE), rel=1e-6
    )


def write_crd(path, names, residues):
    lines = ["* ions", "*", f"{len(names):5d}"]
    for i, (name, residue, place) in enumerate(zip(names, residues, PLACES, strict=True), 1):
        lines.append(f"{i:5d}{i:5d} {residue:4s} {name:4s}{''.join(f'{x:10.5f}' for x in place)} S 1 0.00000")
    path.write_text("\n".join([*lines, ""]))


WRITERS = {
    "pdb": lambda path, names, residues: write_pdb(path, names, PLACES, residues),
    "crd": write_crd,
    "gro": lambda path, names, residues: write_gro(
        path, list(zip(residues, names, strict=True)), PLACES, np.array(CELL)
    ),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_atoms_in_another_order(tmp_path, capsys, suffix):
    structure = tmp_path / f"a.{suffix}"
    WRITERS[suffix](structure, ["SOD", "CLA"], ["SOD", "CLA"])
    ions(tmp_path, ["ions.str"], structure=structure)
    assert "warning" not in capsys.readouterr().out
    for names in (["CLA", "SOD"], ["ION", "ION"]):
        WRITERS[suffix](structure, names, ["CLA", "SOD"])
        what = "atom 1" if names[0] == "CLA" else "residue of atom 1"
        with pytest.raises(
            InputError,
            match=rf"a\.{suffix}: has the atoms of .*a\.psf in another order: {what} \(from 1\) is CLA, and",
        ):
            ions(tmp_path, ["ions.str"], structure=structure)
    WRITERS[suffix](structure, ["NA", "CL"], ["ION", "ION"])
    ions(tmp_path, ["ions.str"], structure=structure)
    assert "2 atoms have other names in" in capsys.readouterr().out


def test_another_order_beside_other_names(tmp_path):
    """Two atoms have other names in the structure, and two of four stand in another order."""
    (tmp_path / "ions.str").write_text(FILES["ions.str"])
    kinds = {"A1": "SOD", "SOD": "SOD", "CLA": "CLA", "A2": "CLA"}
    rows = [(name, name, kind, "0.0", "30.0") for name, kind in kinds.items()]
    write_psf(tmp_path / "a.psf", rows, [])
    places = np.concatenate([PLACES, PLACES + 8.0])
    write_pdb(tmp_path / "a.pdb", ["B1", "CLA", "SOD", "B2"], places, ["B1", "CLA", "SOD", "B2"])
    with pytest.raises(InputError, match=r"another order: atom 2 \(from 1\) is CLA, and SOD there"):
        read_charmm(tmp_path / "a.psf", [tmp_path / "ions.str"], tmp_path / "a.pdb", OPTIONS, CELL)


@pytest.mark.parametrize("suffix", WRITERS)
def test_names_that_openmms_readers_have_for_others(tmp_path, capsys, suffix):
    """OH2 of TIP3 is O of HOH to some of them."""
    (tmp_path / "ions.str").write_text(FILES["ions.str"])
    rows = [("TIP3", "OH2", "SOD", "0.0", "22.98977"), ("TIP3", "H1", "CLA", "0.0", "35.45")]
    write_psf(tmp_path / "a.psf", rows, [])
    WRITERS[suffix](tmp_path / f"a.{suffix}", ["OH2", "H1"], ["TIP3", "TIP3"])
    read_charmm(tmp_path / "a.psf", [tmp_path / "ions.str"], tmp_path / f"a.{suffix}", OPTIONS, CELL)
    assert "warning" not in capsys.readouterr().out
