"""Worked examples at work: replica exchange, and PLUMED where it is installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from run_cases import extras, properties

from polcouple.analysis.replicas import by_ensemble, read_exchanges
from polcouple.analysis.runs import read_run
from polcouple.case.model import read_case
from polcouple.case.shipped import copy_shipped
from polcouple.check.findings import check_case
from polcouple.coupling.charges import ChargeSolver
from polcouple.coupling.electrodes import create_electrodes
from polcouple.frames.reading import read_frames
from polcouple.ipi.changes import set_stride
from polcouple.ipi.input import read_xml, write_xml
from polcouple.report.run_page import write_run_report
from polcouple.units import BOHR_TO_NM, HARTREE_TO_KJ_PER_MOL


def prepared(tmp_path, example, script, *words):
    """The small case with the example's input, positions and charges in every second step."""
    case, place = (
        copy_shipped("graphene_nacl_small", tmp_path / "case"),
        copy_shipped(example, tmp_path / example),
    )
    path = case / "input.xml"
    root = read_xml(path)
    set_stride(root, 2, path)
    write_xml(root, path)
    subprocess.run([sys.executable, place / script, case, *words], check=True, timeout=60)
    return case


def run(case, *words, **variables):
    command = [sys.executable, "-m", "polcouple.cli", "run", str(case), "--threads", "1", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ | variables)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_replica_exchange(tmp_path):
    """Temperatures change places, and every replica has the charges of its own positions."""
    words = ["--temperatures", "300", "302", "304", "--every", "4"]
    case = prepared(tmp_path, "replica_exchange", "replicas.py", *words)
    run(case, "--input", "input_remd.xml", "--backend", "response", "--steps", "40")
    directory = case / "run_response"
    rows = np.loadtxt(directory / "simulation.exchanges", dtype=int)
    assert len(rows) >= 3
    assert np.array_equal(np.sort(rows[:, 1:], axis=1), np.tile([0, 1, 2], (len(rows), 1)))
    assert len(np.unique(rows[:, 1:], axis=0)) > 1
    own = read_case(case)
    found = []
    for prefix in ("T300", "T302", "T304"):
        charges = extras(directory / f"{prefix}_simulation.charges_0")
        assert len(charges) == 21
        frames = list(read_frames(directory / f"{prefix}_simulation.positions_0.xyz", own))
        solve = ChargeSolver(own, create_electrodes(own, "response"))
        for number in (0, 10, 20):
            # positions have six digits
            assert np.abs(solve(frames[number], "").charges - charges[number]).max() < 2e-5
        found.append(charges)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(found[one][20] - found[other][20]).max() > 1e-3
    require_sorted_as_i_pi_does(directory)
    write_run_report(directory, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<h2>Electrode charges, 302 K</h2>" in page and "Not shown" not in page


def require_sorted_as_i_pi_does(directory):
    """The frames of each temperature are those that i-PI's own tool puts together."""
    names, exchanges = ("T300", "T302", "T304"), read_exchanges(directory)
    replicas = [read_run(directory, system=name) for name in names]
    # at the end of the files it stops with an error, everything written
    tool = Path(sys.executable).with_name("i-pi-remdsort")
    subprocess.run([tool, "input.xml"], cwd=directory, capture_output=True, timeout=60)
    for name, one in zip(names, by_ensemble(replicas, exchanges), strict=True):
        of_tool = extras(directory / f"SRT_{name}_simulation.charges_0")
        assert len(of_tool) == 21 and np.array_equal([charges for _, charges in one.charges()], of_tool)
    # which is not the order of the files
    assert not np.array_equal(of_tool, extras(directory / f"{name}_simulation.charges_0"))


class _NoKernel:
    """What the module of PyPI does where there is no library."""

    def __init__(self):
        raise RuntimeError("PLUMED not available, check your PLUMED_KERNEL environment variable")


@pytest.mark.parametrize("module", [None, _NoKernel], ids=["no module", "no library"])
def test_plumed_that_is_not_there(tmp_path, monkeypatch, module):
    """The check says what is missing before a run begins, and the ready input has nothing else against it."""
    case = prepared(tmp_path, "plumed", "bias.py")
    if module is None:
        monkeypatch.setitem(sys.modules, "plumed", None)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        said = "needs PLUMED's Python module; `pip install plumed`"
    else:
        monkeypatch.setitem(sys.modules, "plumed", SimpleNamespace(Plumed=module, __spec__="found"))
        said = "needs PLUMED's library"
    errors = [one.text for one in check_case(case, input="input_plumed.xml") if one.severity == "error"]
    assert len(errors) == 1 and said in errors[0]


def plumed_loads():
    """Whether PLUMED's library is there; the module of PyPI alone does not have it."""
    if importlib.util.find_spec("plumed") is None:
        return False
    try:
        importlib.import_module("plumed").Plumed().finalize()
    except RuntimeError:
        return False
    return True


def kernel(distance, sigma):
    """PLUMED's Gaussian, of height 1 and moved and stretched so that it is 0 where it is cut off."""
    exponent = 0.5 * (distance / sigma) ** 2
    stretch = 1.0 / (1.0 - np.exp(-_CUT))
    return np.where(exponent < _CUT, stretch * (np.exp(-exponent) - np.exp(-_CUT)), 0.0)


#: of PLUMED's Gaussians, in their exponent
_CUT = 6.25


@pytest.mark.slow
@pytest.mark.skipif(
    not plumed_loads(),
    reason="no PLUMED (pip install plumed, and PLUMED_KERNEL names libplumedKernel.so, which PyPI has not)",
)
def test_plumed(tmp_path):
    """Hills, bias and wall are where the ion is, their work is counted, and the run goes on."""
    case = prepared(tmp_path, "plumed", "bias.py")
    text = (case / "plumed.dat").read_text()
    for old, new in (
        ("PACE=50", "PACE=10"),
        ("HEIGHT=0.5", "HEIGHT=20"),
        ("AT=2.3", "AT=1.84"),
        ("STRIDE=10", "STRIDE=1"),
    ):
        assert old in text
        text = text.replace(old, new)
    (case / "plumed.dat").write_text(text)
    run(case, "--input", "input_plumed.xml", "--backend", "response", "--steps", "40", "--timestep", "0.25")
    directory = case / "run_response"
    hills = np.loadtxt(directory / "HILLS")
    assert len(hills) == 4
    own = read_case(case)
    frames = list(read_frames(directory / "simulation.positions_0.xyz", own))
    heights = [BOHR_TO_NM * (frame[570, 2] - frame[:96, 2].mean()) for frame in frames]
    # a hill every 10 steps, a frame every 2
    assert hills[:, 1] == pytest.approx(heights[5::5], abs=1e-5)
    # a row every step, named by it; there is none of step 0
    rows = np.loadtxt(directory / "COLVAR")
    assert np.array_equal(rows[:, 0].round(), np.arange(1, 41))
    step, height, bias, wall = rows[1::2].T
    assert height == pytest.approx(heights[1:], abs=1e-5)
    # a hill counts from the step after it
    before = hills[None, :, 0].round() < step[:, None].round()
    gaussians = 20.0 * kernel(height[:, None] - hills[None, :, 1], 0.05)
    assert bias == pytest.approx((before * gaussians).sum(axis=1), abs=1e-3)
    assert wall == pytest.approx(2000.0 * np.maximum(height - 1.84, 0.0) ** 2, abs=1e-3)
    assert bias.max() > 30.0 and wall.max() > 1.0
    rows = properties(directory / "simulation.out")
    conserved = (rows[:, 2] - rows[0, 2]) * HARTREE_TO_KJ_PER_MOL
    # four hills of 20 kJ/mol that were not counted would be 80
    assert np.abs(conserved).max() < 5.0
    run(case, "--restart", "--steps", "20")
    assert len(np.loadtxt(directory / "HILLS")) == 6
