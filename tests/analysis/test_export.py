"""Exported runs, opened by ASE, MDAnalysis and h5py: places, cell, times and charges are those of the run."""

import copy
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import ase.io
import h5py
import MDAnalysis
import numpy as np
import pytest
from compare_cases import STRIDE, jiggled, write_run
from conftest import SMALL

from benchmarks.ipi_share import liquid_in_ipi
from polcouple.analysis.export import export_run, particles_of, snapshots
from polcouple.analysis.runs import Frame
from polcouple.case.virtual_sites import VirtualSites
from polcouple.cli.commands import main
from polcouple.errors import InputError
from polcouple.units import BOHR_TO_ANGSTROM

FRAMES = 5
#: of i-PI's six digits at up to 60 Angstrom, in bohr times this in Angstrom
ROUNDING = 1e-4


@pytest.fixture(scope="module")
def frames(small_case):
    return jiggled(small_case, FRAMES)


@pytest.fixture(scope="module")
def charges(small_case):
    rows = np.random.default_rng(1).normal(scale=0.01, size=(FRAMES, len(small_case.electrode)))
    return rows - rows.mean(axis=1, keepdims=True) - 1.0 / len(small_case.electrode)


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory, small_case, frames, charges):
    return write_run(tmp_path_factory.mktemp("runs") / "run", frames, charges, small_case.symbols)


def require_the_same(positions, values, small_case, frames, charges, rounding=ROUNDING):
    expected = np.array(frames) * BOHR_TO_ANGSTROM
    assert np.abs(positions - expected).max() < rounding
    sheet, liquid = small_case.electrode_indices, small_case.electrolyte_indices
    assert np.abs(values[:, sheet] - charges).max() < 1e-13
    assert np.array_equal(values[:, liquid], np.tile(small_case.charges[liquid], (FRAMES, 1)))
    assert np.abs(values.sum(axis=1)).max() < 1e-12


@pytest.mark.parametrize("name", ["out.extxyz", "out.xyz"])
def test_ase(run_directory, tmp_path, small_case, frames, charges, name):
    done = export_run(run_directory, tmp_path / name)
    assert (done.frames, done.particles, done.files) == (FRAMES, len(small_case), (tmp_path / name,))
    found = ase.io.read(tmp_path / name, ":", format="extxyz")
    assert [atoms.info["step"] for atoms in found] == [STRIDE * n for n in range(FRAMES)]
    assert [atoms.info["time_ps"] for atoms in found] == pytest.approx([0.1 * n for n in range(FRAMES)])
    for atoms in found:
        assert tuple(atoms.symbols) == small_case.symbols and atoms.pbc.all()
        assert np.abs(atoms.cell - small_case.cell * BOHR_TO_ANGSTROM).max() < 1e-6
    positions, values = (
        np.array([get(a) for a in found]) for get in (lambda a: a.positions, lambda a: a.get_charges())
    )
    require_the_same(positions, values, small_case, frames, charges)


@pytest.mark.parametrize("form", ["dcd", "xtc", "h5md"])
def test_mdanalysis(run_directory, tmp_path, small_case, frames, charges, form):
    done = export_run(run_directory, tmp_path / f"out.{form}")
    assert done.files == (tmp_path / f"out.{form}", tmp_path / "out.pdb")
    universe = MDAnalysis.Universe(tmp_path / "out.pdb", tmp_path / f"out.{form}")
    assert len(universe.trajectory) == FRAMES
    assert tuple(universe.atoms.elements) == small_case.symbols
    waters = universe.select_atoms("resname HOH and element O")
    assert np.array_equal(waters.indices, small_case.water_oxygens)
    assert len(waters.residues.atoms) == 3 * len(waters)
    lengths = np.linalg.norm(small_case.cell, axis=1) * BOHR_TO_ANGSTROM
    places, times, values = [], [], []
    for moment in universe.trajectory:
        assert moment.dimensions == pytest.approx([*lengths, 90, 90, 90], abs=1e-3)
        places.append(moment.positions.copy())
        times.append(moment.time)
        values.append(moment.data.get("charge"))
    assert times == pytest.approx([0.1 * n for n in range(FRAMES)], abs=1e-6)
    expected = np.array(frames) * BOHR_TO_ANGSTROM
    assert np.abs(np.array(places) - expected).max() < (0.006 if form == "xtc" else ROUNDING)
    if form == "h5md":
        require_the_same(np.array(places), np.array(values), small_case, frames, charges)
        # without the .pdb, too
        assert MDAnalysis.Universe(tmp_path / "out.h5md").atoms.n_atoms == len(small_case)


def test_h5md_is_what_its_standard_says(run_directory, tmp_path, small_case, charges):
    export_run(run_directory, tmp_path / "out.h5md")
    with h5py.File(tmp_path / "out.h5md") as file:
        assert file["h5md"].attrs["version"].tolist() == [1, 1]
        assert file["h5md/author"].attrs["name"] and file["h5md/creator"].attrs["version"]
        group = file["particles/trajectory"]
        assert [word.decode() for word in group["box"].attrs["boundary"].astype("S")] == ["periodic"] * 3
        assert group["box"].attrs["dimension"] == 3
        for name in ("position", "charge", "box/edges"):
            element = group[name]
            assert element["step"][:].tolist() == [STRIDE * n for n in range(FRAMES)]
            assert element["time"].attrs["unit"] == "ps"
            assert len(element["value"]) == FRAMES
        assert group["species"][:3].tolist() == [6, 6, 6]
        assert group["charge/value"].attrs["unit"] == "e"
        assert file["observables/charge/value"] == group["charge/value"]


