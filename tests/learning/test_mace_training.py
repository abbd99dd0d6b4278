"""Stock MACE with the potential as an input: what is written for it, its derivatives, files, what is refused.

Those that train need `polcouple[mace]` and are skipped without it.
"""

import ast
import importlib.util
import sys
from dataclasses import replace

import ase.io
import numpy as np
import pytest
from grand_data import known_frames

from polcouple.cli import main
from polcouple.errors import InputError, PolcoupleError
from polcouple.learning.grand_training import split_in_time
from polcouple.learning.mace_options import MaceOptions
from polcouple.learning.mace_process import run_mace
from polcouple.learning.mace_training import train_mace, write_frames
from polcouple.nn.grand.ase_calculator import GrandPotentialCalculator
from polcouple.nn.grand.model import load_grand_model

SMALL = {
    "hidden": "4x0e",
    "max_ell": 1,
    "cutoff": 3.0,
    "potential_features": 4,
    "epochs": 2,
    "second_stage": 0.5,
    "batch_size": 4,
}
needs_mace = pytest.mark.skipif(importlib.util.find_spec("mace") is None, reason="needs polcouple[mace]")


@pytest.fixture(scope="module")
def frames():
    return known_frames()


def test_frames_are_written_as_mace_reads_them(frames, tmp_path):
    rows = np.array([0, 9, 23])
    write_frames(tmp_path / "some.xyz", frames, rows)
    for atoms, row in zip(ase.io.read(tmp_path / "some.xyz", ":"), rows, strict=True):
        assert atoms.info["REF_energy"] == pytest.approx(frames.energies[row], abs=1e-8)
        assert np.allclose(atoms.arrays["REF_forces"], frames.forces[row], atol=1e-7)
        assert atoms.info["potential"] == pytest.approx(frames.reference - frames.levels[row], abs=1e-9)
        assert isinstance(atoms.info["potential"], float)
        assert atoms.pbc.all() and np.allclose(atoms.cell, frames.cell)


def test_options_become_the_arguments_of_mace():
    found = MaceOptions(hidden="64x0e + 64x1o", epochs=100).arguments()
    assert found["hidden_irreps"] == "64x0e+64x1o"
    assert found["start_swa"] == "15" and found["swa_energy_weight"] == "1000.0"
    assert ast.literal_eval(found["embedding_specs"])["potential"]["type"] == "continuous"
    assert "start_swa" not in MaceOptions(second_stage=1.0).arguments()


@pytest.mark.parametrize("words", [["--hidden", "64"], ["--second-stage", "0"], ["--layers", "x"]])
def test_bad_options_are_refused_in_one_line(words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["polcouple"])
    with pytest.raises(SystemExit) as stopped:
        main(["train", "mace", str(tmp_path / "none.h5"), "-o", str(tmp_path / "net"), *words])
    assert stopped.value.code == 2
    told = capsys.readouterr().err.strip()
    assert words[0] in told and "\n" not in told


