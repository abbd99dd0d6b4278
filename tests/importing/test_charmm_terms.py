"""What OpenMM's reader of CHARMM's files passes over: energies by hand, and options that are refused."""

import numpy as np
import openmm
import pytest
from charmm_systems import write_pdb, write_psf

from polcouple.errors import InputError
from polcouple.importing.amber import read_charmm
from polcouple.importing.source import PairOptions

#: a chain of four united atoms, of which only torsions have an energy; no pair has
PRM = """* a chain
*
ATOMS
MASS -1 A 12.011
MASS -1 B 14.007
MASS -1 C 12.011
MASS -1 D 15.999

BONDS
A B 0. 1.45
B C 0. 1.40
C D 0. 1.35

ANGLES
A B C 0. 115.
B C D 0. 112.

DIHEDRALS
{dihedral}

IMPROPER
{improper}

NONBONDED {first} -
{header}
A 0.0 0.0 2.0
B 0.0 0.0 1.8
C 0.0 0.0 1.9
D 0.0 0.0 1.7

END
"""
HEADER = "cutnb 14.0 ctofnb 12.0 ctonnb 10.0 eps 1.0 e14fac 1.0 wmin 1.5"
FIRST = "nbxmod  5 atom cdiel fshift vatom vdistance vfswitch"
NO_DIHEDRAL, NO_IMPROPER = "A B C D 0.0 1 0.0", "A D B C 0.0 0 0.0"
PLACES = np.array([[5.0, 5.0, 5.0], [6.45, 5.0, 5.0], [7.0, 6.3, 5.0], [8.2, 6.5, 5.9]])
OPTIONS = PairOptions(9.0, None, "water")


def chain(folder, names=("XA", "XB", "XC", "XD"), **lines):
    """The source of one chain; ``lines``: of its parameter file."""
    parts = {"dihedral": NO_DIHEDRAL, "improper": NO_IMPROPER, "first": FIRST, "header": HEADER}
    (folder / "a.prm").write_text(PRM.format(**parts | lines))
    masses = {"A": "12.011", "B": "14.007", "C": "12.011", "D": "15.999"}
    rows = [("MOL", name, kind, "0.0", masses[kind]) for name, kind in zip(names, "ABCD", strict=True)]
    bonds, angles = [(1, 2), (2, 3), (3, 4)], [(1, 2, 3), (2, 3, 4)]
    write_psf(folder / "a.psf", rows, bonds, angles, [(1, 2, 3, 4)], [(1, 4, 2, 3)])
    write_pdb(folder / "a.pdb", names, PLACES)
    return read_charmm(folder / "a.psf", [folder / "a.prm"], folder / "a.pdb", OPTIONS, (20.0, 20.0, 20.0))


