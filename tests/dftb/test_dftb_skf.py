"""Slater-Koster files: what they mean, and what is said about broken ones."""

import shutil

import numpy as np
import pytest

from polcouple.dftb.gamma import on_site, short_range
from polcouple.dftb.hamiltonian import build_orbitals, find_pairs, hamiltonian_overlap
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters, read_skf
from polcouple.electrode import Electrode
from polcouple.errors import InputError


@pytest.fixture
def slako(tmp_path):
    for file in DEFAULT_SLAKO.glob("*.skf"):
        shutil.copy(file, tmp_path)
    return tmp_path


def test_atoms_of_mio():
    atoms = load_parameters(DEFAULT_SLAKO, ["H", "C"]).atoms
    assert atoms["C"].onsite == (-0.50489172, -0.19435511)
    assert atoms["C"].hubbard == (0.3647, 0.387425)
    assert (atoms["C"].valence, atoms["C"].capacity) == (4.0, 8.0)
    assert (atoms["H"].n_shells, atoms["H"].valence) == (1, 1.0)


def test_integrals_pass_through_the_table_and_end_smoothly():
    table = load_parameters(DEFAULT_SLAKO, ["C"]).pairs["C", "C"]
    grid = np.arange(100, 103) * table.step
    assert np.abs(table.integrals(0, 0, grid)[:, 0, 0] - table.values[99:102, 0, 9]).max() < 1e-15
    end = len(table.values) * table.step
    assert abs(table.cutoff - (end + 1.0)) < 1e-12
    for place in (end, end + 1.0 - 1e-9):
        left, right = table.integrals(1, 1, np.array([place - 1e-7, place + 1e-7]))
        assert np.abs(left - right).max() < 1e-10
    assert not table.integrals(1, 1, np.array([end + 1.001])).any()
    slopes = np.diff(table.integrals(0, 1, end + np.array([-2e-4, -1e-4, 1e-4, 2e-4]))[:, 0, 0]) / 1e-4
    assert abs(slopes[0] - slopes[2]) < 1e-3 * abs(slopes[0])


