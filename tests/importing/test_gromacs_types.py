"""Parameters by types, pairs and text of a .top: what GROMACS 2022 takes, by its own dump or by hand."""

import itertools

import numpy as np
import openmm
import pytest
from gromacs_run import PAIRS

from polcouple.errors import InputError
from polcouple.importing.gromacs import read_gromacs
from polcouple.importing.gromacs_text import top_lines

CHAIN = """
[ defaults ]
{defaults}
[ atomtypes ]
A 6 12.011 0.0 A 0.3 0.2
B 6 12.011 0.0 A 0.31 0.3
C 7 14.007 0.0 A 0.32 0.4
{types}
[ moleculetype ]
CHN 3
[ atoms ]
1 A 1 CHN A1 1 0.3
2 B 1 CHN B2 2 0.0
3 B 1 CHN B3 3 0.0
4 C 1 CHN C4 4 -0.3
[ bonds ]
1 2 1 0.15 2e5
2 3 1 0.15 2e5
3 4 1 0.15 2e5
{more}
[ system ]
a chain
[ molecules ]
CHN 1
"""
PLACES = np.array([[1.0, 1.0, 1.0], [1.15, 1.0, 1.0], [1.2, 1.14, 1.0], [1.35, 1.14, 1.05]])


def read(directory, text, places=PLACES):
    top, gro = directory / "chain.top", directory / "chain.gro"
    top.write_text(text)
    rows = [f"    1CHN      A{i:5d}" + "".join(f"{x:8.3f}" for x in p) for i, p in enumerate(places, 1)]
    gro.write_text("\n".join(["a chain", str(len(places)), *rows, "   4.00000" * 3]) + "\n")
    return read_gromacs(top, gro, PAIRS)


def chain(directory, types="", more="", defaults="1 2 yes 0.5 0.8", bond="1 2 1 0.15 2e5"):
    text = CHAIN.format(types=types, more=more, defaults=defaults)
    return read(directory, text.replace("1 2 1 0.15 2e5", bond)).system


def terms(system):
    """Parameters of all bonded terms by the forces that have them."""
    found = {}
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicBondForce | openmm.CustomBondForce):
            found[force.getName()] = [force.getBondParameters(i)[2:] for i in range(force.getNumBonds())]
        elif isinstance(force, openmm.HarmonicAngleForce | openmm.CustomAngleForce):
            found[force.getName()] = [force.getAngleParameters(i)[3:] for i in range(force.getNumAngles())]
        elif isinstance(force, openmm.RBTorsionForce):
            found[force.getName()] = [
                force.getTorsionParameters(i)[4:] for i in range(force.getNumTorsions())
            ]
    plain = {}
    for name, rows in found.items():
        rows = [row[0] if len(row) == 1 else row for row in rows]
        plain[name] = [tuple(round(getattr(x, "_value", x), 9) for x in row) for row in rows]
    return plain


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        # the last one counts, in either order
        ("A B 1 0.16 100\nB A 1 0.17 200", (0.17, 200.0)),
        ("B A 1 0.17 200\nA B 1 0.16 100", (0.16, 100.0)),
        # of the bond's own function type
        ("A B 1 0.16 100\nA B 2 0.17 200", (0.16, 100.0)),
        # the B state is not ours
        ("A B 1 0.16 100 0.17 200", (0.16, 100.0)),
    ],
)
def test_bonds_by_types(tmp_path, types, expected):
    found = terms(chain(tmp_path, f"[ bondtypes ]\n{types}", bond="1 2 1"))
    assert found["HarmonicBondForce"] == [expected, (0.15, 2e5), (0.15, 2e5)]
    if "2 0.17" in types:
        other = terms(chain(tmp_path, f"[ bondtypes ]\n{types}", bond="1 2 2"))
        assert other["GROMOSBondForce"] == [(0.17, 200.0)]


UREY = "A B B 5 120 300 0.25 400"
RIGHT = round(np.pi / 2, 9), 50.0