def test_without_the_extra_one_line_says_how_to_get_it(frames, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mace", None)
    with pytest.raises(InputError, match=r"mace-torch is not there .*pip install 'polcouple\[mace\]'"):
        train_mace(frames, tmp_path / "net")
    assert not any(tmp_path.iterdir())


@pytest.fixture(scope="module")
def trained(frames, tmp_path_factory):
    directory, told = tmp_path_factory.mktemp("mace"), []
    found = train_mace(
        frames, directory / "net", MaceOptions(**SMALL), origin="Known.", done=lambda *one: told.append(one)
    )
    return directory, found, told


@needs_mace
@pytest.mark.slow
def test_it_answers_as_stock_mace_does(frames, trained):
    from ase import Atoms
    from mace.calculators import MACECalculator

    directory, found, told = trained
    assert [one[0] for one in told] == [1, 2]
    stock = MACECalculator(
        str(directory / "net.training" / "mace_stagetwo.model"), info_keys={"potential": "potential"}
    )
    again = load_grand_model(directory / "net")
    kinds = again.kinds(frames.symbols)
    for row in (0, 12):
        level = float(frames.levels[row])
        atoms = Atoms(frames.symbols, frames.positions[row], cell=frames.cell, pbc=True)
        atoms.info["potential"] = frames.reference - level
        mine = again.evaluate(kinds, frames.positions[row], frames.cell, level)
        atoms.calc = stock
        assert mine.grand_potential == pytest.approx(atoms.get_potential_energy(), abs=1e-5)
        assert np.allclose(mine.forces, atoms.get_forces(), atol=1e-5)
        atoms.calc = GrandPotentialCalculator(again, fermi_level=level)
        assert np.allclose(atoms.get_forces(), mine.forces, atol=1e-6)
    double = again.in_double()
    row, step = 5, 1e-4
    ends = [
        double.evaluate(kinds, frames.positions[row], frames.cell, frames.levels[row] + sign * step)
        for sign in (1, -1)
    ]
    middle = double.evaluate(kinds, frames.positions[row], frames.cell, frames.levels[row])
    slope = (ends[0].grand_potential - ends[1].grand_potential) / (2 * step)
    assert middle.electrons == pytest.approx(-slope, abs=1e-6) and abs(slope) > 1e-4
    assert found.maxwell < 1e-6
    assert set(found.scores) >= {"this grand potential", "no forces, electrons linear in the potential"}
    assert "embedding_specs" in (directory / "net" / "README.md").read_text()
    assert "lies outside" in again.outside(again.level(2.0)) and again.outside(-4.9) is None


@needs_mace
@pytest.mark.slow
def test_what_does_not_fit_is_refused(frames, trained, tmp_path):
    directory, found, _ = trained
    with pytest.raises(InputError, match="holds a model already"):
        train_mace(frames, directory / "net", MaceOptions(**SMALL))
    (directory / "other.training").mkdir()
    (directory / "other.training" / "settings.json").write_text("{}")
    with pytest.raises(InputError, match="on other frames or with other options"):
        train_mace(frames, directory / "other", MaceOptions(**SMALL))
    with pytest.raises(InputError, match="no zero of the potential"):
        train_mace(replace(frames, reference=None), tmp_path / "net", MaceOptions(**SMALL))
    with pytest.raises(InputError, match="knows H, C, O, and not Au"):
        found.network.kinds(("C", "Au"))
    (tmp_path / "net").mkdir()
    for path in (directory / "net").iterdir():
        (tmp_path / "net" / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / "net" / "model.yaml").read_text()
    (tmp_path / "net" / "model.yaml").write_text(text.replace("reference: -4.9", "reference: -4.8"))
    with pytest.raises(InputError, match="'reference' is not what the weights"):
        load_grand_model(tmp_path / "net")


@needs_mace
@pytest.mark.slow
def test_a_training_goes_on_from_its_checkpoint_and_failures_are_told(frames, tmp_path):
    class Stop(Exception):
        pass

    def stop(epoch, energy, force):
        if epoch == 2:
            raise Stop

    options = MaceOptions(**SMALL | {"epochs": 3, "second_stage": 1.0})
    with pytest.raises(Stop):
        train_mace(frames, tmp_path / "net", options, done=stop)
    log, epochs = tmp_path / "net.training" / "output.log", []
    assert "Loading checkpoint" not in log.read_text()
    found = train_mace(frames, tmp_path / "net", options, done=lambda epoch, *_: epochs.append(epoch))
    assert epochs[-1] == 3
    # once to go on, once for the final network
    assert log.read_text().count("Loading checkpoint") == 2
    assert len(found.split.train) == len(split_in_time(frames, options).train)
    with pytest.raises(PolcoupleError, match=r"mace_run_train failed .*output\.log"):
        run_mace(tmp_path, options.arguments())
