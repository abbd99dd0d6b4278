"""Labels of atoms that move: what each energy is, once a frame and level, from a dataset or from files."""

import ase.io
import numpy as np
import pytest
from moving_cases import write_ring

from polcouple.analysis.export_moving import export_moving
from polcouple.case.model import read_case
from polcouple.cli.commands import main
from polcouple.coupling.held_values import HeldValues
from polcouple.data.moving import MovingDataset
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import FermiLevel, TotalCharge
from polcouple.errors import InputError
from polcouple.learning.label_moving import import_frames, label_moving
from polcouple.units import BOHR_TO_ANGSTROM, EV_TO_HARTREE, KELVIN_TO_HARTREE


@pytest.fixture
def case(tmp_path):
    return read_case(write_ring(tmp_path / "ring"))


def write_frames(case, path, count):
    rng = np.random.default_rng(3)
    frames = []
    for _ in range(count):
        places = case.positions + 0.1 * rng.standard_normal(case.positions.shape)
        frames.append(
            ase.Atoms(case.symbols, places * BOHR_TO_ANGSTROM, cell=case.cell * BOHR_TO_ANGSTROM, pbc=True)
        )
    ase.io.write(path, frames, format="extxyz")
    return path


def test_labels_are_those_of_the_library_and_are_made_once(case, tmp_path, label_here):
    path = tmp_path / "d.h5"
    assert import_frames([write_frames(case, tmp_path / "f.xyz", 3)], case, path) == 3
    exact = {"accuracy": 1e-9}
    held = HeldValues(potentials=(-0.5, 0.5), fermi_levels=(-3.0,), total_charges=(0.3,))
    first = label_moving(path, "dftb", held, exact)
    assert (first.labelled, first.done_before, first.unconverged, first.lost) == (12, 0, 0, ())
    again = label_moving(path, "dftb", HeldValues(potentials=(0.5, 1.0)), exact)
    assert (again.labelled, again.done_before) == (3, 3)
    dataset = MovingDataset(path)
    sets, labels, frames = dataset.sets(), dataset.labels(), dataset.frames()
    dftb = MovingDftb(case.symbols, 2000.0 * KELVIN_TO_HARTREE)
    neutral = dftb.solve(case.positions, case.cell, TotalCharge(0.0), accuracy=1e-9)
    assert [one.reference for one in sets] == pytest.approx([neutral.fermi_level] * 5, abs=1e-8)
    assert [one.potential for one in sets[:2]] == pytest.approx([-0.5, 0.5])
    assert sets[0].fermi_level - sets[1].fermi_level == pytest.approx(EV_TO_HARTREE)
    totals = [labels.charges[labels.set == k].sum(axis=1).mean() for k in range(5)]
    assert totals[0] < totals[1] < totals[4] and totals[3] == pytest.approx(0.3)  # electrons leave as U grows
    for row in range(len(labels)):
        one = sets[labels.set[row]]
        ensemble = TotalCharge(0.3) if one.fermi_level is None else FermiLevel(one.fermi_level)
        expected = dftb.solve(frames.positions[labels.frame[row]], case.cell, ensemble, accuracy=1e-9)
        assert labels.internal_energy[row] == pytest.approx(expected.energy, abs=1e-7)
        assert labels.free_energy[row] == pytest.approx(expected.free_energy, abs=1e-7)
        assert labels.grand_potential[row] == pytest.approx(expected.grand_potential, abs=1e-9)
        assert labels.electrons[row] == pytest.approx(expected.electrons, abs=1e-7)
        assert labels.capacitance[row] == pytest.approx(expected.capacitance(), rel=1e-4)
        np.testing.assert_allclose(labels.forces[row], expected.forces, atol=1e-7)
        np.testing.assert_allclose(labels.charges[row], expected.charges, atol=1e-7)


@pytest.mark.slow
def test_what_did_not_converge_is_not_lost_and_tried_again(case, tmp_path, capsys):
    path = tmp_path / "d.h5"
    import_frames([write_frames(case, tmp_path / "f.xyz", 2)], case, path)
    words = ["label", str(path), "--backend", "dftb", "--total-charges", "0", "--workers", "1"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--set", "max_cycles=1"])
    assert ended.value.code == 1
    assert "2 frames did not converge; --redo-unconverged" in capsys.readouterr().out
    assert np.isnan(MovingDataset(path).labels().forces).all()
    with pytest.raises(SystemExit) as ended:
        main([*words, "--redo-unconverged"])
    assert ended.value.code == 0
    labels = MovingDataset(path).labels()
    assert len(labels) == 2 and np.isfinite(labels.forces).all() and labels.status.tolist() == [1, 1]


def test_what_is_refused(case, tmp_path, label_here):
    path, files = tmp_path / "d.h5", [write_frames(case, tmp_path / "f.xyz", 1)]
    import_frames(files, case, path)
    with pytest.raises(InputError, match="holds frames of files already"):
        import_frames(files, case, path)
    with pytest.raises(InputError, match="give --potentials, --fermi-levels or --total-charges"):
        label_moving(path, "dftb", HeldValues())
    with pytest.raises(InputError, match="--potentials 1 1: give each number once"):
        HeldValues(potentials=(1.0, 1.0))
    with pytest.raises(InputError, match="backend 'fixed' gives no forces on an electrode that moves"):
        label_moving(path, "fixed", HeldValues(total_charges=(0.0,)))
    label_moving(path, "dftb", HeldValues(total_charges=(0.0,)))
    with pytest.raises(InputError, match=r"were made with temperature_kelvin 2000\.0, not 300\.0"):
        label_moving(path, "dftb", HeldValues(total_charges=(1.0,)), {"temperature_kelvin": 300.0})


def test_an_entropy_that_is_not_known_leaves_the_internal_energy_unknown(case, tmp_path):
    """`response` expands the free energy, electrons' entropy included, and has no word on the parts."""
    path = tmp_path / "d.h5"
    import_frames([write_frames(case, tmp_path / "f.xyz", 1)], case, path)
    assert label_moving(path, "response", HeldValues(total_charges=(0.0,))).labelled == 1
    labels = MovingDataset(path).labels()
    assert np.isnan(labels.internal_energy).all()
    assert np.isfinite([labels.free_energy, labels.grand_potential, labels.electrons]).all()
    export_moving(path, tmp_path / "out.xyz")
    told = ase.io.read(tmp_path / "out.xyz").info
    assert "helmholtz_energy" in told and "internal_energy" not in told