@pytest.mark.parametrize(
    ("types", "function", "expected"),
    [
        ("A B B 1 90 50\nB B A 1 120 60", 1, {"HarmonicAngleForce": [(round(2 * np.pi / 3, 9), 60.0)]}),
        ("A B B 1 90 50\nA B B 2 120 60", 1, {"HarmonicAngleForce": [RIGHT]}),
        ("A B B 2 120 60\nA B B 1 90 50", 2, {"GROMOSAngleForce": [(round(2 * np.pi / 3, 9), 60.0)]}),
        (f"A B B 1 90 50\n{UREY}", 1, {"HarmonicAngleForce": [RIGHT]}),
        (f"{UREY}\nA B B 1 90 50", 5, {"HarmonicAngleForce": [(round(2 * np.pi / 3, 9), 300.0)]}),
    ],
)
def test_angles_by_types(tmp_path, types, function, expected):
    found = terms(chain(tmp_path, f"[ angletypes ]\n{types}", f"[ angles ]\n1 2 3 {function}"))
    bonds = found.pop("HarmonicBondForce")
    assert found == expected
    assert bonds[3:] == ([(0.25, 400.0)] if function == 5 else [])


def test_constraints_by_types(tmp_path):
    """GROMACS keeps tables of both function types; only the first makes a bond, which excludes."""
    types = "[ constrainttypes ]\nB A 1 0.14\nB A 1 0.16\nA B 2 0.17"
    for function, length, exclusions in ((1, 0.16, 6), (2, 0.17, 3)):
        system = chain(tmp_path, types, f"[ constraints ]\n1 2 {function}", bond="; none")
        assert system.getNumConstraints() == 1
        assert system.getConstraintParameters(0)[2]._value == length
        nonbonded = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
        assert nonbonded.getNumExceptions() == exclusions


@pytest.mark.parametrize(
    ("types", "function", "expected"),
    [
        ("A B B C 3 1 2 3 4 5 6\nC B B A 3 1 2 3 4 5 7", 3, (1.0, 2.0, 3.0, 4.0, 5.0, 7.0)),
        # Fourier's F1 .. F4 have a table of their own: C = F2 + (F1 + F3)/2, (-F1 + 3 F3)/2, ...
        (
            "A B B C 5 1 2 3 4\nA B B C 3 1 1 1 1 1 1",
            5,
            (2.0 + 2.0, 0.5 * (-1.0 + 9.0), -2.0 + 16.0, -6.0, -16.0, 0.0),
        ),
    ],
)
def test_ryckaert_bellemans_by_types(tmp_path, types, function, expected):
    system = chain(tmp_path, f"[ dihedraltypes ]\n{types}", f"[ dihedrals ]\n1 2 3 4 {function}")
    assert terms(system)["RBTorsionForce"] == [expected]


def energy(system, places):
    """Of pairs, in kJ/mol."""
    for force in system.getForces():
        pairs = isinstance(force, openmm.NonbondedForce | openmm.CustomNonbondedForce)
        force.setForceGroup(0 if pairs or force.getName() == "LennardJonesExceptions" else 1)
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(places)
    return context.getState(getEnergy=True, groups={0}).getPotentialEnergy()._value


def lennard_jones(r, sigma, epsilon):
    """A negative sigma has no attraction."""
    attraction = (sigma / r) ** 6 if sigma > 0 else 0.0
    return 4.0 * epsilon * ((sigma / r) ** 12 - attraction)


END = float(np.linalg.norm(PLACES[3] - PLACES[0]))
SIGMA, EPSILON = 0.5 * (0.3 + 0.32), np.sqrt(0.2 * 0.4)


@pytest.mark.parametrize(
    ("types", "pairs", "expected"),
    [
        ("", "1 4 1", 0.5 * lennard_jones(END, SIGMA, EPSILON)),
        # every line counts, in either order
        ("", "1 4 1\n4 1 1", lennard_jones(END, SIGMA, EPSILON)),
        (
            "",
            "1 4 1\n1 4 1 0.25 0.7",
            0.5 * lennard_jones(END, SIGMA, EPSILON) + lennard_jones(END, 0.25, 0.7),
        ),
        # of types, the last
        ("[ pairtypes ]\nA C 1 0.25 0.7\nC A 1 0.27 0.6", "1 4 1", lennard_jones(END, 0.27, 0.6)),
        ("[ pairtypes ]\nC A 1 0.25 0.7\nA C 1 0.27 0.6", "1 4 1", lennard_jones(END, 0.27, 0.6)),
        # a negative sigma
        ("", "1 4 1 -0.25 0.7", lennard_jones(END, -0.25, 0.7)),
        ("[ pairtypes ]\nC A 1 -0.25 0.7", "1 4 1", lennard_jones(END, -0.25, 0.7)),
        ("[ nonbond_params ]\nC A 1 -0.25 0.7", "1 4 1", 0.5 * lennard_jones(END, -0.25, 0.7)),
    ],
)
def test_listed_pairs(tmp_path, types, pairs, expected):
    """Against the same chain whose last pair is excluded, which has the rest of the Coulomb energy."""
    listed = chain(tmp_path, types, f"[ pairs ]\n{pairs}")
    nothing = chain(tmp_path)
    found = energy(listed, PLACES) - energy(nothing, PLACES)
    lines = len(pairs.splitlines())
    coulomb = lines * 0.8 * 138.935456 * 0.3 * -0.3 / END
    assert found == pytest.approx(expected + coulomb, rel=1e-6)


