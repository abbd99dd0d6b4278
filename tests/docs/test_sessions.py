"""The pages' commands at work: all of a page, from top to bottom, in a directory of their own, made short."""

import contextlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass

import pytest
from conftest import ROOT
from doc_blocks import PAGES, blocks, named_in_prose
from run_cases import BIN

from polcouple.cli.commands import main

SMALL_RUN = "polcouple run ipi_inputs/graphene_nacl_small --threads 1"


@dataclass(frozen=True)
class Session:
    """How a page is run.

    Attributes:
        before: shell that makes what the page supposes to be there.
        changes: (what the page says, what is done instead): fewer steps, smaller systems.
        after: shell that looks at what came of it.
        needs: a program without which it is skipped.
    """

    before: str = ""
    changes: tuple[tuple[str, str], ...] = ()
    after: str = ""
    needs: str = "polcouple"


#: a sheet and a liquid that are packed and relaxed in seconds
TINY = "--sheet 5 3 --gap 20 --equilibration 0.02"
#: of the ionic liquid's files
IL = "examples/ionic_liquid/il.top examples/ionic_liquid/il.gro"
FEW_STEPS_BY_HAND = """cd ipi_inputs/graphene_nacl_small
sed -i 's|<total_steps>.*</total_steps>|<total_steps>2</total_steps>|' input.xml
polcouple i-pi input.xml &"""

SESSIONS = {
    "README": Session(
        changes=(
            ("python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/polcouple", "polcouple"),
            ("--steps 200", "--steps 2 --threads 1"),
            ("python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/", ""),
            ("pytest", "pytest --version"),
            ("polcouple i-pi input.xml", FEW_STEPS_BY_HAND),
        ),
        after="test -s simulation.out && test -s driver.json",
    ),
    "ab_validation": Session(
        before=f"{SMALL_RUN} --backend fixed --steps 100 --stride 4 --output RUN_A\n"
        f"{SMALL_RUN} --backend metal --steps 100 --stride 4 --output RUN_B\n",
        changes=(
            ("ipi_inputs/graphene_nacl --backend dftb", "ipi_inputs/graphene_nacl_small --backend dftb"),
            ("--steps 1000", "--steps 100"),
            ("--input input_mts.xml -o report", "--input input_mts.xml -o report_of_backends"),
            ("examples/ab_validation/reproduce.sh DIRECTORY", "bash -n examples/ab_validation/reproduce.sh"),
        ),
        after="test -s report/report.html && test -s report_of_backends/report.html",
    ),
    "capacitance": Session(
        changes=(
            ("--steps 7500 --skip 5 --every 10", "--steps 40 --skip 0 --every 1"),
            ("sh examples/capacitance.sh", "bash -n examples/capacitance.sh"),
        ),
        after="test -s levels/report.html",
    ),
    "cases": Session(
        changes=(
            ("polcouple build my_case     ", f"polcouple build first {TINY} --na 1 --cl 1 "),
            ("my_case --k 40 --cl 36", f"second --k 2 --cl 2 {TINY}"),
            ("--vacuum 38", "--vacuum 38 --equilibration 0.02"),
            ("my_case --ipi-atoms liquid", f"liquid --ipi-atoms liquid {TINY} --na 1 --cl 1"),
            ("my_case topol.top conf.gro", f"imported {IL}"),
            ("polcouple i-pi input.xml", FEW_STEPS_BY_HAND),
        ),
        after="test -s simulation.out",
    ),
    "electrode_part": Session(
        changes=(
            ("--steps 1000 --output mine/run &", "--steps 4 --threads 1 --output mine/run &"),
            ("cd mine && mpiexec", "cd mine\nmpiexec"),
            # LAMMPS aborts when i-PI is done
            ("-in liquid.lammps", "-in liquid.lammps || true\nwait\ncd .."),
            ("--steps 1000 --output mine/run &", "--steps 4 --threads 1 --output mine/another &"),
            ("liquid.py mine\n", "liquid.py mine\nwait\n"),
            ("cd examples/electrode_part/xtb", "exit 0"),  # of the extra liquids, if it is there
        ),
        needs="lmp",
    ),
    "import": Session(
        before=f"set -- {IL}; cp $1 system.top; cp $2 system.gro; cp $1 il.top; cp $2 il.gro\n",
        changes=(
            ("-electrode 'resname GRA'     ", "-electrode 'resname GRA' --cutoff 10  "),
            ("polcouple import my_case system.prmtop", ": system.prmtop"),
            ("polcouple import my_case system.psf", ": system.psf"),
            ("polcouple import my_case amber14/spce.xml", ": amber14/spce.xml"),
            ("polcouple import my_case system.xml", ": system.xml"),
            ("--steps 1000", "--steps 2 --threads 1"),
            ("--steps 20000", "--steps 400 --threads 1"),
            ("--skip 5", "--skip 0"),
        ),
        after="test -s ionic_liquid.png",
    ),
    "seeing": Session(
        before=f"{SMALL_RUN} --backend fixed --steps 20 --stride 4"
        " --output ipi_inputs/graphene_nacl/run_nn\n",
        changes=(("--skip 2", "--skip 0"),),
        after="test -s page.html",
    ),
}


def script(page, session):
    """The page's shell as it is run."""
    text = "\n".join(block.text for block in blocks(page) if block.language == "bash")
    for old, new in session.changes:
        assert old in text, f"{page.name} does not say '{old}' any more; mend its session"
        text = text.replace(old, new, 1)
    return f"set -euo pipefail\n{session.before}\n{text}\nwait\n{session.after}\n"


def short_commands():
    """What the README names that ends at once: help, and what comes along."""
    for words in named_in_prose(PAGES[0]):
        if len(words) > 1 and words[0] == "polcouple" and (words[1] == "cases" or words[-1] == "--help"):
            yield words[1:]


def test_short_commands_of_the_readme(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    done = list(short_commands())
    for words in done:
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert not ended.value.code, words
    assert len(done) >= 5
    assert (tmp_path / "graphene_nacl" / "system.yaml").is_file()
    assert "graphene_nacl_small" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", SESSIONS)
def test_session(name, tmp_path):
    page, session = next(page for page in PAGES if page.stem == name), SESSIONS[name]
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    if shutil.which(session.needs, path=path) is None:
        pytest.skip(f"{session.needs} is not installed")
    for folder in ("examples", "ipi_inputs"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("run_*", "__pycache__")
        )
    environment = os.environ | {
        "PATH": path,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "POLCOUPLE_CACHE": str(tmp_path / "cache"),
    }
    process = subprocess.Popen(
        ["bash", "-c", script(page, session)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said = process.communicate(timeout=900)[0]
    finally:
        with contextlib.suppress(ProcessLookupError):  # what it left in the background
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, f"{script(page, session)}\n{said[-3000:]}"
