"""`polcouple watch`: what it shows of runs that are at work and of others, on any terminal and on none."""

import copy
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from compare_cases import jiggled, write_run

from polcouple.analysis.watching import Watched
from polcouple.cli.commands import main
from polcouple.ipi.input import read_xml, write_xml
from polcouple.propagation.guard import locked
from polcouple.propagation.record import Start, read_record, write_record
from polcouple.report.watching import rows as rows_of
from polcouple.units import HARTREE_TO_KJ_PER_MOL

HEADER = (
    "# column 1 --> step : s\n# column 2 --> time{picosecond} : t\n# column 3 --> conserved : c\n"
    "# column 4 --> temperature{kelvin} : T\n"
)
#: kJ/mol/ps
SLOPE = 3.0


@pytest.fixture
def a_run(tmp_path, small_case):
    """1,000 of 2,000 steps of 0.5 fs; charges that are held drain what the refreshes' work makes up for."""
    directory = tmp_path / "run"
    charges = np.full((6, 96), -1 / 96)
    charges[-1, 7] += 0.3
    write_run(directory, jiggled(small_case, 6), charges, small_case.symbols, finished=False)
    add_rows(directory, 0, 1000)
    record = read_record(directory)
    began = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(time.time() - 100))
    record.starts.append(
        Start(command="polcouple run", directory="/", began=began, first_step=0, last_step=2000)
    )
    write_record(directory, record)
    (directory / "driver.log").write_text(
        "10:00:00 600 atoms\n10:00:01 warning: charges move by 0.31 e\n"
        "10:00:02 warning: charges move by 0.4 e\n"
        "10:00:02 warning: " + "a site potential is beyond those that the network was trained on; " * 2 + "\n"
    )
    return directory


def add_rows(directory, first, last):
    generator = np.random.default_rng(first)
    steps = np.arange(first, last + 1, 10)
    work = -0.02 * steps  # Hartree
    energies = SLOPE * steps * 5e-4 / HARTREE_TO_KJ_PER_MOL + work + 1e-6 * generator.normal(size=len(steps))
    with (directory / "simulation.out").open("a") as stream:
        stream.write(HEADER if first == 0 else "")
        for step, energy in zip(steps, energies, strict=True):
            stream.write(f" {step:.10e} {5e-4 * step:.10e} {energy:.12e} {290.0 + step % 40:.10e}\n")
    with (directory / "simulation.refresh_work_0").open("a") as stream:
        for step, one in zip(steps, work, strict=True):
            stream.write(f" #EXTRAS(refresh_work)# Step: {step:10d} \n {one:.16e}\n")


def end(directory, status, reached, message=""):
    record = read_record(directory)
    start = record.starts[-1]
    start.status, start.reached, start.message = status, reached, message
    start.ended = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    write_record(directory, record)