def lone_pair(folder, line, hosts):
    """Place in Angstrom of a lone pair of the chain; hosts are counted from 1."""
    extra = PRM.replace("MASS -1 D 15.999", "MASS -1 D 15.999\nMASS -1 LP 0.0")
    extra = extra.replace("D 0.0 0.0 1.7", "D 0.0 0.0 1.7\nLP 0.0 0.0 0.0")
    parts = {"dihedral": NO_DIHEDRAL, "improper": NO_IMPROPER, "first": FIRST, "header": HEADER}
    (folder / "a.prm").write_text(extra.format(**parts))
    masses = {"A": "12.011", "B": "14.007", "C": "12.011", "D": "15.999", "LP": "0.0"}
    rows = [("MOL", f"X{kind}", kind, "0.0", mass) for kind, mass in masses.items()]
    write_psf(folder / "a.psf", rows, [(1, 2), (2, 3), (3, 4)], lone_pairs=[(line, (5, *hosts))])
    write_pdb(folder / "a.pdb", [row[1] for row in rows], np.concatenate([PLACES, np.zeros((1, 3))]))
    source = read_charmm(folder / "a.psf", [folder / "a.prm"], folder / "a.pdb", OPTIONS, (20.0,) * 3)
    context = openmm.Context(
        source.system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(np.concatenate([0.1 * PLACES, np.zeros((1, 3))]))
    context.computeVirtualSites()
    return 10.0 * context.getState(getPositions=True).getPositions(asNumpy=True)[4]._value


@pytest.mark.parametrize(
    ("line", "hosts", "expected"),
    [
        ("2 1 F 0.0 -0.5 0.0", (4, 3), lambda c, d: d - 0.5 * (d - c)),
        ("2 1 F 0.0 0.3 0.0", (4, 3), lambda c, d: d + 0.3 * (d - c)),
        ("2 1 F 0.0 0.0 0.0", (4, 3), lambda c, d: 0.5 * (c + d)),
        ("2 1 F 0.35 0.0 0.0", (4, 3), lambda c, d: d + 0.35 * (d - c) / np.linalg.norm(d - c)),
        ("3 1 F 0.0 0.0 0.0", (4, 3, 2), lambda c, d: (PLACES[1] + c + d) / 3.0),
    ],
)
def test_places_of_lone_pairs(tmp_path, line, hosts, expected):
    """r1 + (DIST / |r1 - r2| + SCALE) (r1 - r2), and the centre where all is zero."""
    found = lone_pair(tmp_path, line, hosts)
    np.testing.assert_allclose(found, expected(PLACES[2], PLACES[3]), atol=1e-6)


@pytest.mark.parametrize(
    ("line", "hosts", "says"),
    [
        (
            "2 1 F 0.35 0.5 0.0",
            (4, 3),
            r"a\.psf: lone pair of atom 5 .* has a distance, 0.35 Angstrom, and a sc",
        ),
        ("4 1 F 0.0 0.0 0.0", (4, 3, 2, 1), "has 4 hosts; two or three"),
        ("3 1 F 0.0 110.0 60.0", (4, 3, 2), "has angles and no distance"),
    ],
)
def test_lone_pairs_that_no_site_can_stand_for(tmp_path, line, hosts, says):
    with pytest.raises(InputError, match=says):
        lone_pair(tmp_path, line, hosts)


def energy_of(source):
    """In kcal/mol."""
    context = openmm.Context(
        source.system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(0.1 * PLACES)
    return context.getState(getEnergy=True).getPotentialEnergy()._value / 4.184


def angle_of(order):
    """Dihedral angle in radians, with IUPAC's sign."""
    a, b, c, d = PLACES[list(order)]
    m, n = np.cross(b - a, c - b), np.cross(c - b, d - c)
    return np.arctan2(np.cross(m, n) @ (c - b) / np.linalg.norm(c - b), m @ n)


@pytest.mark.parametrize("term", ["dihedral", "improper"])
@pytest.mark.parametrize(
    ("k", "n", "phase"),
    [(10.5, 0, 180.0), (10.5, 2, 180.0), (4.0, 3, 30.0), (2.0, 0, 60.0), (4.0, -1, 40.0)],
)
def test_periodicities_say_the_form(tmp_path, term, k, n, phase):
    """k (1 + cos(n phi - phi0)), or k (phi - phi0)^2 for n = 0, of both kinds of terms; n has no sign."""
    types = {"dihedral": "A B C D", "improper": "C B D A"}[term]  # impropers of both directions are the same
    source = chain(tmp_path, **{term: f"{types} {k} {n} {phase}"})
    angle = angle_of({"dihedral": (0, 1, 2, 3), "improper": (0, 3, 1, 2)}[term])
    away = (angle - np.radians(phase) + np.pi) % (2 * np.pi) - np.pi
    expected = k * (1.0 + np.cos(abs(n) * angle - np.radians(phase))) if n else k * away**2
    assert energy_of(source) == pytest.approx(expected, rel=1e-5)


def test_a_dihedral_of_both_forms(tmp_path):
    source = chain(tmp_path, dihedral="A B C D 2.0 0 60.0\nA B C D 1.3 2 180.0")
    angle = angle_of((0, 1, 2, 3))
    expected = 2.0 * (angle - np.pi / 3) ** 2 + 1.3 * (1.0 + np.cos(2 * angle - np.pi))
    assert energy_of(source) == pytest.approx(expected, rel=1e-5)


def test_an_improper_of_several_terms(tmp_path):
    with pytest.raises(
        InputError, match=r"a.prm:23: an improper for the types A-D-B-C, as .*a.prm:22 is, with other"
    ):
        chain(tmp_path, improper="A D B C 10.5 0 180.0\nC B D A 4.0 3 0.0")


@pytest.mark.parametrize(
    ("lines", "k"),
    [
        (("A X X C 10", "X D B C 3"), 10),
        (("X D B X 2", "X X B C 5"), 2),
        (("X X B C 5", "X D B X 2", "A X X C 10"), 10),
        (("X B D A 3", "X D B X 2"), 3),  # from the other end
        (("X D A B 3", "X D B X 2"), 2),  # the first is of B-A-D and any: no match from either end
        (("C B D X 3", "X D B X 2"), 3),
        (("A X X C 10", "A D B C 7"), 7),
    ],
)
def test_wildcards_of_impropers_go_by_the_order_of_charmm(tmp_path, lines, k):
    """For atoms of types A-D-B-C; the right constants are read off parmfile.info by hand."""
    source = chain(tmp_path, improper="\n".join(f"{line} 0 20.0" for line in lines))
    angle = angle_of((0, 3, 1, 2))
    away = (angle - np.radians(20.0) + np.pi) % (2 * np.pi) - np.pi
    assert energy_of(source) == pytest.approx(k * away**2, rel=1e-5)


@pytest.mark.parametrize(
    ("improper", "said"),
    [
        ("A X B C 1.0 0 0.0", "a.prm:22: CHARMM knows no improper with wildcards as in A-X-B-C"),
        ("X D B C 1.0 0 0.0\nX B D A 2.0 0 0.0", "a.prm:2[23]: an improper for the types A-D-B-C, as "),
        ("X X X C 1.0 0 0.0", "wildcards as in X-X-X-C"),
    ],
)
def test_impropers_that_say_nothing_certain_are_refused(tmp_path, improper, said):
    with pytest.raises(InputError, match=said):
        chain(tmp_path, improper=improper)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("eps 4.0", "NONBONDED EPS 4 would have no effect here, where EPS 1 is"),
        ("geom", "NONBONDED GEOM would have no effect here; take"),
        ("rdie", "NONBONDED RDIE would have no effect here; take"),
        ("nbxmod 4", "NONBONDED NBXMOD 4 would have no effect here, where NBXMOD 5 is"),
        ("e14f 0.4", "NONBONDED E14F would have no effect here"),
        ("eps", "NONBONDED EPS needs a number, not ''"),
    ],
)
def test_options_that_change_energies(tmp_path, header, said):
    """On the first line of NONBONDED, and on one that it goes on by."""
    with pytest.raises(InputError, match=rf"a.prm:24: {said}"):
        chain(tmp_path, header=header)
    with pytest.raises(InputError, match=rf"a.prm:24: {said}"):
        chain(tmp_path, first=header, header="")


