"""The backend around DFTB+: retries, failures and files. The programs here are fakes that act a part.

A fake that succeeds copies recorded files: that tests what we do with an answer, never the answer itself.
The tests with a real DFTB+ are in test_dftbplus_live.py.
"""

import os
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
from dftbplus_cases import RECORDED, recorded_sheet

from polcouple.backends.base import ChargeResult, Environment, create_backend
from polcouple.dftbplus.errors import DftbPlusError
from polcouple.errors import InputError

SUCCEED = f"""
import shutil
for name in ("detailed.out", "results.tag"):
    shutil.copyfile("{RECORDED}/" + name, name)
print(open("{RECORDED}/dftb.out").read())
"""
NOT_CONVERGED = """
print("    1   -0.17274196E+03    0.00000000E+00    0.36655832E+00")
print("    2   -0.17394601E+03   -0.17274196E+03    0.10322178E+00")
print("ERROR!\\n-> SCC is NOT converged, maximal SCC iterations exceeded")
raise SystemExit(1)
"""
ONLY_FROM_FRESH = f"""
if "InitialCharges" in open("dftb_in.hsd").read():
    {{failure}}
{SUCCEED}
"""


@pytest.fixture
def system():
    electrode, electrolyte, positions = recorded_sheet()
    environment = Environment(electrolyte, positions, np.linspace(-0.1, 0.1, 96))
    return electrode, electrolyte, environment


@pytest.fixture
def make(tmp_path, system):
    """Backends whose program is a Python script."""

    def make(script, **settings):
        program = tmp_path / "bin" / "dftb+"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!{sys.executable}\n{script}\n")
        program.chmod(0o755)
        settings = {"command": str(program), **settings}
        return create_backend("dftbplus", *system[:2], settings, tmp_path)

    return make


@pytest.fixture
def guess():
    return ChargeResult(np.full(96, -1 / 96))


def runs(tmp_path):
    return sorted((tmp_path / "dftbplus").glob("*"))


def test_answer_is_read_and_files_are_removed(make, system, tmp_path):
    result = make(SUCCEED).solve(system[2], -1.0)
    assert result.converged and result.iterations == 19 and result.residual < 1e-9
    assert result.energy == pytest.approx(-166.6208430529, abs=1e-10)
    assert result.fermi_level == pytest.approx(-0.0393840014, abs=1e-10)
    assert result.charges[0] == pytest.approx(-0.04783434, abs=1e-7)
    assert abs(result.charges.sum() + 1.0) < 1e-13
    assert result.site_potentials is system[2].site_potentials
    assert runs(tmp_path) == []


def test_every_run_has_a_directory_of_its_own_and_keeps_it_on_request(make, system, tmp_path, guess):
    backend = make(SUCCEED, keep_files=True)
    backend.solve(system[2], -1.0)
    backend.solve(system[2], -1.0, guess)
    kept = runs(tmp_path)
    assert len(kept) == 2
    warm = ["InitialCharges" in (directory / "dftb_in.hsd").read_text() for directory in kept]
    assert sorted(warm) == [False, True]


def test_threads_and_arguments_reach_the_program(make, system, tmp_path):
    script = SUCCEED + "import os, sys; print(sys.argv[1:], os.environ['OMP_NUM_THREADS'])"
    backend = make(script, threads=3, keep_files=True)
    backend._command += ["--option", "two words"]
    backend.solve(system[2], -1.0)
    assert "['--option', 'two words'] 3" in (runs(tmp_path)[0] / "dftb.out").read_text()


def test_missing_program_is_one_line_with_the_cures(system, tmp_path):
    with pytest.raises(InputError) as caught:
        create_backend("dftbplus", *system[:2], {"command": "no-such-dftb+ -x"}, tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("'no-such-dftb+'", "conda-forge", "distribution", "dftbplus.org", "--backend dftb"):
        assert part in message


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("raise SystemExit(1)", "no output"),
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("print('ERROR!\\n-> Something\\n'); raise SystemExit(0)", "Something"),
        ("raise SystemExit(0)", "left no detailed.out"),
        ("print('No space left on device'); raise SystemExit(2)", "No space left on device"),
        (NOT_CONVERGED.strip().replace("\n", "\n    "), "SCC is NOT converged in 2 cycles"),
    ],
)
def test_a_failure_from_the_guess_is_repeated_from_neutral_atoms(
    make, system, guess, tmp_path, failure, words
):
    backend = make(ONLY_FROM_FRESH.format(failure=failure))
    result = backend.solve(system[2], -1.0, guess)
    assert result.converged
    (warning,) = result.warnings
    assert "fresh guess" in warning and words in warning
    # the files of the failure stay, those of the success do not
    (kept,) = runs(tmp_path)
    assert str(kept) in warning
    assert "InitialCharges" in (kept / "dftb_in.hsd").read_text()


def test_two_failures_stop_with_its_own_words_and_the_files(make, system, guess, tmp_path):
    backend = make("print('ERROR!\\n-> Error in reading the C-C file\\n'); raise SystemExit(1)")
    with pytest.raises(DftbPlusError) as caught:
        backend.solve(system[2], -1.0, guess)
    message = str(caught.value)
    assert "failed twice" in message and "\n" not in message
    assert message.count("Error in reading the C-C file") == 2
    assert len(runs(tmp_path)) == 2
    assert all(str(directory) in message for directory in runs(tmp_path))


