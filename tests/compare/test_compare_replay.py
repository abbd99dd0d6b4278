"""Replay through several backends: right scores, nothing computed twice; the command from case to report."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from compare_cases import jiggled
from conftest import CAPACITOR, SMALL

import polcouple.compare.making
import polcouple.compare.models
import polcouple.coupling.charges
from polcouple.case.model import read_case, write_init_xyz
from polcouple.cli.commands import main
from polcouple.compare.charge_figures import labels, total_charge_figure
from polcouple.compare.comparison import Comparison
from polcouple.compare.making import make_runs, wanted_run
from polcouple.compare.models import Backends, common_binning, parse_models
from polcouple.compare.replay import Replay, replay
from polcouple.compare.replay_section import metrics, replay_section
from polcouple.compare.sheet_map import SheetRaster, thresholded
from polcouple.dftb.skf import DEFAULT_SLAKO
from polcouple.errors import InputError
from polcouple.ipi.input import read_xml
from polcouple.nn.binning import Binning
from polcouple.nn.model_files import load_description, shipped_models

TIMES = np.array([0.0, 0.5, 1.0])


@pytest.fixture(scope="module")
def frames(small_case):
    """Three configurations: the liquid shifted along the sheet, whose charges follow."""
    moved = []
    for shift in (0.0, 0.7, 1.6):
        positions = small_case.positions.copy()
        positions[small_case.electrolyte_indices, 0] += shift
        moved.append(positions)
    return moved


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def replayed(small_case, frames, store):
    return replay(
        Backends(small_case), frames, TIMES, True, parse_models(["dftb", "response"], small_case), store
    )


def test_scores(replayed, small_case):
    assert replayed.reference == "dftb"
    assert list(replayed.compared) == ["response", "uniform Q/N", "mean of each atom"]
    for charges in (*replayed.charges.values(), *replayed.baselines.values()):
        assert charges.shape == (3, len(small_case.electrode))
        assert charges.sum(axis=1) == pytest.approx([small_case.total_charge] * 3, abs=1e-9)
    scores = metrics(replayed)
    # linear response is within 3e-4 e of DFTB, and constants explain nothing
    assert scores["response"].max_error < 3e-4
    assert scores["response"].r2 > 0.999
    assert scores["mean of each atom"].r2 == pytest.approx(0.0, abs=1e-12)
    assert scores["uniform Q/N"].r2 < 0.0
    section = replay_section(replayed)
    assert section.numbers["metrics"]["response"]["rmse"] == scores["response"].rmse
    names = [figure.name for figure in section.figures]
    assert names == ["charge_histograms", "sorted_errors", "error_maps"]
    assert section.movies[0].gif.startswith(b"GIF89a")


def test_every_electrode_of_a_capacitor_has_its_maps(tmp_path):
    case = read_case(CAPACITOR)
    models = parse_models(["metal", "metal:gaussian_exponent_per_angstrom=1.2"], case)
    shown = replay(Backends(case), jiggled(case, 2), TIMES[:2], True, models, tmp_path)
    section = replay_section(shown)
    names = [figure.name for figure in section.figures]
    assert names[-2:] == ["error_maps_1", "error_maps_2"]
    for figure, electrode in zip(section.figures[-2:], ("lower", "upper"), strict=True):
        assert f"electrode {electrode}" in figure.caption
        panels = [axis for axis in figure.figure.axes if axis.images]
        maps = [axis.images[0].get_array() for axis in panels[::2]]
        assert len(maps) == 3
        sheet = shown.sheets[electrode]
        error = thresholded(shown.compared["uniform Q/N"] - shown.charges["metal"])[1, sheet]
        assert {float(value) for value in np.unique(maps[1])} == {float(value) for value in np.unique(error)}
        assert error.any()


def test_a_backend_that_refuses_the_case_does_so_before_any_run(tmp_path, capsys):
    words = [CAPACITOR, "--backend", "metal", "--backend", "fixed", "--steps", 400]
    status, said = compare(capsys, *words, "-o", tmp_path / "report")
    assert status == 2
    assert "charges of backend 'fixed' have no Fermi level" in said
    assert list(tmp_path.iterdir()) == []


def test_what_is_known_is_not_computed_again(replayed, small_case, frames, store, monkeypatch):
    def refuse(*_):
        raise AssertionError("no backend is needed")

    monkeypatch.setattr(polcouple.compare.models, "create_electrodes", refuse)
    again = replay(
        Backends(small_case), frames, TIMES, True, parse_models(["dftb", "response"], small_case), store
    )
    for name, charges in replayed.charges.items():
        assert np.array_equal(again.charges[name], charges)
    with pytest.raises(AssertionError):
        replay(
            Backends(small_case),
            frames,
            TIMES,
            True,
            parse_models(["response:warn_error=1"], small_case),
            store,
        )


def test_changed_parameters_and_fallbacks_are_another_model(small_directory):
    """What decides the charges of a model that is kept on disk, beside its own settings."""
    shutil.copytree(DEFAULT_SLAKO, small_directory / "mine")
    system = small_directory / "system.yaml"
    text, seen = system.read_text().partition("\nbackends:")[0], []
    for backends in (
        "{dftb: {slako: ./mine}}",
        "{dftb: {slako: ./mine}, nn: {fallback: dftb}}",
        "{dftb: {slako: ./mine, temperature_kelvin: 500}, nn: {fallback: dftb}}",
    ):
        system.write_text(f"{text}\nbackends: {backends}\n")
        case = read_case(small_directory)
        seen += [model.identity(case) for model in parse_models(["dftb", "nn"], case)]
    skf = small_directory / "mine" / "C-C.skf"
    skf.write_text(skf.read_text().replace("0.3647 ", "0.3648 "))
    seen += [model.identity(case) for model in parse_models(["dftb", "nn"], case)]
    dftb, nn = seen[::2], seen[1::2]
    assert dftb[0] == dftb[1] and len(set(dftb)) == 3
    assert len(set(nn)) == 4


def test_interrupted_replay_goes_on(small_case, frames, tmp_path, monkeypatch):
    models = parse_models(["fixed"], small_case)
    asked = []

    def solve(backend, environment, n, total_charge, guess, where):
        asked.append(where)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return backend.solve(environment, total_charge, guess)

    monkeypatch.setattr(polcouple.coupling.charges, "checked_solve", solve)
    with pytest.raises(KeyboardInterrupt):
        replay(Backends(small_case), frames, TIMES, True, models, tmp_path)
    replay(Backends(small_case), frames, TIMES, True, models, tmp_path)
    assert asked == ["fixed, frame 0", "fixed, frame 1", "fixed, frame 1", "fixed, frame 2"]


def test_damaged_store_is_refused(small_case, frames, tmp_path):
    models = parse_models(["fixed"], small_case)
    replay(Backends(small_case), frames, TIMES, True, models, tmp_path)
    (stored,) = tmp_path.iterdir()
    stored.write_bytes(stored.read_bytes()[:200])
    with pytest.raises(InputError, match="damaged; remove it"):
        replay(Backends(small_case), frames, TIMES, True, models, tmp_path)


def made_up(reference, predicted, deficits):
    """A replay of a classifier whose labels lack ``deficits`` of the total charge."""
    total = float(reference[0].sum())
    return Replay(
        "dftb",
        {"dftb": reference, "nn": predicted + deficits[:, None] / reference.shape[1]},
        {},
        {"nn": total - deficits},
        {},
        np.arange(len(reference)),
        False,
        total,
        np.zeros((reference.shape[1], 3)),
        {"sheet": slice(None)},
        np.eye(3),
        Binning.fit(reference),
    )


def test_labels_are_those_before_the_projection():
    reference = np.random.default_rng(1).normal(-0.01, 0.01, (4, 50))
    reference -= reference.mean(axis=1, keepdims=True) + 0.01
    binning = Binning.fit(reference)
    decoded = binning.charges(binning.labels(reference))
    shown = made_up(reference, decoded, np.array([0.2, -0.2, 0.1, 0.0]))
    assert np.array_equal(labels(shown, "nn"), binning.labels(reference))
    score = metrics(shown)["nn"]
    assert score.exact_bin == 1.0
    assert score.total_charge_error == pytest.approx(0.125)
    lines = total_charge_figure(shown).figure.axes[0].lines
    assert lines[0].get_ydata() == pytest.approx(shown.unprojected_sums["nn"])
    assert lines[1].get_ydata() == pytest.approx([-0.5, -0.5])
    assert total_charge_figure(replace(shown, unprojected_sums={})) is None


def test_map_is_zero_below_the_threshold_and_periodic(small_case):
    assert thresholded(np.array([0.0149, -0.0149, 0.03, -0.045])) == pytest.approx([0, 0, 2, -3])
    electrode = small_case.electrode
    values = np.arange(len(electrode), dtype=float)
    raster = SheetRaster(electrode.positions, electrode.cell)
    image = raster.image(values)
    assert np.unique(image).tolist() == values.tolist()
    shifted = electrode.positions + electrode.cell[0] - 2 * electrode.cell[1]
    assert np.array_equal(SheetRaster(shifted, electrode.cell).image(values), image)
    lengths = np.diag(electrode.cell)[:2]
    place = (electrode.positions[7, :2] / lengths % 1.0 * image.shape[::-1]).astype(int)
    assert image[place[1], place[0]] == 7


def test_bins_are_the_classifiers(small_case):
    charges = np.linspace(-0.05, 0.02, 30)
    assert common_binning(parse_models(["response"], small_case), small_case, charges).q_min == -0.05
    models = parse_models(["nn", "nn:model=graphene_nacl_classifier"], small_case)
    assert [model.label for model in models] == ["nn", "nn (graphene_nacl_classifier)"]
    binning = common_binning(models, small_case, charges)
    network = load_description(shipped_models()["graphene_nacl_classifier"])
    assert binning.q_min == network["bins"]["q_min"] != -0.05
    assert binning.n_bins == len(network["bins"]["values"])


def test_one_frame_is_too_few(small_case, frames, tmp_path):
    with pytest.raises(InputError, match="1 frame"):
        replay(
            Backends(small_case),
            frames[:1],
            TIMES[:1],
            True,
            parse_models(["response"], small_case),
            tmp_path,
        )


def compare(capsys, *words):
    """Exit status and what the command said on stderr."""
    with pytest.raises(SystemExit) as ended:
        main(["compare", *map(str, words)])
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", 10], "--backend twice or more"),
        (["--steps", 10, "--backend", "dftb", "--backend", "fixed"], "give 1 frames, 16 are needed"),
        (["--steps", 400, "--backend", "dftb", "--backend", "respnse"], "did you mean 'response'"),
        (["--steps", 400, "--backend", "dftb", "--backend", "nn:x"], "NAME:KEY=VALUE"),
        (["--steps", 400, "--backend", "fixed", "--backend", "metal:eta=2"], "'metal': unknown key 'eta'"),
        (["--steps", 400, "--backend", "dftb", "--backend", "nn:model=none"], "no shipped model 'none'"),
        (["--steps", 0, "--backend", "dftb", "--backend", "fixed"], "--steps 0: give a positive number"),
        (["--steps", 10, "--frames", "f.xyz", "--backend", "dftb", "--backend", "fixed"], "one of the two"),
        (["--frames", "none.xyz", "--backend", "dftb", "--backend", "fixed"], "none.xyz: no such file"),
        ([], "nothing to compare it with"),
        (["--backend", "dftb"], "has not finished"),
        (["other_case", "--steps", 10], "one case; 2 directories"),
        ([SMALL], "given twice; a run is not compared with itself"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(capsys, tmp_path, words, message):
    status, said = compare(capsys, SMALL, *words, "-o", tmp_path / "out")
    assert status == 2
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "words", "message"),
    [
        ('nbeads="1"', 'nbeads="3"', [], "input.xml: 3 beads; only runs with one"),
        ('extra_type="charges"', 'extra_type="x"', [], "no <trajectory extra_type='charges'>"),
        ("positions{angstrom}", "velocities", [], "no <trajectory> of positions"),
        ("", "", ["--skip", 0.1], "give 11 frames, 16 are needed"),
        ("", "", ["--fine-run", "none"], "none: no run here"),
    ],
)
def test_what_could_not_be_read_is_not_run(capsys, tmp_path, old, new, words, message):
    case = tmp_path / "case"
    shutil.copytree(SMALL, case)
    text = (case / "input.xml").read_text()
    assert old in text
    (case / "input.xml").write_text(text.replace(old, new) if old else text)
    asked = ["--steps", 400, "--every", 20, "--backend", "metal", "--backend", "response", *words]
    status, said = compare(capsys, case, *asked, "-o", tmp_path / "out")
    assert status == 2
    assert message in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["case"]


def test_frames_of_a_file(capsys, tmp_path, small_case, frames):
    path = tmp_path / "frames.xyz"
    texts = []
    for positions in frames:
        write_init_xyz(path, small_case.symbols, positions, small_case.cell)
        texts.append(path.read_text())
    path.write_text("".join(texts))
    words = [SMALL, "--frames", path, "--backend", "response", "--backend", "fixed", "--replay-frames", 2]
    status, said = compare(capsys, *words, "-o", tmp_path / "out")
    assert status == 0, said
    numbers = json.loads((tmp_path / "out" / "numbers.json").read_text())
    found = next(part for title, part in numbers.items() if title.startswith("Same trajectory"))
    assert found["reference"] == "response"
    assert found["frames"] == 2
    assert list(found["metrics"]) == ["uniform Q/N", "mean of each atom"]


def test_finished_runs_are_kept_and_others_gone_on_with(small_case, tmp_path, monkeypatch):
    asked = []

    def propagate(directory, last_step, words):
        asked.append((directory.name, words[:2]))
        if len(asked) == 2:
            raise KeyboardInterrupt
        (directory / "RESTART").write_text(f"<simulation><step>{last_step}</step></simulation>")
        return last_step

    monkeypatch.setattr(polcouple.compare.making, "propagate", propagate)
    asked_of = Comparison((SMALL,), platform="CPU", threads=1)
    models = parse_models(["response:warn_error=1", "fixed"], small_case)
    wanted = [wanted_run(asked_of.plan(model), model.label, tmp_path) for model in models]
    with pytest.raises(KeyboardInterrupt):
        make_runs(wanted, 40, 2)
    examined = []
    monkeypatch.setattr(
        polcouple.compare.making, "require_sound", lambda plan, *_: examined.append(plan.backend)
    )
    made = make_runs(wanted, 40, 2)
    assert examined == ["fixed"]
    assert asked == [
        ("response_1", ["--backend", "response"]),
        ("fixed", ["--backend", "fixed"]),
        ("fixed", ["--backend", "fixed"]),
    ]
    assert made == [tmp_path / "response_1", tmp_path / "fixed"]
    other = [wanted_run(asked_of.plan(model), model.label, tmp_path) for model in models]
    with pytest.raises(InputError, match=r"response_1 began otherwise: .*\[2\]@stride was 2, now 4"):
        make_runs(other, 40, 4)
    strides = {t.get("filename"): t.get("stride") for t in read_xml(made[0] / "input.xml").iter("trajectory")}
    assert strides["positions"] == strides["charges"] == "2"


@pytest.fixture(scope="module")
def from_case(tmp_path_factory):
    """Two runs made by the command, and the words that asked for them."""
    output = tmp_path_factory.mktemp("compare") / "out"
    words = ["compare", SMALL, "--backend", "response", "--backend", "fixed", "--steps", 64, "--every", 4]
    words = [str(word) for word in [*words, "--threads", 1, "-o", output]]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    return output, words


@pytest.mark.slow
def test_from_case_to_report(from_case):
    output, _ = from_case
    numbers = json.loads((output / "numbers.json").read_text())
    found = next(part for title, part in numbers.items() if title.startswith("Same trajectory"))
    assert found["frames"] == 17
    # the same positions, to MDAnalysis's single precision, give the charges that drove the run
    assert 0.0 < found["recorded_charges_reproduced_within_e"] < 2e-5
    assert found["metrics"]["mean of each atom"]["r2"] == pytest.approx(0.0, abs=1e-12)
    assert {path.name for path in output.parent.iterdir()} == {"out", "out.work"}


@pytest.mark.slow
def test_repeated_command_keeps_the_runs(from_case, capsys, monkeypatch):
    output, words = from_case
    runs = output.with_name("out.work") / "runs"
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("simulation.*")}
    assert before
    status, _ = compare(capsys, *words[1:])
    assert status == 0
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("simulation.*")} == before
    status, said = compare(capsys, *words[1:], "--replay-frames", 3)
    assert status == 2
    assert "another comparison" in said
    other = [*words[1:-1], output.with_name("new")]
    (output.with_name("new.work")).symlink_to(output.with_name("out.work"))
    status, said = compare(capsys, *other, "--every", 2)
    assert status == 2
    assert "response began otherwise: " in said and "@stride was 4, now 2" in said
