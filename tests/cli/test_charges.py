"""`polcouple charges`: arrays of the right shape and content, frames of another system refused."""

import ase
import ase.io
import numpy as np
import pytest
from capacitor_cases import capacitor
from conftest import SMALL
from fault_cases import find_faulty_backends
from run_cases import in_this_process

from polcouple.analysis.frame_charges import frame_charges
from polcouple.coupling.electrodes import create_electrodes
from polcouple.coupling.forces import ForceProvider
from polcouple.units import BOHR_TO_ANGSTROM


def charges(frames, output, backend="fixed"):
    return in_this_process("charges", SMALL, frames, "--backend", backend, "-o", output)


@pytest.fixture
def frames(small_case):
    """Two frames, the second with the first water turned over."""
    first = ase.Atoms(
        small_case.symbols,
        small_case.positions * BOHR_TO_ANGSTROM,
        cell=small_case.cell * BOHR_TO_ANGSTROM,
        pbc=True,
    )
    second = first.copy()
    oxygen = small_case.water_oxygens[0]
    second.positions[oxygen + 1 : oxygen + 3] = (
        2 * first.positions[oxygen] - first.positions[oxygen + 1 : oxygen + 3]
    )
    return [first, second]


def test_arrays(frames, small_case, tmp_path):
    ase.io.write(tmp_path / "frames.extxyz", frames)
    done = charges(tmp_path / "frames.extxyz", tmp_path / "out.npz")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "out.npz") as arrays:
        assert arrays["charges"].shape == (2, len(small_case.electrode))
        assert arrays["charges"].sum(axis=1) == pytest.approx([small_case.total_charge] * 2, abs=1e-12)
        assert np.isnan(arrays["fermi_level"]).all()
        assert (arrays["seconds"] > 0).all()


def test_output_is_not_overwritten_and_its_directory_is_made(frames, tmp_path):
    ase.io.write(tmp_path / "frames.extxyz", frames)
    output = tmp_path / "new" / "out.npz"
    assert charges(tmp_path / "frames.extxyz", output).returncode == 0
    before = output.read_bytes()
    again = charges(tmp_path / "frames.extxyz", output)
    assert again.returncode == 2 and "exists already" in again.stderr
    assert output.read_bytes() == before


@pytest.mark.parametrize("name", ["out.csv", "out.xyz", "out", "out.npy"])
def test_other_formats_are_refused_before_any_work(frames, tmp_path, name):
    done = charges(tmp_path / "there is none.xyz", tmp_path / "new" / name)
    assert done.returncode == 2
    assert f"{name}: the format written here is .npz; name the file so" in done.stderr
    assert not (tmp_path / "new").exists()


def test_what_the_file_system_refuses_is_said_in_one_line(frames, tmp_path):
    ase.io.write(tmp_path / "frames.extxyz", frames)
    (tmp_path / "file").write_text("")
    done = charges(tmp_path / "frames.extxyz", tmp_path / "file" / "out.npz")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("polcouple: error: ") and str(tmp_path / "file") in line


def swap(frame):
    frame.symbols[-1], frame.symbols[-6] = frame.symbols[-6], frame.symbols[-1]


def strain(frame):
    frame.set_cell(frame.cell.array * 1.01)


def buckle(frame):
    frame.positions[5, 2] += 0.1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda frame: frame.pop(), "give all atoms"),
        (swap, "keep the case's order"),
        (strain, "constant cell"),
        (buckle, "electrode atom 5"),
    ],
)
def test_frames_of_another_system_are_refused(frames, tmp_path, damage, message):
    damage(frames[1])
    ase.io.write(tmp_path / "frames.extxyz", frames)
    done = charges(tmp_path / "frames.extxyz", tmp_path / "out.npz")
    assert done.returncode == 2
    assert "frame 1" in done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize(
    ("backend", "message"),
    [("nan", "not finite"), ("short", "of shape (95,), not (96,)"), ("unbalanced", "miss the total charge")],
)
def test_unusable_charges_are_refused(frames, tmp_path, monkeypatch, backend, message):
    ase.io.write(tmp_path / "frames.extxyz", frames)
    find_faulty_backends(tmp_path / "faulty", monkeypatch)
    done = charges(tmp_path / "frames.extxyz", tmp_path / "out.npz", backend)
    assert done.returncode == 2
    assert "frame 0: the backend" in done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.npz").exists()


def test_unreadable_file_is_refused(tmp_path):
    (tmp_path / "frames.xyz").write_text("not a frame\n")
    done = charges(tmp_path / "frames.xyz", tmp_path / "out.npz")
    assert done.returncode == 2
    assert "ASE cannot read it" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("sections", [{"potential": {"voltage_volt": 0.5}}, {}])
def test_every_electrode_has_its_level(sections):
    """At a voltage they differ by it; what the driver writes and what is written here agree."""
    case = capacitor(12.0, 40.0, charges=(0.0, 0.0), **sections)
    backend = create_electrodes(case, "metal")
    found = frame_charges(case, backend, [case.positions])
    levels = found.fermi_levels[0]
    assert levels.shape == (2,) and np.isfinite(levels).all()
    extras = ForceProvider(case, backend).evaluate(case.positions, case.cell).extras
    assert extras["fermi_levels"] == pytest.approx(levels, abs=1e-6)
    if "potential" in sections:
        assert levels[1] - levels[0] == pytest.approx(0.5, abs=1e-6)