@pytest.mark.parametrize(
    ("rule", "sign", "special"),
    [(1, 1, None), (1, 1, 0.33), *itertools.product((2, 3), (1, -1), (None, 0.33, -0.33))],
)
def test_negative_sigmas_have_no_attraction(tmp_path, rule, sign, special):
    """Three atoms of types A, B and C, whose B has the sign; the pair A C may have its own."""
    sigmas, epsilons = np.array([0.3, sign * 0.31, 0.32]), np.array([0.2, 0.3, 0.4])
    places = np.array([[1.0, 1.0, 1.0], [1.35, 1.0, 1.0], [1.0, 1.4, 1.0]])
    expected = 0.0
    for i, j in ((0, 1), (0, 2), (1, 2)):
        r = np.linalg.norm(places[i] - places[j])
        first, second = abs(sigmas[i]), abs(sigmas[j])
        if rule == 1:
            c6 = np.sqrt(4 * epsilons[i] * first**6 * 4 * epsilons[j] * second**6)
            c12 = np.sqrt(4 * epsilons[i] * first**12 * 4 * epsilons[j] * second**12)
            own = c12 / r**12 - c6 / r**6
        else:
            mean = 0.5 * (first + second) if rule == 2 else np.sqrt(first * second)
            mean *= -1 if min(sigmas[i], sigmas[j]) < 0 else 1
            own = lennard_jones(r, mean, np.sqrt(epsilons[i] * epsilons[j]))
        if special is not None and (i, j) == (0, 2):
            own = lennard_jones(r, special, 0.5)
        expected += own

    def pair(sigma, epsilon):
        return (4 * epsilon * sigma**6, 4 * epsilon * sigma**12) if rule == 1 else (sigma, epsilon)

    text = f"[ defaults ]\n1 {rule} no\n[ atomtypes ]\n"
    for name, values in zip("ABC", zip(sigmas, epsilons, strict=True), strict=True):
        text += f"{name} 6 12 0 A {pair(*values)[0]:.12g} {pair(*values)[1]:.12g}\n"
    if special is not None:
        values = pair(special, 0.5)
        text += f"[ nonbond_params ]\nC A 1 9 9\nA C 1 {values[0]:.12g} {values[1]:.12g}\n"
    for name in "ABC":
        text += f"[ moleculetype ]\n{name}M 1\n[ atoms ]\n1 {name} 1 {name}M {name} 1 0.0\n"
    text += "[ system ]\nx\n[ molecules ]\nAM 1\nBM 1\nCM 1\n"
    assert energy(read(tmp_path, text, places).system, places) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("types", "more", "says"),
    [
        ("[ bondtypes ]\nA B 2 0.1 5", "[ bonds ]\n1 2 1", "No parameters .* bond 1 2 .* function type 1"),
        ("[ angletypes ]\nA B B 2 90 5", "[ angles ]\n1 2 3 1", "No parameters .* angle 1 2 3 of CHN"),
        ("[ bondtypes ]\nA Q 1 0.1 5", "", r"\[ bondtypes \] 'A Q 1 0.1 5' names Q, which is no type"),
        ("[ pairtypes ]\nA Q 1 0.1 5", "", r"\[ pairtypes \] 'A Q 1 0.1 5' names Q, which is no type"),
        ("[ nonbond_params ]\nA Q 1 0.1 5", "", r"\[ nonbond_params \] .* names Q"),
        ("[ dihedraltypes ]\nX B Q X 9 0 5 2", "", r"\[ dihedraltypes \] of X B Q X names Q"),
        ("[ nonbond_params ]\nA B 1 0.1 5 6 7", "", "4 parameters; function type 1 has 2"),
        ("[ nonbond_params ]\nA B 1 0.1 -5", "", "C12 is negative"),
        ("[ atomtypes ]\nD 6 12 0 A 0.3 -0.2", "", "atom type D has a negative epsilon"),
        ("[ atomtypes ]\nD 6 12 0 0.3 0.2", "", "a mass, a charge, a letter for its kind and two parameters"),
        ("", "[ bonds ]\n1 3 1 0.2", r"chain.top: \[ bonds \] 1 parameters; function type 1 has 2 \(line"),
        ("", "[ bonds ]\n1 3 1 KB", "'KB' is no number; is a macro's #define missing"),
        ("", "[ bonds ]\n1 5 1 0.2 5", "'5' is no atom of a molecule of 4"),
        ("", "[ bonds ]\n0 1 1 0.2 5", "'0' is no atom of a molecule of 4"),
        ("", "[ bonds ]\n1 1 1 0.2 5", "names an atom twice"),
        ("", "[ bonds ]\n1 3 6 0.2 5", "unsupported function type 6; what can be honoured is 1, 2"),
        ("", "[ constraints ]\n1 3 3 0.2", "unsupported function type 3"),
        ("", "[ constraints ]\n1 3 1", "No parameters .* constraint 1 3"),
        ("", "[ exclusions ]\n1 9", "'9' is no atom"),
        ("", "[ pairs ]\n1 4 1 0.3", r"\[ pairs \] 1 parameters"),
        ("", "[ dihedrals ]\n1 2 3 4 5 1 2 3", "3 parameters; function type 5 has 4"),
        ("", "[ dihedrals ]\n1 2 3 4 5", "No parameters .* function type 5"),
        ("[ dihedraltypes ]\nA B B C 3 1 2 3 4 5 6", "[ dihedrals ]\n1 2 3 4 5", "No parameters .* type 5"),
        ("", "[ angles ]\n1 2 3 5 90 5", "2 parameters; function type 5 has 4"),
        ("", "[ atoms ]\n6 A 1 CHN A 5 0", "atoms are numbered from 1 on, and this is number 5"),
        ("", "[ atoms ]\n5 A 1 CHN A 5 zero", r"\[ atoms \] could not convert .* 'zero' \(line"),
        ("", "[ virtual_sites3 ]\n4 1 2 3 4 0.1 0.1", "2 parameters; function type 4 has 3"),
        ("", "[ virtual_sites2 ]\n4 1 2 2 0.01", "unsupported function type 2"),
        ("", "[ virtual_sitesn ]\n4 1 1 2", r"section \[ virtual_sitesn \]"),
        ("", "[ settles ]\n3 1 0.1 0.16", "'5' is no atom"),
        ("", "[ intermolecular_interactions ]\n[ angles ]\n1 2 3 1 90 5", r"intermolecular_interactions \]"),
        ("", "[ system ]\nx\n[ angles ]\n1 2 3 1 90 5", "stands under no .* move it to the molecule"),
        ("[ atomtypes ]\nD 6 12 0 S 0.3 0.2", "", "a particle of kind S; only atoms"),
        ("", "#if 0\n#endif", "#if is nothing that GROMACS knows"),
        ("", '#include "chain.top"', "the file includes itself"),
        ("[ cmaptypes ]\nA B B C A 1 1 1 5\nA B B C A 1 1 1 6", "", "a second map for A B B C A; keep one"),
    ],
)  # fmt: skip
def test_what_gromacs_refuses_is_refused(tmp_path, types, more, says):
    if "C12" in says:
        more = "[ pairs ]\n1 4 1"
    with pytest.raises(InputError, match=says) as told:
        chain(tmp_path, types, more)
    assert "chain.top" in str(told.value)


