"""The example of a package outside: found by its name, and as good as the package's own backends."""

import os
import shutil
import subprocess
import sys

import ase
import ase.io
import numpy as np
import pytest
from conftest import ROOT, SMALL
from plugin_cases import install

from polcouple.cli.commands import main
from polcouple.units import BOHR_TO_ANGSTROM

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXAMPLE = ROOT / "examples" / "plugin"


@pytest.fixture
def packages(tmp_path):
    """A directory with it, as an installer would leave it."""
    directory = tmp_path / "packages"
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    ((group, entries),) = project["entry-points"].items()
    directory.mkdir()
    shutil.copy(EXAMPLE / "polcouple_thomas_fermi.py", directory)
    install(directory, project["name"], project["version"], group, entries)
    return directory


@pytest.mark.slow
def test_it_passes_the_suite(packages):
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{packages}"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE]
    done = subprocess.run(command, env=environment, cwd=EXAMPLE, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout and "skipped" not in done.stdout


def test_check_and_charges(packages, small_case, tmp_path, monkeypatch, capsys):
    def polcouple(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        return ended.value.code, "".join(capsys.readouterr())

    monkeypatch.syspath_prepend(str(packages))
    status, said = polcouple("check", SMALL, "--backend", "thomas_fermi")
    assert status == 0 and "backend thomas_fermi" in said
    status, said = polcouple("check", SMALL, "--backend", "thomas_fermi", "--set", "screening_length=1")
    assert status != 0
    assert "unknown key 'screening_length' (did you mean 'screening_length_angstrom'" in said
    atoms = ase.Atoms(
        small_case.symbols,
        small_case.positions * BOHR_TO_ANGSTROM,
        cell=small_case.cell * BOHR_TO_ANGSTROM,
        pbc=True,
    )
    ase.io.write(tmp_path / "frames.extxyz", [atoms])
    found = {}
    for name, words in {
        "metal": ["--backend", "metal"],
        "none": ["--backend", "thomas_fermi", "--set", "screening_length_angstrom=0"],
        "long": ["--backend", "thomas_fermi", "--set", "screening_length_angstrom=3"],
    }.items():
        output = tmp_path / f"{name}.npz"
        status, said = polcouple("charges", SMALL, tmp_path / "frames.extxyz", *words, "-o", output)
        assert status == 0, said
        with np.load(output) as arrays:
            found[name] = arrays["charges"]
    assert np.abs(found["none"] - found["metal"]).max() < 1e-9
    assert found["long"].std() < 0.5 * found["metal"].std()
