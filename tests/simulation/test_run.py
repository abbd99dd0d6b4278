"""Whole runs with real i-PI processes on the small case."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from run_cases import BIN, extras, in_this_process, properties

from polcouple.check.findings import require_sound
from polcouple.errors import InputError
from polcouple.ipi.input import read_xml, write_xml
from polcouple.propagation.plan import RunPlan
from polcouple.propagation.propagate import _take_own_names, of_another_run
from polcouple.propagation.record import read_record
from polcouple.simulation.directory import examine, prepare
from polcouple.simulation.run import run_case


def polcouple(*words, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "polcouple.cli", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
    )


def start_ipi(directory, input_name):
    return subprocess.Popen(
        [BIN / "i-pi", input_name], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )


def driver(directory, *words):
    return subprocess.run(
        [BIN / "polcouple-driver", "--threads", "1", *words],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def short_run(tmp_path_factory):
    """Twenty NVT steps by `polcouple run`."""
    directory = tmp_path_factory.mktemp("run") / "out"
    case = ROOT / "ipi_inputs" / "graphene_nacl_small"
    done = polcouple("run", case, "--backend", "fixed", "--steps", 20, "--output", directory, "--threads", 1)
    assert done.returncode == 0, done.stderr
    return directory, done


def test_run_writes_charges_that_sum_to_the_total(short_run, small_case):
    directory, done = short_run
    charges = extras(directory / "simulation.charges_0")
    assert charges.shape[1] == len(small_case.electrode)
    assert np.abs(charges.sum(axis=1) - small_case.total_charge).max() < 1e-9
    assert properties(directory / "simulation.out")[-1, 0] == 20
    assert "steps/s" in done.stdout
    assert (directory / "RESTART").exists()


def test_the_record_of_a_run(short_run):
    directory, done = short_run
    record = read_record(directory)
    (start,) = record.starts
    assert (start.status, start.first_step, start.last_step, start.reached) == ("done", 0, 20, 20)
    assert start.command.startswith("polcouple run ") and "--backend fixed" in start.command
    assert start.driver["evaluations"] == 21
    assert start.driver["summary"] in done.stdout
    assert start.driver["seconds"]["forces"] > 0
    assert {"ipi", "numba", "numpy"} <= set(record.versions)
    # output that goes to a file says now and then where the run stands
    assert re.search(r"step \d+ of 20, \d+ K", done.stdout)
    assert "done at step 20 of 20" in done.stdout


@pytest.mark.slow
def test_the_last_line_goes_on(tmp_path):
    """In a shell, from the same directory."""
    shutil.copytree(ROOT / "ipi_inputs" / "graphene_nacl_small", tmp_path / "a case")
    first = ("run", "a case", "--backend", "metal", "--steps", 10, "--threads", 1)
    done = polcouple(*first, "--set", "gaussian_exponent_per_angstrom=1.5", cwd=tmp_path)
    line = done.stdout.splitlines()[-1].partition("done; go on with: ")[2]
    again = subprocess.run(
        line.replace("polcouple", f"{BIN}/polcouple", 1),
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stderr
    directory = tmp_path / "a case" / "run_metal"
    assert [start.reached for start in read_record(directory).starts] == [10, 20]
    assert properties(directory / "simulation.out")[-1, 0] == 20


def test_run_does_not_overwrite(short_run):
    directory, _ = short_run
    before = (directory / "simulation.out").read_bytes()
    case = ROOT / "ipi_inputs" / "graphene_nacl_small"
    again = in_this_process("run", case, "--backend", "fixed", "--steps", 5, "--output", directory)
    assert again.returncode == 2
    assert "holds a run already" in again.stderr
    assert "Traceback" not in again.stderr
    assert (directory / "simulation.out").read_bytes() == before


@pytest.mark.slow
def test_a_run_that_failed_before_its_first_step_may_be_tried_again(tmp_path, small_directory):
    """Its directory is used again; one with a step in it, or with anything of the user's, is not."""
    output = tmp_path / "out"
    run = ("run", small_directory, "--steps", 3, "--output", output, "--threads", 1, "--backend")
    refused = polcouple(*run, "nn", "--set", "model=none")
    assert refused.returncode == 2 and not output.exists()
    prepare(small_directory, "input.xml", output)
    (output / "i-pi.log").write_text("i-PI was killed before its first step\n")
    (output / "mine.txt").write_text("x")
    refused = polcouple(*run, "fixed")
    assert refused.returncode == 2
    assert "holds a run already" in refused.stderr
    (output / "mine.txt").unlink()
    done = polcouple(*run, "fixed")
    assert done.returncode == 0, done.stderr
    assert properties(output / "simulation.out").ndim >= 1
    assert "holds a run already" in polcouple(*run, "fixed").stderr