@pytest.mark.parametrize(
    ("defaults", "says"),
    [
        ("1 2 yes 0.5 0.5 9", r"\[ defaults \] a repulsion by 1/r\^9"),
        ("1 2", "gen-pairs, must be yes or no"),
        ("1 2 maybe 0.5 0.5", "gen-pairs, must be yes or no"),
        ("1 2 no 0.5 0.5", r"atoms 1 and 4 of CHN: no \[ pairtypes \] for A C, and .* gen-pairs no"),
        ("", r"chain.top: no \[ defaults \], which tell how atom types combine"),
    ],
)  # fmt: skip
def test_defaults_that_cannot_be_honoured(tmp_path, defaults, says):
    with pytest.raises(InputError, match=says):
        chain(tmp_path, more="[ pairs ]\n1 4 1", defaults=defaults)


def test_four_defaults_and_a_twelfth_power(tmp_path):
    """The second fudge is 1 where it is not there; 12 is what we have."""
    for defaults, coulomb in (("1 2 YES 0.5", 1.0), ("1 2 yes 0.5 0.8 12", 0.8)):
        system = chain(tmp_path, more="[ pairs ]\n1 4 1", defaults=defaults)
        nonbonded = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
        products = [nonbonded.getExceptionParameters(i)[2]._value for i in range(6)]
        assert sorted(products)[0] == pytest.approx(coulomb * -0.09)


