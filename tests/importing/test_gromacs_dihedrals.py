"""Dihedral types of GROMACS: wildcards, repeated lines and two types; and its own force fields as a whole."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import openmm
import openmm.app as app
import pytest
from gromacs_run import GMX, PAIRS, answer
from imported_systems import openmm_answer

from polcouple.errors import InputError
from polcouple.importing.gromacs import read_gromacs
from polcouple.units import KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR

CHAIN = """
[ defaults ]
1 2 yes 0.5 0.5
[ atomtypes ]
A 6 12.011 0.0 A 0.3 0.2
B 6 12.011 0.0 A 0.3 0.2
C 7 14.007 0.0 A 0.3 0.2
[ dihedraltypes ]
{types}
[ moleculetype ]
CHN 3
[ atoms ]
1 A 1 CHN A1 1 0.0
2 B 1 CHN B2 2 0.0
3 B 1 CHN B3 3 0.0
4 C 1 CHN C4 4 0.0
[ bonds ]
1 2 1 0.15 2e5
2 3 1 0.15 2e5
3 4 1 0.15 2e5
[ dihedrals ]
1 2 3 4 {function}
[ system ]
a chain
[ molecules ]
CHN 1
"""
GRO = """a chain
    4
    1CHN     A1    1   1.000   1.000   1.000
    1CHN     B2    2   1.150   1.000   1.000
    1CHN     B3    3   1.200   1.140   1.000
    1CHN     C4    4   1.350   1.140   1.050
   4.00000   4.00000   4.00000
"""


def torsions(directory, types, function):
    """Of the chain's dihedral: constants in kJ/mol of periodic or harmonic terms."""
    top, gro = directory / "chain.top", directory / "chain.gro"
    top.write_text(CHAIN.format(types=types, function=function))
    gro.write_text(GRO)
    found = []
    system = read_gromacs(top, gro, PAIRS).system  # forces are gone when their System is
    for force in system.getForces():
        if isinstance(force, openmm.PeriodicTorsionForce):
            found += [force.getTorsionParameters(i)[6]._value for i in range(force.getNumTorsions())]
        elif isinstance(force, openmm.CustomTorsionForce):
            found += [force.getTorsionParameters(i)[4][1] for i in range(force.getNumTorsions())]
    return found


@pytest.mark.parametrize(
    ("types", "function", "expected"),
    [
        # the most exact one, wherever it stands
        ("X B B C 9 0 1.0 3\nX B B X 9 0 2.0 3", 9, [1.0]),
        ("X B B X 9 0 2.0 3\nX B B C 9 0 1.0 3\nX X B C 9 0 3.0 3", 9, [1.0]),
        # the first of those that are as exact, and the lines that follow it
        ("X B B C 9 0 1.0 3\nX B B C 9 0 1.5 2\nA B B X 9 0 2.0 3", 9, [1.0, 1.5]),
        # types count backwards, too
        ("C B B X 9 0 1.0 3\nX B B X 9 0 2.0 3", 9, [1.0]),
        # the same line once more, later or backwards, has no effect
        ("A B B C 9 0 1.0 3\nX B B X 9 0 2.0 3\nA B B C 9 0 1.0 3", 9, [1.0]),
        ("A B B C 9 0 1.0 3\nX B B X 9 0 2.0 3\nC B B A 9 0 1.0 3", 9, [1.0]),
        # other parameters take the place of the first ones
        ("A B B C 1 0 1.0 3\nC B B A 1 0 4.0 3", 1, [4.0]),
        ("A B B C 2 1 2.0\nC B B A 2 1 3.0", 2, [3.0]),
        # also when it stands in the same block
        ("A B B C 9 0 1.0 3\nA B B C 9 0 1.0 3", 9, [1.0]),
        ("A B B C 9 0 1.0 3\nA B B C 9 0 2.0 2\nA B B C 9 0 1.0 3", 9, [1.0, 2.0]),
        # a line of function type 1 takes the place of all that are there, one of 9 goes on after it
        ("A B B C 9 0 1.0 3\nA B B C 9 0 1.5 4\nA B B C 1 0 2.0 2", 9, [2.0, 2.0]),
        ("A B B C 1 0 1.0 3\nA B B C 9 0 2.0 2", 9, [1.0, 2.0]),
        ("A B B C 1 0 1.0 3\nA B B C 9 0 2.0 2", 1, [1.0]),
        # function types 1 and 9 share theirs
        ("A B B C 1 0 1.0 3", 9, [1.0]),
        # two types are the inner ones, of harmonic impropers the outer ones
        ("B B 9 0 5.0 3", 9, [5.0]),
        ("A C 2 0 6.0\nB B 2 0 7.0", 2, [6.0]),
    ],
)
def test_the_type_that_gromacs_takes(tmp_path, types, function, expected):
    assert torsions(tmp_path, types, function) == expected