def test_options_that_are_no_continuation(tmp_path):
    with pytest.raises(
        InputError, match=r"a.prm:26: E14FAC 0.4 ... belongs to no line of NONBONDED; end the"
    ):
        chain(tmp_path, header=f"{HEADER}\ne14fac 0.4")


@pytest.mark.parametrize("names", [("D1", "D2", "XC", "XD"), ("LP1", "XB", "OM", "XD")])
def test_names_of_other_programs_particles(tmp_path, names):
    """Atoms have their bonds and names, whatever these begin with."""
    source = chain(tmp_path, names, dihedral="A B C D 1.3 2 180.0")
    assert source.labels == names
    bonds = next(f for f in source.system.getForces() if isinstance(f, openmm.HarmonicBondForce))
    assert [bonds.getBondParameters(i)[:2] for i in range(3)] == [[0, 1], [1, 2], [2, 3]]
    assert energy_of(source) == pytest.approx(
        1.3 * (1.0 + np.cos(2 * angle_of((0, 1, 2, 3)) - np.pi)), rel=1e-5
    )


@pytest.mark.parametrize("term", ["dihedral", "improper"])
def test_terms_that_a_later_file_has_again(tmp_path, capsys, term):
    """They count instead of the earlier ones, of another periodicity too; the log tells of dihedrals."""
    section, types = {"dihedral": ("DIHEDRALS", "A B C D"), "improper": ("IMPROPER", "A D B C")}[term]
    terms = "D C B A 0.4 3 0.0\nD C B A 1.3 2 180.0" if term == "dihedral" else "C B D A 1.3 2 180.0"
    chain(tmp_path, **{term: f"{types} 10.5 1 0.0"})
    (tmp_path / "b.prm").write_text(f"* later\n*\n{section}\n{terms}\nEND\n")
    files = [tmp_path / "a.psf", [tmp_path / "a.prm", tmp_path / "b.prm"], tmp_path / "a.pdb"]
    capsys.readouterr()
    source = read_charmm(*files, OPTIONS, (20.0, 20.0, 20.0))
    angle = angle_of({"dihedral": (0, 1, 2, 3), "improper": (0, 3, 1, 2)}[term])
    expected = 1.3 * (1.0 + np.cos(2 * angle - np.pi))
    if term == "dihedral":
        expected += 0.4 * (1.0 + np.cos(3 * angle))
        said = "1 dihedrals have other terms in a later place, which count; the first: "
        assert f"{said}{tmp_path / 'b.prm'}:4 instead of {tmp_path / 'a.prm'}:" in capsys.readouterr().out
    assert energy_of(source) == pytest.approx(expected, rel=1e-5)


def test_an_exclusion_of_two_atoms_three_bonds_apart(tmp_path):
    """!NNB takes away what else is their 1-4 interaction."""
    lines = {"first": FIRST, "dihedral": NO_DIHEDRAL, "improper": NO_IMPROPER, "header": HEADER}
    text = PRM.replace("A 0.0 0.0 2.0", "A 0.0 -0.2 2.0").replace("D 0.0 0.0 1.7", "D 0.0 -0.1 1.7")
    (tmp_path / "a.prm").write_text(text.format(**lines))
    rows = [("MOL", f"X{kind}", kind, "0.0", "12.011") for kind in "ABCD"]
    write_pdb(tmp_path / "a.pdb", [row[1] for row in rows], PLACES)
    r, depth, least = np.linalg.norm(PLACES[3] - PLACES[0]), np.sqrt(0.02), 3.7
    for excluded, expected in ((None, depth * ((least / r) ** 12 - 2 * (least / r) ** 6)), ({1: [4]}, 0.0)):
        write_psf(tmp_path / "a.psf", rows, [(1, 2), (2, 3), (3, 4)], excluded=excluded)
        source = read_charmm(
            tmp_path / "a.psf", [tmp_path / "a.prm"], tmp_path / "a.pdb", OPTIONS, (20.0, 20.0, 20.0)
        )
        assert energy_of(source) == pytest.approx(expected, rel=1e-5)
