"""DFTB+ input: equal in meaning to the recorded files, and free of the traps of ASE's calculator."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from polcouple.dftb.skf import DEFAULT_SLAKO
from polcouple.dftbplus.input import InputWriter, Method
from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR, KELVIN_TO_HARTREE

RAW = ROOT / "tests" / "data" / "dftbplus_raw"


def read_hsd(text):
    """HSD as nested dictionaries with lower-case keys: {key: value, or (method, block)}.

    Words of a block that belong to no key are gathered under ''.
    """
    tokens = re.findall(r'"[^"]*"|<<<|[{}=]|\[[^]]*\]|[^\s{}=\[\]]+', text)

    def block(position):
        content, words = {}, []
        while position < len(tokens) and tokens[position] != "}":
            key, position = tokens[position], position + 1
            if key == "<<<":
                content["<<<"], position = tokens[position].strip('"'), position + 1
                continue
            unit = ""
            if position < len(tokens) and tokens[position].startswith("["):
                unit, position = " " + tokens[position], position + 1
            if position < len(tokens) and tokens[position] in ("=", "{"):
                method = ""
                if tokens[position] == "=":
                    position += 1
                    if tokens[position] != "{":
                        method, position = tokens[position].strip('"'), position + 1
                name = (key + unit).lower()
                assert name not in content, f"{name} twice"
                if position < len(tokens) and tokens[position] == "{":
                    inner, position = block(position + 1)
                    content[name] = (method, inner)
                else:
                    content[name] = method
            else:
                words.append(key)
        if words:
            content[""] = words
        return content, position + 1

    return block(0)[0]


def read_gen(path):
    lines = path.read_text().splitlines()
    count, kind = lines[0].split()
    elements = lines[1].split()
    rows = np.array([line.split() for line in lines[2 : 2 + int(count)]], dtype=float)
    symbols = tuple(elements[int(row[1]) - 1] for row in rows)
    cell = np.array([line.split() for line in lines[3 + int(count) :]], dtype=float) if kind == "S" else None
    return symbols, rows[:, 2:], cell


def read_point_charges(directory):
    plain = directory / "dftb_external_charges.dat"
    if plain.exists():
        return np.loadtxt(plain)
    with gzip.open(directory / "dftb_external_charges.dat.gz", "rt") as file:
        return np.loadtxt(file)


def recorded_electrode(name):
    symbols, positions, cell = read_gen(RAW / name / "geo_end.gen")
    return Electrode(symbols, positions * ANGSTROM_TO_BOHR, cell * ANGSTROM_TO_BOHR)


def method(**changes):
    settings = {
        "slako": DEFAULT_SLAKO,
        "temperature_kelvin": 300.0,
        "k_points": (1, 1, 1),
        "shell_resolved": False,
        "scc_tolerance": 1e-9,
        "max_cycles": 300,
        "overrides": {},
    }
    return Method(**{**settings, **changes})


def written(directory, electrode, charge=-1.0, positions=None, charges=None, initial=None, **changes):
    directory.mkdir(exist_ok=True)
    positions = np.array([[3.0, 4.0, 9.0]]) if positions is None else positions
    charges = np.array([0.25]) if charges is None else charges
    InputWriter(electrode, method(**changes)).write(directory, charge, positions, charges, initial)
    return read_hsd((directory / "dftb_in.hsd").read_text())


@pytest.mark.parametrize(("name", "charge"), [("sheet96_1", -1.0), ("nacl336_0005", -4.0)])
def test_equal_in_meaning_to_the_recorded_input(tmp_path, name, charge):
    recorded = read_hsd((RAW / name / "dftb_in.hsd").read_text())
    table = read_point_charges(RAW / name)
    ours = written(tmp_path, recorded_electrode(name), charge, table[:, :3] * ANGSTROM_TO_BOHR, table[:, 3])

    dftb, recorded_dftb = ours["hamiltonian"][1], recorded["hamiltonian"][1]
    assert float(dftb.pop("charge")) == float(recorded_dftb.pop("charge")) == charge
    assert float(dftb.pop("scctolerance")) == float(recorded_dftb.pop("scctolerance"))
    temperatures = [float(block.pop("filling")[1]["temperature"]) for block in (dftb, recorded_dftb)]
    assert temperatures[0] == pytest.approx(temperatures[1], rel=1e-9)
    prefixes = [block["slaterkosterfiles"][1].pop("prefix") for block in (dftb, recorded_dftb)]
    assert [Path(prefix).name for prefix in prefixes] == ["mio-1-1", "mio-1-1"]
    # the one intended difference: a misspelt keyword must not be ignored
    assert ours["parseroptions"][1].pop("ignoreunprocessednodes") == "No"
    assert recorded["parseroptions"][1].pop("ignoreunprocessednodes") == "Yes"
    assert ours == recorded

    symbols, positions, cell = read_gen(tmp_path / "geo_end.gen")
    recorded_symbols, recorded_positions, recorded_cell = read_gen(RAW / name / "geo_end.gen")
    assert symbols == recorded_symbols
    assert np.abs(positions - recorded_positions).max() < 1e-13
    assert np.abs(cell - recorded_cell).max() < 1e-13

    written_table = np.loadtxt(tmp_path / "dftb_external_charges.dat")
    assert np.array_equal(written_table[:, 3], table[:, 3])
    shifts = (written_table[:, :3] - table[:, :3]) / np.diag(cell)
    assert np.abs(shifts - np.round(shifts)).max() < 1e-14


def test_reader_of_this_test_sees_differences():
    recorded = (RAW / "sheet96_1" / "dftb_in.hsd").read_text()
    assert read_hsd(recorded) != read_hsd(recorded.replace("ShellResolvedSCC = No", "ShellResolvedSCC = Yes"))
    assert read_hsd(recorded) != read_hsd(recorded.replace("1 0 0", "2 0 0"))
    assert read_hsd(recorded) != read_hsd(recorded.replace("Records = 120", "Records = 121"))


@pytest.fixture
def electrode():
    return recorded_electrode("sheet96_1")


def test_point_charges_have_full_precision_and_lie_in_the_cell(tmp_path, electrode):
    rng = np.random.default_rng(2)
    positions = rng.normal(scale=80.0, size=(50, 3))
    charges = rng.normal(size=50)
    written(tmp_path, electrode, positions=positions, charges=charges)
    table = np.loadtxt(tmp_path / "dftb_external_charges.dat")
    assert np.array_equal(table[:, 3], charges)
    back = table[:, :3] * ANGSTROM_TO_BOHR
    edges = np.diag(electrode.cell)
    assert (back >= -1e-12).all() and (back <= edges + 1e-12).all()
    shifts = (back - positions) / edges
    assert np.abs(shifts - np.round(shifts)).max() < 1e-14


def test_paths_with_dftb_and_spaces_do_no_harm(tmp_path, electrode):
    slako = tmp_path / "my DFTB+ DFTB" / "mio"
    slako.mkdir(parents=True)
    (slako / "C-C.skf").write_text((DEFAULT_SLAKO / "C-C.skf").read_text())
    hsd = written(tmp_path / "run", electrode, slako=slako)
    dftb = hsd["hamiltonian"][1]
    assert dftb["slaterkosterfiles"][1]["prefix"] == f"{slako}/"
    assert dftb["electricfield"][1]["pointcharges"][1]["coordsandcharges [angstrom]"][1]["records"] == "1"
    assert "electricfield" not in hsd


def test_warm_start_writes_the_charges(tmp_path, electrode):
    initial = np.random.default_rng(3).normal(size=96)
    dftb = written(tmp_path, electrode, initial=initial)["hamiltonian"][1]
    values = dftb["initialcharges"][1]["allatomcharges"][1][""]
    assert np.array_equal(np.array(values, dtype=float), initial)


def test_without_electrolyte_there_are_no_point_charges(tmp_path, electrode):
    dftb = written(tmp_path, electrode, positions=np.empty((0, 3)), charges=np.empty(0))["hamiltonian"][1]
    assert "electricfield" not in dftb
    assert not (tmp_path / "dftb_external_charges.dat").exists()


def test_cluster_of_two_elements(tmp_path):
    flake = Electrode(
        ("C", "H"), np.array([[0.0, 0, 0], [2.0, 0, 0]]), np.zeros((3, 3)), (False, False, False)
    )
    far = np.array([[500.0, -500.0, 0.0]])
    dftb = written(tmp_path, flake, positions=far)["hamiltonian"][1]
    assert dftb["maxangularmomentum"][1] == {"c": "p", "h": "s"}
    assert "kpointsandweights" not in dftb
    symbols, _, cell = read_gen(tmp_path / "geo_end.gen")
    assert symbols == ("C", "H") and cell is None
    table = np.loadtxt(tmp_path / "dftb_external_charges.dat")
    assert np.abs(table[:3] * ANGSTROM_TO_BOHR - far[0]).max() < 1e-12
    with pytest.raises(InputError, match="not periodic"):
        InputWriter(flake, method(k_points=(2, 1, 1)))


def test_k_points_shells_and_temperature_reach_the_input(tmp_path, electrode):
    dftb = written(tmp_path, electrode, k_points=(5, 4, 1), shell_resolved=True, temperature_kelvin=1000.0)[
        "hamiltonian"
    ][1]
    mesh = np.array(dftb["kpointsandweights"][1][""], dtype=float)
    # DFTB+ centres even meshes on Gamma, so Monkhorst and Pack's needs a shift of one half
    assert mesh.tolist() == [5, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0.5, 0]
    assert dftb["shellresolvedscc"] == "Yes"
    assert float(dftb["filling"][1]["temperature"]) == pytest.approx(1000 * KELVIN_TO_HARTREE, rel=1e-14)


def test_overrides_open_and_close_their_blocks(tmp_path, electrode):
    hsd = written(
        tmp_path,
        electrode,
        overrides={
            "Hamiltonian_Mixer_": "Anderson",
            "Hamiltonian_Mixer_MixingParameter": 0.05,
            "Hamiltonian_Differentiation_FiniteDiff_Delta": 1e-4,
            "Analysis_WriteBandOut": False,
            "Hamiltonian_Misspelt": 3,
        },
    )
    dftb = hsd["hamiltonian"][1]
    assert hsd["hamiltonian"][0] == "DFTB"
    assert dftb["mixer"] == ("Anderson", {"mixingparameter": "0.05"})
    assert dftb["differentiation"] == ("", {"finitediff": ("", {"delta": "0.0001"})})
    assert hsd["analysis"] == ("", {"writebandout": "No"})
    # a misspelt keyword is handed on: DFTB+ refuses it
    assert dftb["misspelt"] == "3"
    assert dftb["shellresolvedscc"] == "No"
    assert hsd["parseroptions"][1] == {"ignoreunprocessednodes": "No", "parserversion": "14"}


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("Hamiltonian_SCCTolerance", "scc_tolerance"),
        ("hamiltonian_shellresolvedscc", "shell_resolved"),
        ("Hamiltonian_Filling_Temperature [Kelvin]", "temperature_kelvin"),
        ("Hamiltonian_SlaterKosterFiles_Prefix", "slako"),
        ("ParserOptions_ParserVersion", "meaning"),
        ("ParserOptions_IgnoreUnprocessedNodes", "meaning"),
        ("Driver_", "frozen"),
        ("SCC", "Hamiltonian_SCC"),
    ],
)
def test_overrides_of_our_own_settings_are_refused(electrode, key, hint):
    with pytest.raises(InputError, match=hint):
        InputWriter(electrode, method(overrides={key: 1}))


def test_missing_parameters_are_named(tmp_path, electrode):
    with pytest.raises(InputError, match="no directory"):
        InputWriter(electrode, method(slako=tmp_path / "nothing"))
    with pytest.raises(InputError, match="C-C"):
        InputWriter(electrode, method(slako=tmp_path))
