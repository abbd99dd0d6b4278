"""The whole comparison: what is refused before any work, what is kept, and a small one from end to end."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from conftest import CAPACITOR, SMALL
from nn_cases import electrolyte, frames, labelled_dataset, sheet, true_charges
from paradigms_cases import Screened, labelled

from polcouple.case.model import read_case
from polcouple.cli.commands import main
from polcouple.data.dataset import Dataset, Frames
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.errors import InputError, ModelMismatchError
from polcouple.learning.training_data import require_trained_on
from polcouple.nn.model_files import find_model, load_model_files, save_model
from polcouple.nn.models import load_model
from polcouple.paradigms.answers import Questions, answers
from polcouple.paradigms.backend_charges import BackendCharges
from polcouple.paradigms.comparison import Study, _given_net, _require_as_asked, compare_paradigms
from polcouple.paradigms.doubled import pairs_of
from polcouple.paradigms.frames import Frame, Parts, Rows
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


def trained_on(directory, dataset, **changed):
    """A response net's directory whose digest of potentials, labels and split is worked out here."""
    known = sorted(charge for _, charge in dataset.label_sets())
    digest = hashlib.sha256(dataset.frames().site_potentials.tobytes())
    for charge in known:
        labels = dataset.labels("dftb", charge)
        digest.update(labels.charges.tobytes())
        digest.update(np.stack([labels.energy, labels.fermi_level], axis=1).tobytes())
    digest.update(b'[10, "blocks"]')
    data = {"frames": len(dataset), "labels": [f"dftb@{charge:g}" for charge in known]}
    data |= {"sha256": digest.hexdigest(), "origin": dataset.origin}
    training = {"folds": 10, "split": "blocks", "stopped_by": "time", "max_minutes": 0.5} | changed
    description = {"kind": "response", "data": data, "training": training}
    save_model(directory, description, {"none": np.zeros(1)}, "")
    return directory


def test_a_net_of_the_same_frames_alone_may_be_given(tmp_path):
    """Other frames of the same case, of the same number and made in the same words, are other frames."""
    own, other = (
        labelled_dataset(tmp_path / name, count, (-1.0, 0.0))
        for name, count in (("own.h5", 40), ("more.h5", 41))
    )
    net = trained_on(tmp_path / "net", own)
    require_trained_on(net, own, "dftb", 10, "blocks")
    charges, none = true_charges(sheet(), own.frames().site_potentials, 1.0), np.zeros(40)
    own.write_labels("dftb", 1.0, np.arange(40), charges, none, none, np.ones(40, bool))
    require_trained_on(net, own, "dftb", 10, "blocks")  # labels that it was not shown
    with pytest.raises(InputError, match="but trained on 40 frames"):
        require_trained_on(net, other, "dftb", 10, "blocks")
    with pytest.raises(InputError, match=r"labels that .* has not \(dftb@0\)"):
        require_trained_on(net, labelled_dataset(tmp_path / "few.h5", 40, (-1.0,)), "dftb", 10, "blocks")
    with pytest.raises(InputError, match="split otherwise"):
        require_trained_on(net, own, "dftb", 9, "blocks")
    twin = Dataset.create(tmp_path / "twin.h5", sheet(), electrolyte(), origin=own.origin)
    twin.append(frames(sheet(), 40, seed=7))
    for charge in (-1.0, 0.0):
        labels = own.labels("dftb", charge)
        columns = labels.charges, labels.energy, labels.fermi_level
        twin.write_labels("dftb", charge, np.arange(40), *columns, np.ones(40, bool))
    with pytest.raises(InputError, match=r"other frames or labels, by their SHA-256.*leave --net out"):
        _given_net(net, twin)
    (net / "weights.h5").write_bytes((tmp_path / "own.h5").read_bytes())
    with pytest.raises(InputError, match="SHA-256 is not the one in"):
        require_trained_on(net, own, "dftb", 10, "blocks")


def test_a_net_that_an_earlier_call_trained_otherwise_is_refused(tmp_path):
    own, other = (labelled_dataset(tmp_path / f"{count}.h5", count) for count in (40, 41))
    net = trained_on(tmp_path / "response_net", own)
    _require_as_asked(net, own, 0.5)
    with pytest.raises(InputError, match=r"trained for 0.5 minutes, and --minutes is 10; give --minutes 0.5"):
        _require_as_asked(net, own, 10.0)
    with pytest.raises(InputError, match=r"trained on 40 frames.*; delete .*response_net"):
        _require_as_asked(net, other, 0.5)
    _require_as_asked(trained_on(tmp_path / "done", own, stopped_by="patience"), own, 10.0)


def test_frames_that_are_too_few_for_a_net_are_counted(small_directory):
    dataset = small_directory / "few.h5"
    sampled(dataset, 30)
    (small_directory / "sample_few").mkdir()
    study = Study(small_directory, dataset, frames=31, net="graphene_nacl_small_response")
    with pytest.raises(InputError, match=r"few.h5: 30 frames, and --frames 31 would be sampled"):
        compare_paradigms(study, small_directory / "report")


def test_answers_of_a_net_that_was_trained_anew_are_asked_again(tmp_path):
    """In the place of another, under the same name."""
    case = read_case(SMALL)
    rng = np.random.default_rng(3)
    potentials = rng.normal(0.0, 0.01, (11, len(case.electrode)))
    start = case.electrolyte_positions(case.positions)
    rows = [Frame(case.electrode, case.electrolyte, start, one, -1.0) for one in potentials]
    rows = Rows(rows, np.zeros((11, len(case.electrode))), np.zeros(11))
    parts, asked = Parts(rows, rows, rows), Questions(rows.frames, rows.frames[0], [], "these")
    net = tmp_path / "net"
    shutil.copytree(find_model("graphene_nacl_small_response"), net)
    found = []
    for _ in range(2):
        model = BackendCharges("response net", "nn", {"model": net}, case.electrode.symbols)
        found.append(answers(model, parts, asked, tmp_path / "answers").charges)
        trained = load_model(net, case.electrode)
        exact = [trained.respond(one, -1.0).charges for one in potentials]
        np.testing.assert_allclose(found[-1], exact, atol=1e-12)
        description, arrays = load_model_files(net)
        grown = arrays | {"correction/energy_scale": 1.5 * arrays["correction/energy_scale"]}
        save_model(net, description, grown, "")
    assert np.abs(found[1] - found[0]).max() > 1e-8


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
