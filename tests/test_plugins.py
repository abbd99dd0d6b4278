"""Backends and engines of other packages: found by name, refused in one line where they cannot be used."""

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, SMALL
from plugin_cases import install

from polcouple.backends.base import backend_names, backend_options, backend_origin, create_backend
from polcouple.compare.models import parse_models
from polcouple.coupling.electrodes import backend_identity
from polcouple.data.dataset import Dataset, Frames
from polcouple.engines.base import create_engine, engine_names, engine_origin
from polcouple.errors import InputError
from polcouple.learning.label import label_dataset
from polcouple.propagation.plan import RunPlan
from polcouple.propagation.record import decisive
from polcouple.simulation.changes import changes, made_of

BACKENDS, ENGINES = "polcouple.backends", "polcouple.engines"

#: a backend of ten lines: all charge on the first atom
FIRST_ATOM = """
import numpy as np
from polcouple.backends.base import BackendOptions, ChargeResult
from polcouple.backends.capabilities import Capabilities
from pydantic import Field


class Options(BackendOptions):
    share: float = Field(1.0, description="of the charge that the first atom gets")

    def capabilities(self):
        return Capabilities(site_potentials=False, conservative=True)


class Backend:
    def __init__(self, electrode, electrolyte, options):
        self.capabilities = options.capabilities()
        self._n, self._share = len(electrode), options.share

    def solve(self, environment, total_charge, guess=None):
        charges = np.full(self._n, total_charge * (1.0 - self._share) / (self._n - 1))
        charges[0] = self._share * total_charge
        return ChargeResult(charges)
"""

#: OpenMM's Reference platform under another name
ENGINE = """
from polcouple.engines.openmm import ClassicalEngine


def unsupported(case):
    return "it has walls" if WALLS and case.system.force_field.walls else None


def create(case, part, platform, threads):
    return ClassicalEngine(case, part, "Reference")


WALLS = False
"""


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A directory that packages are looked for in; its modules are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def test_a_backend_of_another_package(packages, small_case):
    (packages / "first_atom_module.py").write_text(FIRST_ATOM)
    install(packages, "first-atom", "2.1", BACKENDS, {"first_atom": "first_atom_module"})
    assert "first_atom" in backend_names()
    assert str(backend_origin("first_atom")) == "first-atom 2.1"
    assert str(backend_origin("metal")).startswith("polcouple ")
    backend = create_backend("first_atom", small_case.electrode, small_case.electrolyte, {"share": 0.5})
    assert backend.solve(None, -2.0).charges[0] == -1.0
    with pytest.raises(InputError, match=r"'first_atom': unknown key 'shar' \(did you mean 'share'"):
        backend_options("first_atom", {"shar": 1.0})
    with pytest.raises(InputError, match=r"no backend 'first_atm' \(did you mean 'first_atom'"):
        backend_options("first_atm", {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "import no_such_module_anywhere",
            "(ModuleNotFoundError: No module named 'no_such_module_anywhere')",
        ),
        ("raise SystemExit('gone')", "(SystemExit: gone)"),
        ("class Options: pass\nclass Backend: pass", "Options is no subclass"),
        ("class Options: pass", "defines no Backend"),
    ],
)
def test_a_package_that_cannot_be_used(packages, text, said):
    (packages / "damaged_module.py").write_text(text)
    install(packages, "damaged-package", "0.3", BACKENDS, {"damaged": "damaged_module"})
    with pytest.raises(InputError) as caught:
        backend_options("damaged", {})
    assert "backend 'damaged' of the package damaged-package 0.3" in str(caught.value)
    assert said in str(caught.value) and len(str(caught.value).splitlines()) == 1
    assert backend_options("metal", {}) is not None


def test_names_that_are_taken(packages):
    install(packages, "one-package", "1", BACKENDS, {"mine": "module_one", "dftb": "module_one"})
    install(packages, "other-package", "2", BACKENDS, {"mine": "module_two", "my:name": "module_two"})
    both = "backend 'mine' is claimed by the package one-package 1 and by the package other-package 2"
    with pytest.raises(InputError, match=both):
        backend_options("mine", {})
    with pytest.raises(
        InputError, match="'dftb' is claimed by polcouple itself and by the package one-package"
    ):
        backend_options("dftb", {})
    with pytest.raises(InputError, match="'my:name' of the package other-package 2: a name has letters"):
        backend_options("my:name", {})
    assert backend_options("metal", {}) is not None