def watch(directory, **variables):
    return subprocess.Popen(
        [sys.executable, "-m", "polcouple.cli", "watch", str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | variables,
    )


def test_figures(a_run):
    watched = Watched(a_run)
    with locked(a_run):
        first = time.monotonic()
        now = watched.look()
        between = time.monotonic()
        assert (now.state, now.step, now.last_step, now.time_ps) == (
            "running",
            1000,
            2000,
            pytest.approx(0.5),
        )
        (system,) = now.systems
        assert system.corrected and float(system.drift.value) == pytest.approx(SLOPE, abs=0.02)
        assert 0 < system.drift.error < 0.02
        assert system.temperature == pytest.approx(290.0) and float(
            system.mean_temperature.value
        ) == pytest.approx(305, 0.01)
        (sheet,) = system.charges
        assert (sheet.name, system.charges_step) == ("sheet", 1000)
        assert (sheet.total, sheet.highest) == (pytest.approx(-0.7), pytest.approx(0.3 - 1 / 96))
        # 1,000 steps in 100 s since the start
        assert now.seconds_left == pytest.approx(100, rel=0.05)
        assert now.ns_per_day == pytest.approx(0.432, rel=0.05)
        assert [w[:12] for w in now.warnings] == ["charges move", "a site poten"]
        add_rows(a_run, 1010, 1500)
        time.sleep(0.5)
        least = time.monotonic() - between
        later = watched.look()
        assert later.step == 1500
        # 500 steps since the last look, and as many to come
        assert 0.9 * least < later.seconds_left < 1.1 * (time.monotonic() - first)
    assert watched.look().state == "killed"
    end(a_run, "failed", 1500, "the driver stopped with status 2: no")
    now = watched.look()
    assert (now.state, now.message) == ("failed", "the driver stopped with status 2: no")
    assert now.seconds_left is None and now.ns_per_day == pytest.approx(0.648, rel=0.05)


@pytest.mark.parametrize("terminal", ["xterm", "dumb", None])
def test_follows_to_the_end(a_run, terminal):
    leader, follower = os.openpty()
    kept = follower if terminal else subprocess.PIPE
    environment = os.environ | {"COLUMNS": "80", "LINES": "40", "TERM": terminal or "xterm"}
    with locked(a_run):
        command = [sys.executable, "-m", "polcouple.cli", "watch", str(a_run)]
        process = subprocess.Popen(command, stdout=kept, stderr=subprocess.STDOUT, env=environment)
        os.close(follower)
        stream = open(leader, "rb", buffering=0) if terminal else process.stdout  # noqa: SIM115
        said = b""
        while b"trained on" not in said:
            said += stream.read(4096 if terminal else 1)
        assert process.poll() is None
        add_rows(a_run, 1010, 2000)
        end(a_run, "done", 2000)
    try:
        while part := stream.read(4096):
            said += part
    except OSError:  # the terminal's other end is closed
        pass
    assert process.wait(10) == 0
    stream.close()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())
    lines = [part.rstrip() for part in re.split(r"[\r\n]+", text)]
    assert max(map(len, lines)) <= 80
    assert (b"\x1b[" in said) == (terminal == "xterm")
    assert "step 2000 of 2000 (100 %)" in text and "running, charges by response" in text
    assert re.search(r"state +done", text) and re.search(r"drift +3\.0\d+ ± >?0\.00\d+ kJ/mol/ps", text)


def test_replicas_are_named(a_run, tmp_path, capsys):
    """Each has its own temperature, drift and charge; none stands for the run."""
    root = read_xml(a_run / "input.xml")
    system = root.find("system")
    system.set("prefix", "T300")
    other = copy.deepcopy(system)
    other.set("prefix", "T310")
    root.append(other)
    write_xml(root, a_run / "input.xml")
    for name in [path.name for path in a_run.glob("simulation.*")]:
        shutil.copy(a_run / name, a_run / f"T310_{name}")
        (a_run / name).rename(a_run / f"T300_{name}")
    table = (a_run / "T310_simulation.out").read_text().splitlines()
    rows = [line if line[0] == "#" else f"{line.rsplit(None, 1)[0]} 3.1e2" for line in table]
    (a_run / "T310_simulation.out").write_text("\n".join(rows) + "\n")
    now = Watched(a_run).look()
    assert [(system.name, system.temperature) for system in now.systems] == [
        ("T300", pytest.approx(290.0)), ("T310", pytest.approx(310.0))
    ]  # fmt: skip
    shown = dict(rows_of(now))
    assert shown["T300"].startswith("temperature 290.0 K") and "drift 3.0" in shown["T310"]
    assert shown["T310"].startswith("temperature 310.0 K, mean 310 ± 0 K; conserved")
    assert not {"temperature", "conserved", "drift", "charge, sheet"} & set(shown)
    with pytest.raises(SystemExit, match="0"):
        main(["report", str(a_run), "-o", str(tmp_path / "page.html")])
    page = (tmp_path / "page.html").read_text()
    heads = re.findall('<tr><th scope="row">(.*?)</th>', page)
    assert "temperature asked for (K)" not in heads and "temperature, whole run (K)" not in heads
    assert {"temperature, whole run, T300 (K)", "temperature, whole run, T310 (K)"} <= set(heads)
    assert {"Energy account, T300", "Temperature, T310"} <= set(re.findall("<h2>(.*?)</h2>", page))


def test_interrupted(a_run):
    with locked(a_run):
        process = watch(a_run)
        assert process.stdout.readline().startswith("state ")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in said and "error" not in said


def test_refusals(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["watch", str(tmp_path)])
    assert "no run here" in capsys.readouterr().err