def test_an_electrode_that_ipi_has_not_is_put_back(tmp_path, small_case, frames, charges):
    liquid_in_ipi(SMALL, tmp_path / "liquid")
    own = small_case.electrolyte_indices
    symbols = tuple(np.array(small_case.symbols)[own])
    run = write_run(
        tmp_path / "run", [frame[own] for frame in frames], charges, symbols, case=tmp_path / "liquid"
    )
    done = export_run(run, tmp_path / "out.extxyz", skip_ps=0.2)
    assert (done.frames, done.particles) == (FRAMES - 2, len(small_case))
    last = ase.io.read(tmp_path / "out.extxyz", -1)
    assert tuple(last.symbols) == small_case.symbols
    assert np.abs(last.positions - frames[-1] * BOHR_TO_ANGSTROM).max() < ROUNDING
    assert last.get_charges()[small_case.electrode_indices] == pytest.approx(charges[-1], abs=1e-13)


def test_virtual_sites_bring_their_charges(small_case, charges):
    """As in four-site water: the oxygen's charge on a point between it and its hydrogens."""
    oxygens = small_case.water_oxygens
    count = len(oxygens)
    moved = small_case.charges.copy()
    moved[oxygens] = 0.0
    weights = np.zeros((count, 3, 3))
    weights[:, 0] = [0.8, 0.1, 0.1]
    sites = VirtualSites(
        small_case.charges[oxygens], oxygens[:, None] + np.arange(3), weights, np.zeros(count),
        np.zeros((count, 3)), np.zeros(count, bool),
    )  # fmt: skip
    case = copy.copy(small_case)
    case.__dict__.pop("electrolyte", None)
    case.__dict__.pop("charges", None)
    case.__dict__["topology"] = replace(small_case.topology, charges=moved, sites=sites)
    frame = Frame(0, small_case.positions)
    run = SimpleNamespace(
        case=case, time_step_ps=1.0, frames=lambda: iter([frame]), charges=lambda: iter([(0, charges[0])])
    )
    (found,) = snapshots(run)
    particles = particles_of(case)
    assert len(particles) == len(found.charges) == len(small_case) + count
    assert particles.symbols[-1] == "X" and particles.residue_names[particles.residues[-1]] == "HOH"
    assert found.charges.sum() == pytest.approx(0.0, abs=1e-10)
    o, h1, h2 = found.positions[oxygens[-1] + np.arange(3)]
    assert found.positions[-1] == pytest.approx(0.8 * o + 0.1 * (h1 + h2), abs=1e-9)


def test_what_is_there_stays(run_directory, tmp_path, capsys):
    (tmp_path / "out.pdb").write_text("mine")
    for words, message in (
        ([run_directory, "-o", tmp_path / "out.dcd"], "out.pdb: exists already"),
        ([run_directory, "-o", tmp_path / "out.lammpstrj"], "the format written here is .extxyz or"),
        ([run_directory, "-o", tmp_path / "no" / "out.xtc"], "no directory"),
        ([run_directory / "init.xyz", "-o", tmp_path / "a.xtc"], "give the directory of a run"),
        ([tmp_path, "-o", tmp_path / "a.xtc"], "no run here"),
        ([run_directory, "-o", tmp_path / "a.xtc", "--skip", "99"], "no frame"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(["export", *map(str, words)])
        assert message in capsys.readouterr().err
        assert [path.name for path in tmp_path.iterdir()] == ["out.pdb"]
    assert (tmp_path / "out.pdb").read_text() == "mine"


def test_one_run_in_two_formats_has_one_pdb(run_directory, tmp_path):
    first = export_run(run_directory, tmp_path / "out.xtc")
    text = (tmp_path / "out.pdb").read_bytes()
    second = export_run(run_directory, tmp_path / "out.dcd")
    assert first.files[1] == second.files[1] == tmp_path / "out.pdb"
    assert (tmp_path / "out.pdb").read_bytes() == text
    assert {path.name for path in tmp_path.iterdir()} >= {"out.xtc", "out.dcd"}
    with pytest.raises(InputError, match=r"out\.dcd: exists already"):
        export_run(run_directory, tmp_path / "out.dcd")


def test_positions_without_charges(tmp_path, small_case, frames, charges, capsys):
    """Between others: refused. At the end of a run that is at work: left for later."""
    run = write_run(tmp_path / "run", frames, charges[:3], small_case.symbols, finished=False)
    assert export_run(run, tmp_path / "out.extxyz").frames == 3
    path = run / "simulation.charges_0"
    path.write_text(path.read_text().replace(f"{STRIDE:10d}", f"{STRIDE + 1:10d}"))
    with pytest.raises(SystemExit, match="2"):
        main(["export", str(run), "-o", str(tmp_path / "other.h5md")])
    assert f"no charges of step {STRIDE}" in capsys.readouterr().err
    assert not (tmp_path / "other.h5md").exists() and not list(tmp_path.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["extxyz", "xtc", "h5md"])
def test_memory_does_not_grow_with_the_run(tmp_path, small_case, frames, charges, form):
    peaks = []
    for count in (40, 400):
        run = write_run(
            tmp_path / str(count), (frames[n % FRAMES] for n in range(count)),
            (charges[n % FRAMES] for n in range(count)), small_case.symbols,
        )  # fmt: skip
        export_run(run, tmp_path / f"warm{count}.{form}")
        tracemalloc.start()
        export_run(run, tmp_path / f"{count}.{form}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 360 frames of 579 particles more are 5 MB of positions alone
    assert peaks[1] < peaks[0] + 1_000_000