def test_an_engine_of_another_package(packages, small_case):
    module = packages / "slow_engine_module.py"
    module.write_text(ENGINE)
    install(packages, "slow-engine", "0.1", ENGINES, {"slow": "slow_engine_module"})
    assert engine_names() == ["native", "openmm", "slow"]
    assert str(engine_origin("slow")) == "slow-engine 0.1"
    assert engine_origin("CUDA").package == "polcouple"
    engine, reason = create_engine(small_case, "bonded", "slow")
    assert reason is None
    expected, _ = create_engine(small_case, "bonded", "Reference")
    assert engine.evaluate(small_case.positions)[0] == expected.evaluate(small_case.positions)[0]
    sys.modules["slow_engine_module"].WALLS = True
    with pytest.raises(InputError, match="--platform slow cannot compute this case: it has walls"):
        create_engine(small_case, "bonded", "slow")
    with pytest.raises(InputError, match=r"no engine 'slo' \(did you mean 'slow'\?\); known: .*CUDA"):
        create_engine(small_case, "bonded", "slo")


def test_a_run_remembers_the_package(packages):
    (packages / "first_atom_module.py").write_text(FIRST_ATOM)
    install(packages, "first-atom", "2.1", BACKENDS, {"first_atom": "first_atom_module"})
    plan = RunPlan(SMALL, "input.xml", "first_atom", {})
    before = made_of(plan)
    assert before.origins["backend"] == "first-atom 2.1" and before.origins["engine"].startswith("polcouple ")
    earlier = before.model_copy(update={"origins": {**before.origins, "backend": "first-atom 2.0"}})
    found, _ = changes(earlier, SMALL, plan)
    assert found == ["backend came from first-atom 2.0, now from first-atom 2.1"]
    older = before.model_copy(update={"origins": {**before.origins, "engine": "polcouple 0.0.1"}})
    assert changes(older, SMALL, plan)[0] == []
    assert decisive(older) == decisive(before) != decisive(earlier)


def test_what_is_kept_of_answers_is_of_one_version(packages, small_case):
    """Charges found with another version are not taken for those of this one."""
    (packages / "first_atom_module.py").write_text(FIRST_ATOM)
    found = []
    for version in ("2.1", "2.2"):
        install(packages / version, "first-atom", version, BACKENDS, {"first_atom": "first_atom_module"})
        with pytest.MonkeyPatch.context() as path:
            path.syspath_prepend(str(packages / version))
            (model,) = parse_models(["first_atom"], small_case)
            found.append((model.identity(small_case), backend_identity(small_case, "first_atom", {})))
    assert found[0][0] != found[1][0] and found[0][1] != found[1][1]
    assert "first-atom 2.2" in found[1][1]


def test_labels_are_made_in_processes_of_their_own(packages, small_case):
    (packages / "first_atom_module.py").write_text(FIRST_ATOM)
    install(packages, "first-atom", "2.1", BACKENDS, {"first_atom": "first_atom_module"})
    case = small_case
    dataset = Dataset.create(packages / "frames.h5", case.electrode, case.electrolyte, origin="made")
    ions = case.positions[case.ion_indices]
    dataset.append(Frames(np.zeros(1), np.zeros((1, len(case.electrode))), ions[None], None))
    assert label_dataset(dataset.path, "first_atom", [-2.0], {"share": 0.5}).labelled == 1
    assert dataset.complete_labels("first_atom", -2.0).charges[0, 0] == -1.0
    assert dataset.label_settings("first_atom", -2.0) == {"share": "0.5", "package": "first-atom 2.1"}


def test_help_lists_what_is_installed(tmp_path):
    (tmp_path / "first_atom_module.py").write_text(FIRST_ATOM)
    install(tmp_path, "first-atom", "2.1", BACKENDS, {"first_atom": "first_atom_module", "gone": "no_module"})
    install(tmp_path, "slow-engine", "0.1", ENGINES, {"slow": "slow_engine_module"})
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}", "COLUMNS": "200"}
    words = [sys.executable, "-m", "polcouple.cli", "check", "--help"]
    text = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    assert "come from: dftb, dftbplus, first_atom, fixed, gone," in text
    assert "native, openmm, slow, or OpenMM's" in text
    assert "settings of backend first_atom of the package first-atom 2.1 (KEY=VALUE)" in text
    assert "of the charge that the first atom gets (1.0)" in text
    assert "backend 'gone' of the package first-atom 2.1 cannot be imported (ModuleNotFoundError" in text


def test_nothing_but_the_suites_imports_pytest():
    source = ROOT / "polcouple"
    importing = {path for path in source.rglob("*.py") if "import pytest" in path.read_text()}
    assert {path.relative_to(source).parts[0] for path in importing} == {"testing"}
    using = [path for path in source.rglob("*.py") if "polcouple.testing" in path.read_text()]
    assert {path.relative_to(source).parts[0] for path in using} == {"testing"}