# what is held is the harder case; without it the positions say all
@pytest.mark.parametrize("interval", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_restarted_run_equals_the_uninterrupted_one(tmp_path, interval):
    """Twenty steps with the charges of linear response, and ten and ten, at every step and held for seven."""
    case = tmp_path / "case"
    shutil.copytree(ROOT / "ipi_inputs" / "graphene_nacl_small", case)
    shorten(
        case / "input.xml", 20, ('filename="refresh_work" stride="10"', 'filename="refresh_work" stride="1"')
    )
    words = ("run", case, "--backend", "response", "--threads", 1, "--refresh", interval, "--output")
    for name, lengths in (("whole", (20,)), ("parts", (10, 10))):
        for number, steps in enumerate(lengths):
            restart = ["--restart"] if number else []
            done = in_this_process(*words, tmp_path / name, "--steps", steps, *restart)
            assert done.returncode == 0, done.stderr
    whole, parts = (properties(tmp_path / name / "simulation.out") for name in ("whole", "parts"))
    assert whole[-1, 0] == parts[-1, 0] == 20
    # the lists of neighbours are kept, which decide the order of sums
    assert np.array_equal(whole[-1], parts[-1])
    charges, work = (
        [extras(tmp_path / name / f"simulation.{key}_0")[-1] for name in ("whole", "parts")]
        for key in ("charges", "refresh_work")
    )
    assert np.array_equal(charges[0], charges[1])
    assert work[0] == work[1]
    assert (work[0] != 0) == (interval > 1)


def test_mistakes_are_one_line(tmp_path):
    done = in_this_process("run", tmp_path, "--backend", "fixed", "--steps", 5)
    assert done.returncode == 2
    assert done.stderr.startswith("polcouple: error: ")
    assert done.stderr.count("\n") == 1
    case = ROOT / "ipi_inputs" / "graphene_nacl_small"
    done = in_this_process("run", case, "--backend", "fixd", "--steps", 5, "--output", tmp_path / "x")
    assert done.returncode == 2
    assert "did you mean 'fixed'" in done.stderr
    assert not (tmp_path / "x").exists()


def by_hand(directory, input_name, *words):
    """`i-pi INPUT` in one terminal, `polcouple-driver` in another."""
    ipi = start_ipi(directory, input_name)
    try:
        answer = driver(directory, "--backend", "fixed", "--input", input_name, *words)
        assert answer.returncode == 0, answer.stderr
        assert ipi.wait(30) == 0
    finally:
        ipi.kill()
    return properties(directory / "simulation.out")


def shorten(path, steps, *replacements):
    """Set the number of steps, output at each of them, a socket name of the test's own, and more."""
    text = path.read_text()
    text = re.sub(r"<total_steps>.*?</total_steps>", f"<total_steps>{steps}</total_steps>", text)
    text = text.replace('stride="10" filename="out"', 'stride="1" filename="out"')
    text = text.replace('filename="charges" stride="100"', 'filename="charges" stride="1"')
    text = re.sub(r"<address>\s*(.*?)\s*</address>", rf"<address>\1-{os.getpid()}</address>", text)
    for old, new in replacements:
        assert re.search(old, text), old
        text = re.sub(old, new, text)
    path.write_text(text)


@pytest.fixture(scope="module")
def over_unix(tmp_path_factory):
    """Six NVE steps by hand over a unix socket: the directory, and the properties."""
    directory = tmp_path_factory.mktemp("unix") / "case"
    shutil.copytree(ROOT / "ipi_inputs" / "graphene_nacl_small", directory)
    shorten(directory / "input_nve.xml", 6)
    return directory, by_hand(directory, "input_nve.xml")


def test_by_hand_over_unix_and_inet_socket_are_the_same(over_unix, small_directory):
    shorten(
        small_directory / "input_nve.xml",
        6,
        (r'mode=(["\'])unix\1', 'mode="inet"'),
        (r"<address>.*?</address>", "<address>localhost</address><port>31977</port>"),
    )
    inet = by_hand(small_directory, "input_nve.xml")
    assert inet[-1, 0] == 6
    assert np.array_equal(over_unix[1], inet)


def test_direct_and_socket_forces_are_the_same(over_unix, small_directory):
    directory, socket_run = over_unix
    shorten(small_directory / "input_ffdirect.xml", 6)
    done = subprocess.run(
        [BIN / "i-pi", "input_ffdirect.xml"], cwd=small_directory, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout[-2000:]
    direct_run = properties(small_directory / "simulation.out")
    assert direct_run[-1, 0] == 6
    # the threads of the two differ, and with them the order of single-precision sums
    assert np.abs(direct_run - socket_run).max() < 1e-5
    charges = [extras(d / "simulation.charges_0") for d in (directory, small_directory)]
    assert np.array_equal(*charges)


@pytest.mark.slow
def test_multiple_time_stepping_is_of_second_order(small_directory, tmp_path_factory):
    """Halving the outer step divides the fluctuation of the conserved quantity by about four."""
    halved = tmp_path_factory.mktemp("halved") / "case"
    shutil.copytree(small_directory, halved)
    nve = (("(?s)<thermostat.*?</thermostat>", ""), ('mode="nvt"', 'mode="nve"'))
    shorten(small_directory / "input_mts.xml", 40, *nve)
    finer = (('femtosecond"> 2.0 <', 'femtosecond"> 1.0 <'), (r"\[ 1, 4 \]", "[ 1, 2 ]"))
    shorten(halved / "input_mts.xml", 80, *nve, *finer)
    coarse, fine = (by_hand(d, "input_mts.xml") for d in (small_directory, halved))
    assert coarse[-1, 1] == pytest.approx(fine[-1, 1])
    assert fine[:, 2].std() < 0.4 * coarse[:, 2].std()


def test_moved_electrode_stops_both(small_directory):
    path = small_directory / "input.xml"
    shorten(path, 50)
    path.write_text(re.sub(r"<fixatoms.*?</fixatoms>", "", path.read_text(), flags=re.S))
    ipi = start_ipi(small_directory, "input.xml")
    try:
        answer = driver(small_directory, "--backend", "fixed")
        assert answer.returncode == 2
        assert "freeze the electrode with <fixatoms>" in answer.stderr
        assert "Traceback" not in answer.stderr
        ipi.wait(60)
    finally:
        ipi.kill()
    assert (small_directory / "RESTART").exists()
    assert not (small_directory / "EXIT").exists()


def test_settings_are_checked_against_the_input_that_is_run(tmp_path):
    """Its start structure may have another name than init.xyz."""
    case = tmp_path / "case"
    shutil.copytree(ROOT / "ipi_inputs" / "graphene_nacl_small", case, ignore=shutil.ignore_patterns("run_*"))
    (case / "init.xyz").rename(case / "start.xyz")
    text = (case / "input.xml").read_text()
    assert "init.xyz" in text
    (case / "input.xml").write_text(text.replace("init.xyz", "start.xyz"))
    require_sound(RunPlan(case, "input.xml", "fixed", {}, threads=1), 5, tmp_path / "run")
    prepare(case, "input.xml", tmp_path / "run")
    assert (tmp_path / "run" / "start.xyz").exists()
    done = in_this_process("run", case, "--backend", "fixd", "--steps", 5)
    assert done.returncode == 2 and "did you mean 'fixed'" in done.stderr


def test_another_time_step_is_another_run(short_run, tmp_path):
    shutil.copytree(short_run[0], tmp_path / "run")
    path = tmp_path / "run" / "RESTART"
    text, count = re.subn(
        r"<timestep.*?</timestep>", '<timestep units="femtosecond"> 1.0 </timestep>', path.read_text()
    )
    assert count
    path.write_text(text)
    case = ROOT / "ipi_inputs" / "graphene_nacl_small"
    done = in_this_process("run", case, "--output", tmp_path / "run", "--steps", 2, "--restart")
    assert done.returncode == 2 and "a <timestep> of 1 fs, and the run began with 0.5 fs" in done.stderr


def test_restart_of_another_step_is_told_of(short_run, tmp_path, capsys):
    shutil.copytree(short_run[0], tmp_path / "run")
    path, case = tmp_path / "run" / "RESTART", ROOT / "ipi_inputs" / "graphene_nacl_small"
    text = path.read_text()
    for step in (20, 12):
        path.write_text(re.sub(r"<step>\s*20\s*</step>", f"<step> {step} </step>", text))
        with pytest.raises(InputError, match=f"stands at step {step} already"):
            run_case(case, until=5, output=tmp_path / "run", restart=True)
        said = "goes on from step 12, and run.json says that the run reached step 20"
        assert (said in capsys.readouterr().out) == (step == 12)


def test_restart_of_another_run_is_refused(short_run, tmp_path):
    """Of the same case at the same step: positions would jump."""
    shutil.copytree(short_run[0], tmp_path / "run")
    path, case = tmp_path / "run" / "RESTART", ROOT / "ipi_inputs" / "graphene_nacl_small"
    plan = RunPlan(case, "input.xml", "fixed", {})
    assert not [line for line in examine(plan, tmp_path / "run", None).changes if "another run" in line]
    left = path.read_text()
    text, count = re.subn(r"(<address>\s*\S+)-[0-9a-f]{8}", r"\1-0123abcd", path.read_text())
    assert count == 1
    path.write_text(text)
    with pytest.raises(
        InputError, match=r"RESTART is of another run: .*-0123abcd, this one's at .*undo that"
    ):
        run_case(case, steps=2, output=tmp_path / "run", restart=True)
    assert "RESTART is of another run" in examine(plan, tmp_path / "run", None).changes[0]
    forced = read_xml(path)
    _take_own_names(forced, read_xml(tmp_path / "run" / "input.xml"))
    write_xml(forced, path)
    assert "this one's at" not in of_another_run(tmp_path / "run")
    # the same at a TCP port, which says nothing: the record knows RESTART
    text = left.replace("<step>", "<step> ", 1)
    path.write_text(text)
    assert "RESTART is not as the run left it at step 20" in of_another_run(tmp_path / "run")
    path.write_text(re.sub(r"<step>\s*20\s*</step>", "<step> 24 </step>", text))  # i-PI was run by hand
    assert of_another_run(tmp_path / "run") is None