def test_a_settle_excludes_nothing(tmp_path):
    """[ settles ] are no bonds; files exclude their atoms in [ exclusions ]."""
    more = "[ settles ]\n1 1 0.1 0.16\n[ exclusions ]\n1 4\n2"
    text = CHAIN.format(defaults="1 2 yes 0.5 0.5", types="", more=more)
    head, _, tail = text.partition("[ bonds ]")
    system = read(tmp_path, head + tail[tail.index("[ settles ]") :]).system
    nonbonded = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    assert [nonbonded.getExceptionParameters(i)[:2] for i in range(nonbonded.getNumExceptions())] == [[0, 3]]
    assert [system.getConstraintParameters(i)[2]._value for i in range(3)] == [0.1, 0.1, 0.16]


def lines(directory, text, folders=(), macros=None):
    path = directory / "some.top"
    path.write_text(text)
    return [line.text for line in top_lines(path, folders, macros or {})]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#define K 100\na K", ["a 100"]),
        ("  # define\tK   1 2 ; three\na K ; K", ["a 1 2"]),
        # words that are longer, with + and - among their letters
        ("#define NA 5\nNA+ NA- xNA NA_ NA", ["NA+ NA- xNA NA_ 5"]),
        # once, in the order of definition
        ("#define K M\n#define M 5\na K", ["a 5"]),
        ("#define M 5\n#define K M\na K", ["a M"]),
        ("#define K 1\n#define K 2\na K", ["a 2"]),
        ("#define K\na K", ["a K"]),
        ("#define K 1\n#ifdef NOT\n#undef K\n#endif\na K", ["a 1"]),
        ("#define K 1\n#undef K\na K", ["a K"]),
        ("#ifdef A\n1\n#ifdef B\n2\n#else\n3\n#endif\n#else\n4\n#ifndef B\n5\n#endif\n#endif", ["4", "5"]),
        ("#ifdef D\n1\n#ifdef B\n2\n#else\n3\n#endif\n#else\n4\n#endif", ["1", "3"]),
        # a comment that goes on, and one after what would
        ("; comment \\\nnot me\na \\\n b; \\\nc\nd", ["a b", "d"]),
        ("a \\ ; c\nb", ["a \\", "b"]),
        ("[ x ] ; y", ["[ x ]"]),
        ("*** a force field\na", ["a"]),
    ],
)
def test_lines_that_count(tmp_path, text, expected):
    """As ``grompp`` has them."""
    assert lines(tmp_path, text, macros={"D": ""}) == expected


def test_files_are_looked_for_beside_the_one_that_includes_them(tmp_path):
    inner, other = tmp_path / "field.ff", tmp_path / "other"
    for folder, value in ((inner, "beside"), (other, "folder"), (tmp_path, "main")):
        folder.mkdir(exist_ok=True)
        (folder / "b.itp").write_text(value)
    (inner / "a.itp").write_text('#include "b.itp"\n')
    text = '#include "field.ff/a.itp"'
    assert lines(tmp_path, text, (other,)) == ["beside"]
    (inner / "b.itp").unlink()
    assert lines(tmp_path, text, (other,)) == ["folder"]
    with pytest.raises(InputError, match=r"a.itp: Could not locate #include file: b.itp; name its folder"):
        lines(tmp_path, text)
