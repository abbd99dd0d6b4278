"""SLURM's batch scripts: sound shell, options that exist, and at work with an srun that stands in for its."""

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from argparse import ArgumentParser

import numpy as np
import pytest
from conftest import ROOT
from moving_cases import write_ring
from nn_cases import electrolyte, frames, sheet
from run_cases import BIN, properties

from polcouple.data.dataset import Dataset
from polcouple.data.moving import MovingDataset
from polcouple.ipi.input import read_xml, set_total_steps, write_xml

FOLDER = ROOT / "examples" / "slurm"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
SRUN = """#!/bin/bash
# so many copies of a command on this machine, or ranks of LAMMPS
if [ "$1" = lmp ]; then exec mpiexec -n "$SLURM_NTASKS" "$@"; fi
trap 'kill $(jobs -p) 2> /dev/null' TERM
for ((n = 0; n < SLURM_NTASKS; n++)); do "$@" & done
wait
"""


def commands_of(script):
    """The words of every call of ours in a script, with 1 in the place of what the shell puts in."""
    text = re.sub(r"\\\n", " ", script.read_text())
    text = re.sub(r"^\s*#.*$|\s#\s.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r'"\$\{words\[@\]\}"', "--backend nn", text)
    text = re.sub(r'"\$\{[^"]*\}"|"\$[^"]*"|\$\(\([^)]*\)\)|\$\w+', "1", text)
    for line in text.splitlines():
        found = re.search(r"\b(polcouple-driver|polcouple) [^&>|]*", line)
        if found and not line.lstrip().startswith("trap"):
            yield shlex.split(found[0])


def test_all_scripts_are_found():
    assert {"md", "replicas", "labels", "potentials", "lammps"} == {script.stem for script in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_scripts_are_sound(script):
    subprocess.run(["bash", "-n", script], check=True)
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert "#SBATCH --time=" in text and "set -euo pipefail" in text
    calls = list(commands_of(script))
    assert calls
    for program, *words in calls:
        name = "driver" if program == "polcouple-driver" else words.pop(0).replace("i-pi", "ipi")
        parser = ArgumentParser(exit_on_error=False)
        importlib.import_module(f"polcouple.cli.{name}").add_arguments(parser)
        parser.parse_args(words)


@pytest.fixture
def submit(tmp_path):
    """Runs a script of a copy of the folder as SLURM would, with so many tasks on this machine."""
    shutil.copytree(FOLDER, tmp_path / "slurm")
    shutil.copytree(ROOT / "examples" / "electrode_part", tmp_path / "electrode_part")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "srun").write_text(SRUN)
    (programs / "srun").chmod(0o755)
    # the name of this machine need not be one that it can listen at
    (programs / "hostname").write_text("#!/bin/sh\necho localhost\n")
    (programs / "hostname").chmod(0o755)
    job = [20000 + os.getpid() % 10000]

    def run(name, *words, tasks=2):
        job[0] += 7
        variables = os.environ | {
            "PATH": f"{programs}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}",
            # examples/electrode_part is beside benchmarks/ where it stands
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "SLURM_JOB_ID": str(job[0]), "SLURM_NTASKS": str(tasks), "SLURM_CPUS_PER_TASK": "1",
            "POLCOUPLE_CACHE": str(tmp_path / "cache"), "OMPI_ALLOW_RUN_AS_ROOT": "1",
        }  # fmt: skip
        command = ["bash", f"{name}.sh", *map(str, words)]
        done = subprocess.run(
            command, cwd=tmp_path / "slurm", env=variables, capture_output=True, text=True, timeout=400
        )
        logs = "\n".join(path.read_text()[-1500:] for path in tmp_path.rglob("*.log"))
        assert done.returncode == 0, done.stdout + done.stderr + logs
        return done.stdout

    return run


def with_steps(case, name, steps):
    root = read_xml(case / name)
    set_total_steps(root, steps)
    write_xml(root, case / name)


def test_ports_do_not_depend_on_the_order_of_the_sockets(small_directory):
    """In RESTART i-PI writes them in another one; LAMMPS connects to the second port."""
    root = read_xml(small_directory / "input_electrode.xml")
    sys.path.insert(0, str(FOLDER))
    on_host = importlib.import_module("inet_input").on_host
    first = root.find("ffsocket")
    for place in (0, 9):
        root.remove(first)
        root.insert(place, first)
        on_host(root, "node", 4000)
        found = {
            one.get("name"): (one.findtext("address"), one.findtext("port")) for one in root.iter("ffsocket")
        }
        assert found == {"polcouple": (" node ", " 4000 "), "liquid": (" node ", " 4001 ")}


@pytest.mark.slow
def test_md_goes_on(small_directory, tmp_path, submit):
    for until in (10, 20):
        submit("md", small_directory, tmp_path / "run", until, "metal")
    assert properties(tmp_path / "run" / "simulation.out")[-1, 0] == 20


@pytest.mark.slow
def test_replicas_share_drivers_and_a_preparation(small_directory, tmp_path, submit):
    script = [sys.executable, ROOT / "examples" / "replica_exchange" / "replicas.py", small_directory]
    subprocess.run([*script, "--temperatures", "300", "302", "304", "--every", "4"], check=True)
    run = tmp_path / "run"
    with_steps(small_directory, "input_remd.xml", 20)
    submit("replicas", small_directory, run, "input_remd.xml")
    with_steps(run, "RESTART", 30)
    submit("replicas", small_directory, run, "input_remd.xml")
    for prefix in ("T300", "T302", "T304"):
        assert properties(run / f"{prefix}_simulation.out")[-1, 0] == 30
    log = (run / "drivers.log").read_text()
    # two drivers each time, and both had something to do
    assert log.count("connected to") == 4
    assert all(int(count) > 0 for count in re.findall(r"(\d+) steps, the first", log))
    assert len(list((tmp_path / "cache").glob("*-bare-*.npz"))) == 1


@pytest.mark.slow
@pytest.mark.skipif(not (BIN / "lmp").exists(), reason="LAMMPS is not installed")
def test_lammps_on_two_ranks(small_directory, tmp_path, submit):
    with_steps(small_directory, "input_electrode.xml", 20)
    run = tmp_path / "run"
    submit("lammps", small_directory, run, "metal")
    with_steps(run, "RESTART", 30)
    submit("lammps", small_directory, run, "metal")
    rows = properties(run / "simulation.out")
    assert rows[-1, 0] == 30
    assert np.abs(rows[:, 3] - rows[0, 3]).max() > 0.0


@pytest.mark.slow
def test_labels(tmp_path, submit):
    dataset = Dataset.create(tmp_path / "d.h5", sheet(), electrolyte())
    dataset.append(frames(sheet(), 20))
    submit("labels", dataset.path, 0, -0.5)
    for charge in (0.0, -0.5):
        assert dataset.complete_labels("dftb", charge).charges.sum(axis=1) == pytest.approx([charge] * 20)


@pytest.mark.slow
def test_potentials(tmp_path, submit):
    case = write_ring(tmp_path / "ring")
    submit("potentials", case, tmp_path / "d.h5", 2, -0.5, 0.5)
    assert len(MovingDataset(tmp_path / "d.h5").labels()) == 4