def test_no_convergence_is_a_status_without_charges(make, system, guess, tmp_path):
    for start, attempts in ((None, 1), (guess, 3)):
        result = make(NOT_CONVERGED).solve(system[2], -1.0, start)
        assert not result.converged
        assert np.isnan(result.charges).all()
        assert result.energy is None
        assert (result.iterations, result.residual) == (2, 0.10322178)
        assert "SCC is NOT converged" in result.warnings[0]
        # neutral atoms would fail in the same way again: a run from them is not repeated
        assert len(runs(tmp_path)) == attempts


def test_time_limit_kills_the_program_and_its_children(make, system, tmp_path):
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('   1   -0.17E+03 child', child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    start = time.perf_counter()
    with pytest.raises(DftbPlusError, match=r"timeout_seconds = 1\b.*child"):
        make(script, timeout_seconds=1.0).solve(system[2], -1.0)
    assert time.perf_counter() - start < 20
    for directory in runs(tmp_path):
        child = int((directory / "dftb.out").read_text().split()[-1])
        for _ in range(50):
            if not _alive(child):
                break
            time.sleep(0.1)
        assert not _alive(child)


def _alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # a killed child that nobody has collected yet is no longer running
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def test_interrupt_leaves_no_program_behind(make, system, tmp_path, monkeypatch):
    import subprocess

    started = []
    real_wait = subprocess.Popen.wait

    def interrupted(process, timeout=None):
        if timeout is not None:
            started.append(process.pid)
            raise KeyboardInterrupt
        return real_wait(process)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make("import time; time.sleep(60)").solve(system[2], -1.0)
    assert len(started) == 1 and not _alive(started[0])


def test_full_disk_while_writing_the_input(make, system, tmp_path, monkeypatch):
    def full(*args, **keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savetxt", full)
    with pytest.raises(DftbPlusError, match=r"No space left on device in .*run-"):
        make(SUCCEED).solve(system[2], -1.0)


def test_truncated_results_and_wrong_total_charge_are_refused(make, system):
    truncated = SUCCEED + "import os; os.truncate('results.tag', 20000)"
    with pytest.raises(DftbPlusError, match=r"results\.tag is truncated"):
        make(truncated).solve(system[2], -1.0)
    with pytest.raises(DftbPlusError, match=r"add up to -1\.0000"):
        make(SUCCEED).solve(system[2], -2.0)


def test_a_guess_that_does_not_fit_is_ignored(make, system, tmp_path):
    backend = make(SUCCEED, keep_files=True)
    for charges in (np.zeros(5), np.full(96, np.nan)):
        assert backend.solve(system[2], -1.0, ChargeResult(charges)).converged
    assert all("InitialCharges" not in (run / "dftb_in.hsd").read_text() for run in runs(tmp_path))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scc_tolerence": 1e-6}, "did you mean 'scc_tolerance'"),
        ({"temperature_kelvin": -1}, "temperature_kelvin"),
        ({"interface": "socket"}, "interface"),
        ({"overrides": {"Hamiltonian_Mixer_": [1]}}, "overrides"),
    ],
)
def test_settings_are_validated(system, tmp_path, settings, words):
    with pytest.raises(InputError, match=words):
        create_backend("dftbplus", *system[:2], settings, tmp_path)


class _Library:
    """Takes the place of the package ``dftbplus``; remembers the calls, answers linearly in the potential."""

    def __init__(self, libpath, hsdpath, logfile):
        self.input = Path(hsdpath).read_text()
        self.geometry = None
        self.potential = None
        self.closed = False
        self.arguments = (libpath, logfile, os.listdir())
        _Library.last = self

    def set_geometry(self, coords, latvecs=None):
        self.geometry = (coords.copy(), latvecs.copy())

    def set_external_potential(self, extpot, extpotgrad=None):
        assert extpot.flags.c_contiguous and extpot.dtype == np.float64
        self.potential = extpot.copy()

    def get_energy(self):
        return -100.0

    def get_gross_charges(self):
        return self.potential - self.potential.mean() - 1 / 96

    def close(self):
        self.closed = True


@pytest.fixture
def library(monkeypatch):
    monkeypatch.setitem(sys.modules, "dftbplus", types.SimpleNamespace(DftbPlus=_Library))


def test_library_interface_is_called_as_documented(library, system, tmp_path):
    electrode, electrolyte, environment = system
    backend = create_backend("dftbplus", electrode, electrolyte, {"interface": "library"}, tmp_path)
    before = Path.cwd()
    result = backend.solve(environment, -1.0)
    calculator = _Library.last
    # the library wants the potential as an electron feels it
    assert np.array_equal(calculator.potential, -environment.site_potentials)
    assert np.array_equal(calculator.geometry[0], electrode.positions)
    assert np.array_equal(calculator.geometry[1], electrode.cell)
    assert "PointCharges" not in calculator.input and "ParserVersion = 14" in calculator.input
    assert "geo_end.gen" in calculator.arguments[2]
    assert result.energy == -100.0 and result.fermi_level is None
    assert result.charges.sum() == pytest.approx(-1.0, abs=1e-12)
    backend.solve(environment, -1.0)
    assert _Library.last is calculator
    with pytest.raises(DftbPlusError, match="add up"):
        backend.solve(environment, -2.0)
    assert calculator.closed and "Charge = -2.0" in _Library.last.input
    assert Path.cwd() == before


def test_missing_library_is_one_line(system, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dftbplus", None)
    with pytest.raises(InputError, match="interface: library needs the Python package 'dftbplus'"):
        create_backend("dftbplus", *system[:2], {"interface": "library"}, tmp_path)
