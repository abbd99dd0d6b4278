"""What a run shows of itself: lines in a file, a bar on a terminal, and how it ended."""

import os
import re
import subprocess
import sys
import time

import pytest
from conftest import ROOT, SMALL

import polcouple.propagation.propagate
from polcouple.ipi.input import read_xml
from polcouple.propagation.plan import RunPlan
from polcouple.propagation.programs import Programs, RunFailedError
from polcouple.propagation.progress import Progress, Properties
from polcouple.propagation.propagate import propagate
from polcouple.propagation.record import read_record
from polcouple.simulation.directory import begin

HEADER = "# column 1 --> step : s\n# column 2 --> temperature{kelvin} : t\n"


def write_rows(path, steps, mode="a", at=None):
    with path.open(mode) as stream:
        if mode == "w":
            stream.write(HEADER)
        stream.writelines(f"  {step:.16e}  {300.0:.16e}\n" for step in steps)
    if at is not None:
        os.utime(path, (at, at))


def test_rates_leave_out_the_start_and_rows_of_earlier_starts(tmp_path):
    """0.5 fs a step: ten steps in 2 s are 216 ps a day, however long it took until the first row."""
    path = tmp_path / "out"
    write_rows(path, [0, 10, 20, 30], "w")  # killed at 30, goes on from a checkpoint at 20
    properties = Properties(path)
    assert properties.latest() is None
    write_rows(path, [30], at=1000.0)
    reading = properties.latest()
    assert (reading.step, reading.steps_per_second) == (30, None)
    assert reading.temperature == pytest.approx(300.0)
    write_rows(path, [40], at=1002.0)
    assert properties.latest().steps_per_second == pytest.approx(5.0)
    assert Properties(tmp_path / "none").latest() is None


def test_a_file_gets_a_line_every_tenth_or_every_minute(tmp_path, capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    path = tmp_path / "out"
    with Progress(path, read_xml(SMALL / "input.xml"), 0, 1000) as progress:
        write_rows(path, [0], "w", at=1000.0)
        for step in range(1, 501):
            write_rows(path, [step], at=1000.0 + step / 100)
            progress.look()
        clock[0] = 61.0
        write_rows(path, [510], at=1005.1)
        progress.look()
        progress.end("failed", 510)
    lines = [line.partition(" ")[2] for line in capsys.readouterr().out.splitlines()]
    assert [int(line.split()[1]) for line in lines[:-1]] == [100, 200, 300, 400, 500, 510]
    # 99 steps of 0.5 fs in 0.99 s
    assert lines[0] == "step 100 of 1000, 300 K, 4.32 ns/day, 0:00:09 left"
    assert lines[-1] == "failed at step 510 of 1000"


@pytest.mark.parametrize("terminal", [False, True])
def test_a_run_that_fails_at_once_does_not_say_it_is_done(
    small_directory, tmp_path, capsys, monkeypatch, terminal
):
    """i-PI ends with status 0 where the driver has it stopped."""
    script = f"""
import sys
sys.path[:0] = [{os.path.dirname(__file__)!r}, {str(ROOT / "tests")!r}]
from test_progress import fail
fail({str(small_directory)!r}, {str(tmp_path / "run")!r})
"""
    if terminal:
        leader, follower = os.openpty()
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=follower, stderr=subprocess.PIPE, text=True, timeout=60
        )
        os.close(follower)
        said = b""
        with open(leader, "rb", buffering=0) as stream:
            try:
                while part := stream.read(4096):
                    said += part
            except OSError:
                pass
        said = said.decode()
        assert re.search(r"failed .*step 0 of 500", said)
        assert done.returncode == 0, done.stderr
    else:
        # put back after the test what `fail` puts in its place
        monkeypatch.setattr(polcouple.propagation.propagate, "start_programs", None)
        fail(small_directory, tmp_path / "run")
        said = capsys.readouterr().out
        assert "failed at step 0 of 500" in said
    assert "500 of 500" not in said and "done" not in said
    start = read_record(tmp_path / "run").starts[-1]
    assert (start.status, start.reached, start.last_step) == ("failed", 0, 500)
    assert start.message == "the driver stopped with status 2: nothing works"


def fail(case, directory):
    """A run of 500 steps in which i-PI ends well and the driver does not, before the first step."""
    from pathlib import Path

    from polcouple.propagation.record import write_driver_part

    def start(directory, *_):
        write_driver_part(directory, {"message": "nothing works"})
        quit_ = [sys.executable, "-c", "import sys; sys.exit(int(sys.argv[1]))"]
        options = {"stdout": subprocess.DEVNULL, "start_new_session": True}
        return Programs(*(subprocess.Popen([*quit_, status], **options) for status in "02"))

    polcouple.propagation.propagate.start_programs = start
    begin(RunPlan(Path(case), "input.xml", "fixed", {}), Path(directory))
    with pytest.raises(RunFailedError, match="status 2: nothing works"):
        propagate(Path(directory), 500, [])