def test_rotations_leave_the_spectrum_with_d_shells():
    """Bond rotations of s, p and d must be orthogonal: eigenvalues do not turn with the molecule."""
    parameters = load_parameters(DEFAULT_SLAKO, ["C"])
    atom = parameters.atoms["C"]
    with_d = type(atom)((*atom.onsite, 0.1), (*atom.hubbard, 0.3), (*atom.occupation, 0.0))
    parameters.atoms["C"] = with_d
    table = parameters.pairs["C", "C"].values
    table[:, 0, [0, 1, 2, 3, 4, 7]] = table[:, 0, [5, 6, 6, 5, 6, 8]] * [0.5, 0.4, 0.3, 0.2, 0.1, 0.6]
    rng = np.random.default_rng(0)
    positions = rng.normal(scale=3.0, size=(4, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    spectra = []
    for turned in (positions, positions @ turn.T):
        molecule = Electrode(("C",) * 4, turned, np.eye(3), (False,) * 3)
        pairs = find_pairs(molecule, parameters.cutoff)
        orbitals = build_orbitals(molecule.symbols, parameters)
        h0, overlap = hamiltonian_overlap(orbitals, molecule.symbols, pairs, parameters, np.zeros(3))
        spectra.append([np.linalg.eigvalsh(h0), np.linalg.eigvalsh(overlap)])
    assert h0.shape == (36, 36)
    assert np.abs(np.array(spectra[0]) - spectra[1]).max() < 1e-10


def test_gamma_limits():
    r = np.array([0.5, 2.0, 6.0])
    same, near = (short_range(r, 1.2, 1.2 * x)[0] for x in (1.0, 1 + 1e-4))
    assert np.abs(same / near - 1.0).max() < 1e-3
    assert np.abs(short_range(r, 1.1, 1.4)[0] - short_range(r, 1.4, 1.1)[0]).max() < 1e-15
    small = np.array([1e-4])
    for a, b in ((1.2, 1.2), (1.1, 1.4)):
        assert abs(1.0 / small[0] - short_range(small, a, b)[0][0] - on_site(a, b)) < 1e-6
    assert abs(on_site(3.2 * 0.4, 3.2 * 0.4) - 0.4) < 1e-15


def test_shells_of_a_table_with_filler_rows(slako):
    """Some sets fill the short distances with zeros in H and ones in S: no shell comes of that."""
    path = slako / "H-H.skf"
    lines = path.read_text().splitlines()
    filler = " ".join(["0.0"] * 10 + ["1.0"] * 10)
    for number in range(3, 3 + 20):
        if set(lines[number].replace(",", " ").split()) == {"20*1.0"}:
            lines[number] = filler
    assert filler in lines
    path.write_text("\n".join(lines))
    assert read_skf(path, homonuclear=True)[0].n_shells == 1


def test_missing_directory_and_missing_pair(slako):
    with pytest.raises(InputError, match=r"no directory of Slater-Koster files .*'slako'"):
        load_parameters(slako / "nowhere", ["C"])
    with pytest.raises(InputError, match=r"parameters for C-O: .*C-O\.skf does not exist.*'slako'"):
        load_parameters(slako, ["C", "O"])


def in_header(lines, column, number):
    """On-site energies, one unused number, Hubbard U and electrons, each d, p, s, with one replaced."""
    numbers = lines[1].replace(",", " ").split()
    numbers[column] = number
    return [lines[0], " ".join(numbers), *lines[2:]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[:120], ["truncated", "line 120"]),
        (lambda lines: [], ["truncated", "line 0"]),
        (
            lambda lines: [*lines[:50], "1.0 2.0 abc", *lines[51:]],
            ["line 51", "expected 20 numbers, found 2"],
        ),
        (lambda lines: [*lines[:50], "19*1.0, nan", *lines[51:]], ["line 51", "expected 20"]),
        (lambda lines: ["0.0 500", *lines[1:]], ["line 1", "grid spacing 0"]),
        (lambda lines: ["@", *lines], ["f shells"]),
        (lambda lines: [lines[0], "10*0.0", *lines[2:]], ["line 2", "Hubbard U of shell s is 0"]),
        (lambda lines: in_header(lines, 8, "-2.0"), ["line 2", "-2 electrons in shell p, which holds 6"]),
        (lambda lines: in_header(lines, 9, "4.0"), ["line 2", "4 electrons in shell s, which holds 2"]),
        (lambda lines: in_header(lines, 2, "0.5"), ["line 2", "shell s has 2 electrons that are not bound"]),
        (
            lambda lines: [*lines[:137], lines[137].replace("-", "", 1), *lines[138:]],
            ["line 138", "does not lie between those of its neighbours"],
        ),
        (lambda lines: [*lines[:150], *lines[151:]], ["about line 15", "a line is missing or stands twice"]),
        (lambda lines: [*lines[:230], lines[229], *lines[230:]], ["announces 499 rows, and 21 more"]),
        (lambda lines: ["0.02 400", *lines[1:]], ["announces 399 rows", "more follow"]),
    ],
)
def test_broken_files(slako, change, words):
    path = slako / "C-C.skf"
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(InputError) as error:
        read_skf(path, homonuclear=True)
    assert all(word in str(error.value) for word in [*words, "C-C.skf"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("difference", [0.0, 1e-6, 1e-5, 3e-5, 1e-3, 0.03, 0.3])
def test_short_range_is_the_clouds_coulomb_integral_however_alike_they_are(difference):
    """gamma(R) = 2/pi int sin(kR)/(kR) F_a(k) F_b(k) dk with F = tau^4 / (tau^2 + k^2)^2 of exp(-tau r)."""
    a, b = 1.15, 1.15 + 3.2 * difference
    points, weights = np.polynomial.legendre.leggauss(24)
    k, weight = (np.arange(300.0)[:, None] + 0.5 * (points + 1.0)).ravel(), np.tile(0.5 * weights, 300)
    form = (a**2 / (a**2 + k**2) * b**2 / (b**2 + k**2)) ** 2
    for r in (0.7, 2.7, 6.0, 15.0):
        expected = 1.0 / r - 2.0 / np.pi * weight @ (np.sinc(k * r / np.pi) * form)
        assert short_range(np.array([r]), a, b)[0][0] == pytest.approx(expected, abs=1e-11)
