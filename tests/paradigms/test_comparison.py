"""The whole comparison: what is refused before any work, what is kept, and a small one from end to end."""

import json

import numpy as np
import pytest
from conftest import CAPACITOR, SMALL
from nn_cases import electrolyte, sheet
from paradigms_cases import Screened, labelled

from polcouple.case.model import read_case
from polcouple.cli.commands import main
from polcouple.data.dataset import Dataset, Frames
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.errors import InputError, ModelMismatchError
from polcouple.paradigms.answers import Questions, answers
from polcouple.paradigms.comparison import Study, compare_paradigms
from polcouple.paradigms.doubled import pairs_of
from polcouple.paradigms.frames import Parts
from polcouple.paradigms.local import LocalCharges


def sampled(path, count, positions=True):
    """Frames of the small case: its start structure, every molecule moved a little."""
    case = read_case(SMALL)
    dataset = Dataset.create(path, case.electrode, case.electrolyte, store_positions=positions)
    start = case.electrolyte_positions(case.positions)
    molecules = case.topology.molecules[case.electrolyte_indices]
    molecules = np.unique(molecules, return_inverse=True)[1]
    rng = np.random.default_rng(1)
    moved = np.array(
        [start + rng.normal(0.0, 0.4, (molecules.max() + 1, 3))[molecules] for _ in range(count)]
    )
    stored = moved.astype(np.float32).astype(float)
    ions = case.electrolyte.ion_indices
    stored[:, ions] = moved[:, ions]
    potential = SitePotential(case.electrode.positions, case.electrode.cell)
    potentials = np.array([potential(one, case.electrolyte.charges) for one in stored])
    dataset.append(Frames(0.5 * np.arange(count), potentials, moved[:, ions], moved if positions else None))
    return path


def test_frames_of_another_case_are_refused(tmp_path):
    Dataset.create(tmp_path / "other.h5", sheet(), electrolyte(), store_positions=True)
    with pytest.raises(ModelMismatchError, match="another electrode"):
        compare_paradigms(Study(SMALL, tmp_path / "other.h5"), tmp_path / "report")


def test_too_few_frames_are_refused(tmp_path):
    with pytest.raises(InputError, match="29 frames; the split needs 30"):
        compare_paradigms(Study(SMALL, sampled(tmp_path / "few.h5", 29)), tmp_path / "report")


def test_frames_without_positions_are_refused(tmp_path):
    path = sampled(tmp_path / "bare.h5", 30, positions=False)
    with pytest.raises(InputError, match="local models need all positions"):
        compare_paradigms(Study(SMALL, path), tmp_path / "report")


def test_a_place_that_cannot_be_written_is_refused_before_sampling(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        compare_paradigms(Study(SMALL, tmp_path / "none.h5"), tmp_path / "file" / "report")


def test_two_electrodes_are_refused(tmp_path):
    with pytest.raises(InputError, match="one electrode in its place"):
        compare_paradigms(Study(CAPACITOR, tmp_path / "none.h5"), tmp_path / "report")


@pytest.mark.parametrize("cutoffs", [(), (4.0, 1.0), (4.0, 4.0), (float("nan"),)])
def test_cutoffs_that_make_no_sense_are_refused(tmp_path, cutoffs):
    with pytest.raises(InputError, match="--cutoffs"):
        compare_paradigms(Study(SMALL, tmp_path / "none.h5", cutoffs=cutoffs), tmp_path / "report")


def test_a_net_of_other_frames_is_refused(tmp_path):
    """It may have been trained on the frames that test."""
    study = Study(SMALL, sampled(tmp_path / "own.h5", 30), net="graphene_nacl_small_response")
    with pytest.raises(InputError, match="leave --net out"):
        compare_paradigms(study, tmp_path / "report")


def test_labels_made_with_other_settings_are_refused(tmp_path):
    """The reference, the kernel and the labels must be of one electronic problem."""
    dataset = Dataset(sampled(tmp_path / "own.h5", 30))
    n = len(dataset.electrode)
    none, yes = np.zeros(30), np.ones(30, bool)
    charges = np.full((30, n), -1.0 / n)
    hot = {"temperature_kelvin": "500.0"}
    dataset.write_labels("dftb", -1.0, np.arange(30), charges, none, none, yes, hot)
    with pytest.raises(InputError, match=r"were made with temperature_kelvin 500\.0, not 300\.0"):
        compare_paradigms(Study(SMALL, dataset.path), tmp_path / "report")
    assert not (tmp_path / "report.work").exists()


def test_the_command_says_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["paradigms", str(CAPACITOR), "-o", str(tmp_path / "report")])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_answers_are_kept_and_asked_again_for_other_data(tmp_path, monkeypatch):
    rows = labelled(Screened(), 8, seed=1)
    parts = Parts(rows, rows, rows)
    asked = Questions(list(rows.frames), rows.frames[0], pairs_of(list(rows.frames))[:1], "these")
    first = answers(LocalCharges(4.0), parts, asked, tmp_path)
    fits = []
    fit = LocalCharges.fit
    monkeypatch.setattr(LocalCharges, "fit", lambda self, *rows: (fits.append(1), fit(self, *rows))[1])
    again = answers(LocalCharges(4.0), parts, asked, tmp_path)
    np.testing.assert_array_equal(again.charges, first.charges)
    assert fits == []
    others = Questions(asked.test, asked.probed, asked.pairs, "others")
    answers(LocalCharges(4.0), parts, others, tmp_path)
    assert fits == [1]


@pytest.mark.slow
def test_a_small_comparison_from_end_to_end(tmp_path):
    """Labels, a short training, report; the order of the models is physics."""
    path = sampled(tmp_path / "own.h5", 60)
    study = Study(SMALL, path, cutoffs=(4.0, 8.0), minutes=0.2)
    page = compare_paradigms(study, tmp_path / "report")
    text = page.read_text()
    for figure in ("cutoff", "waves", "image", "forces"):
        assert f'id="{figure}"' in text
    numbers = json.loads((tmp_path / "report" / "numbers.json").read_text())["All models"]
    explained = {name: own["explained"] for name, own in numbers.items()}
    assert explained["mean charge"] <= 0.0 < explained["local 4 Å"] < explained["local 8 Å"]
    assert explained["local 8 Å"] < explained["kernel K"] < 1.0
    assert 0.9 < explained["equilibration"] < explained["kernel K"]
    # a net that was hardly trained is not worse than its prior by much
    assert explained["response net"] > 0.999
    assert numbers["local 8 Å"]["capacitance"] == 0.0
    reference = numbers["reference"]["capacitance"]
    assert numbers["kernel K"]["capacitance"] == pytest.approx(reference, rel=0.02)
    assert numbers["response net"]["doubled"] is None
    assert numbers["kernel K"]["doubled"] > 0.999