@pytest.mark.parametrize(
    ("types", "says"),
    [
        ("A B B C 9 0 1.0 3\nX B B X 9 0 2.0 3\nA B B C 9 0 1.5 3", "a second block for A B B C with other"),
        ("A B B C 9 0 1.0 3\nC B B A 9 0 1.5 3", "a second block for C B B A with other"),
        ("A B B C 9 0 1 3\nA B B C 9 0 2 2\nX B B C 9 0 7 3\nA B B C 9 0 1 3", "a second block for A B B C"),
        ("A B B C 9 0 1 3\nX B B C 9 0 7 3\nA B B C 9 0 1 3\nA B B C 9 0 2 2", "a second block for A B B C"),
        ("A B B C 4 0 1.0 3", r"chain.top: No parameters specified for the dihedral"),
        ("A B B A 9 0 1.0 3", r"chain.top: No parameters specified for the dihedral of atoms 1 2 3 4 of CHN"),
    ],
)
def test_types_that_cannot_be_told(tmp_path, types, says):
    with pytest.raises(InputError, match=says):
        torsions(tmp_path, types, 9)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which(GMX) is None, reason=f"no {GMX}: install GROMACS in double precision")
@pytest.mark.parametrize("field", ["amber99sb-ildn", "charmm27", "oplsaa", "gromos54a7"])
def test_a_peptide_of_gromacs_own_force_fields(tmp_path, field):
    """35 residues: CMAP, Urey-Bradley, Ryckaert-Bellemans, GROMOS' terms, impropers, wildcards."""
    lines = []
    for line in (Path(app.__file__).parent / "data" / "test.pdb").open():
        if line.startswith("ATOM") and line[17:20] not in ("HOH", "Cl ", " Cl") and "Cl" not in line[12:20]:
            lines.append(line.replace(" OC1 ", " O   ").replace(" OC2 ", " OXT ").replace("HIE", "HIS"))
    (tmp_path / "peptide.pdb").write_text("".join(lines))
    words = [
        "pdb2gmx",
        "-f",
        "peptide.pdb",
        "-ff",
        field,
        "-water",
        "none",
        "-ignh",
        "-o",
        "made.gro",
        "-p",
        "made.top",
    ]
    for command in (words, ["editconf", "-f", "made.gro", "-o", "box.gro", "-box", "6", "6", "6", "-c"]):
        done = subprocess.run([GMX, *command], cwd=tmp_path, capture_output=True, text=True)
        assert not done.returncode, done.stderr[-1500:]
    top, gro = tmp_path / "made.top", tmp_path / "box.gro"
    _, expected = answer(tmp_path, top, gro)
    source = read_gromacs(top, gro, PAIRS)
    nothing = np.empty(0, int)
    _, forces = openmm_answer(source, source.positions, nothing, np.empty(0), 1e-6, "CPU")
    expected = expected * KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR
    assert np.sqrt(((forces - expected) ** 2).mean()) < 1e-4 * np.sqrt((expected**2).mean())
