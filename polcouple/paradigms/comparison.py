"""Local and nonlocal models of the electrode's charges on the same frames: data, fits, answers, report."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polcouple.backends.base import resolved_options, what_decides
from polcouple.case.model import Case, read_case
from polcouple.data.dataset import CONVERGED, Dataset, label_name
from polcouple.errors import InputError
from polcouple.files import require_writable
from polcouple.learning.label import label_dataset
from polcouple.learning.response_training import ResponseOptions
from polcouple.learning.train import train_response_net
from polcouple.learning.training_data import require_trained_on
from polcouple.log import Warned, log
from polcouple.nn.model_files import DESCRIPTION, find_model, load_description
from polcouple.paradigms.answers import answers, questions
from polcouple.paradigms.backend_charges import BackendCharges
from polcouple.paradigms.charge_equilibration import ChargeEquilibration
from polcouple.paradigms.descriptors import require_plane
from polcouple.paradigms.frames import FOLDS, LEAST_FRAMES, Parts, read_parts, require_enough
from polcouple.paradigms.latent import LatentCharges
from polcouple.paradigms.local import LocalCharges
from polcouple.paradigms.mean_charge import MeanCharge
from polcouple.paradigms.model import ChargeModel
from polcouple.paradigms.sections import sections
from polcouple.propagation.plan import RunPlan, require_case
from polcouple.report.directory import require_free, write_report
from polcouple.simulation.sample import Sampling, sample

#: whose charges are the truth
LABELS = "dftb"
#: what moves the liquid where frames are sampled
_SAMPLER = "response"
#: what the kernel has of the labels' settings
_SHARED = ("slako", "temperature_kelvin", "k_points", "shell_resolved", "cache_directory", "array_library")
#: cut-offs (Angstrom) that make sense: nearer there is no liquid, farther than the largest is a cell
_CUTOFFS = (2.5, 40.0)


@dataclass(frozen=True)
class Study:
    """What to compare.

    Attributes:
        case: directory of a case of one electrode in one plane.
        dataset: of its frames with all positions; made where there is none.
        frames, every, skip: how many frames are sampled, ps between them, ps left out at the start.
        cutoffs: of the local models in Angstrom.
        latent_cutoff: of the latent charges in Angstrom.
        minutes: that the response net is trained at most.
        net: one that was trained on the same frames, split in the same way, instead; a name or a path.
        workers: processes that label.
    """

    case: Path
    dataset: Path
    frames: int = 400
    every: float = 0.5
    skip: float = 30.0
    cutoffs: tuple[float, ...] = (4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0)
    latent_cutoff: float = 8.0
    minutes: float = 10.0
    net: str | Path | None = None
    workers: int = 1


def compare_paradigms(study: Study, output: Path) -> Path:
    """Sample and label what is missing, fit the models, ask them, write the report.

    What is done is kept in ``output``.work, and a repeated call does the rest.

    Args:
        output: directory of the report.

    Returns:
        The report's page.

    Raises:
        InputError: a case that is not of one electrode in one plane, frames of another case, too few of them,
            or an ``output`` that is in use or cannot be written.
    """
    case = _case(study)
    subject = _subject(study)
    require_free(output, subject)
    require_writable(output.parent)
    dataset = _dataset(study, case)
    given = None if study.net is None else _given_net(study.net, dataset)
    work = output.with_name(output.name + ".work")
    settings = case.backend_settings(LABELS)
    _label(dataset, case, settings, study.workers)
    parts = read_parts(dataset, LABELS, case.total_charge)
    asked = questions(parts, _digest(parts))
    symbols = case.electrode.symbols
    reference = answers(
        BackendCharges(f"{LABELS} (reference)", LABELS, settings, symbols, case.directory),
        parts, asked, work / "answers",
    )  # fmt: skip
    found = {model.name: answers(model, parts, asked, work / "answers") for model in _models(study, case)}
    net = work / "response_net" if given is None else given
    if given is None:
        _train(dataset, net, study.minutes, settings)
    model = BackendCharges("response net", "nn", {"model": net.resolve()}, symbols)
    found[model.name] = answers(model, parts, asked, work / "answers")
    write_report(
        output,
        f"Local and nonlocal charges: {case.directory.resolve().name}",
        subject,
        sections(study.cutoffs, parts, asked, reference, found),
    )
    return output / "report.html"


def _models(study: Study, case: Case) -> list[ChargeModel]:
    """Every model but the net, in the order of the table."""
    shared = {key: value for key, value in case.backend_settings(LABELS).items() if key in _SHARED}
    return [
        MeanCharge(),
        *(LocalCharges(cutoff) for cutoff in study.cutoffs),
        LatentCharges(study.latent_cutoff),
        ChargeEquilibration(),
        BackendCharges("kernel K", "response", shared, case.electrode.symbols, case.directory),
    ]


def _case(study: Study) -> Case:
    require_case(study.case)
    case = read_case(study.case)
    where = study.case / "system.yaml"
    if len(case.electrodes) != 1 or case.mobile or case.system.potential is not None:
        raise InputError(
            f"{where}: the comparison is for one electrode in its place with a total charge; this case has"
            " several, one that moves, or a potential"
        )
    if case.slab_field is not None or not all(case.electrode.pbc):
        raise InputError(f"{where}: the comparison needs a cell that is periodic in three dimensions")
    require_plane(case.electrode)
    bad = [cutoff for cutoff in study.cutoffs if not _CUTOFFS[0] <= cutoff <= _CUTOFFS[1]]
    if bad or not study.cutoffs:
        raise InputError(
            f"--cutoffs: give some from {_CUTOFFS[0]:g} to {_CUTOFFS[1]:g} Angstrom"
            + (f", not {bad[0]:g}" if bad else "")
        )
    if len(set(study.cutoffs)) < len(study.cutoffs):
        raise InputError("--cutoffs: one is given twice")
    if not study.minutes > 0.0:
        raise InputError(f"--minutes {study.minutes:g}: give a positive number")
    return case


def _dataset(study: Study, case: Case) -> Dataset:
    """The frames, of this case and enough of them; sampled where they are not there."""
    if study.dataset.exists():
        dataset = Dataset(study.dataset)
        dataset.require_system(case.electrode, case.electrolyte)
        if len(dataset) >= study.frames or not _sampled_here(study):
            require_enough(dataset)
            return dataset
    if study.net is not None:
        there = f"{len(Dataset(study.dataset))} frames" if study.dataset.exists() else "no such dataset"
        raise InputError(
            f"{study.dataset}: {there}, and --frames {study.frames} would be sampled; --net is for frames"
            " that the net was trained on"
        )
    if study.frames < LEAST_FRAMES:
        raise InputError(f"--frames {study.frames}: the split needs {LEAST_FRAMES} at least")
    name = "input_mts.xml" if (study.case / "input_mts.xml").is_file() else "input.xml"
    plan = RunPlan(study.case, name, _SAMPLER, {})
    sample(Sampling(plan, study.frames, study.every, study.skip, positions=True), study.dataset)
    return Dataset(study.dataset)


def _sampled_here(study: Study) -> bool:
    """Whether this command's own sampling may have been interrupted."""
    return (study.case / f"sample_{study.dataset.stem}").is_dir()


def _label(dataset: Dataset, case: Case, settings: dict[str, Any], workers: int) -> None:
    """Labels at the case's charge, and at one e on either side, from which the net learns levels.

    Raises:
        InputError: labels that were made with other settings than the case has for ``LABELS``.
    """
    wanted = [case.total_charge + shift for shift in (-1.0, 0.0, 1.0)]
    known = {charge for backend, charge in dataset.label_sets() if backend == LABELS}
    options = resolved_options(LABELS, settings, case.directory)
    decides = what_decides(LABELS, options, case.electrode.symbols)
    for charge in known:
        # better labels than the case asks for are welcome
        dataset.require_settings(LABELS, charge, {k: v for k, v in decides.items() if k != "accuracy"})
    missing = [
        charge
        for charge in wanted
        if charge not in known or (dataset.labels(LABELS, charge).status != CONVERGED).any()
    ]
    if not missing:
        return
    log(f"labels {', '.join(label_name(LABELS, charge) for charge in missing)} of {len(dataset)} frames")
    summary = label_dataset(dataset.path, LABELS, missing, settings, workers=workers, redo_unconverged=True)
    Warned().log(summary.warnings)


def _train(dataset: Dataset, directory: Path, minutes: float, settings: dict[str, Any]) -> None:
    if (directory / DESCRIPTION).exists():
        _require_as_asked(directory, dataset, minutes)
        return
    log(f"response net: trained for {minutes:g} minutes at most")
    options = ResponseOptions(
        learning_rate=3e-3, folds=FOLDS, split="blocks", max_minutes=minutes, max_epochs=800, patience=200
    )
    own = {key: value for key, value in settings.items() if key == "slako"}
    train_response_net(dataset.path, directory, options, labels=LABELS, dftb_settings=own)


def _require_as_asked(directory: Path, dataset: Dataset, minutes: float) -> None:
    """Refuse a net that an earlier call trained on other frames, or stopped after another time.

    Raises:
        InputError: saying which.
    """
    again = f"delete {directory} and {directory.name}.training to train one"
    try:
        require_trained_on(directory, dataset, LABELS, FOLDS, "blocks")
    except InputError as error:
        raise InputError(f"{error}; {again}") from None
    training = load_description(directory)["training"]
    if training["stopped_by"] == "time" and training["max_minutes"] != minutes:
        raise InputError(
            f"{directory}: trained for {training['max_minutes']:g} minutes, and --minutes is {minutes:g};"
            f" give --minutes {training['max_minutes']:g}, or {again}"
        )


def _given_net(net: str | Path, dataset: Dataset) -> Path:
    """A trained net's directory.

    Raises:
        InputError: it is no response net, or was not trained on these frames without those that test here.
    """
    directory = find_model(net)
    try:
        require_trained_on(directory, dataset, LABELS, FOLDS, "blocks")
    except InputError as error:
        raise InputError(f"{error}; leave --net out to train one") from None
    return directory


def _digest(parts: Parts) -> str:
    """Of all frames and labels."""
    digest = hashlib.sha256()
    for rows in (parts.train, parts.validation, parts.test):
        digest.update(rows.charges.tobytes())
        digest.update(rows.fermi_levels.tobytes())
        for frame in rows.frames:
            digest.update(frame.positions.tobytes())
    return digest.hexdigest()


def _subject(study: Study) -> dict[str, Any]:
    """What the report is about, to tell it from others."""
    return {
        "case": str(study.case.resolve()),
        "dataset": str(study.dataset.resolve()),
        "cutoffs": list(study.cutoffs),
        "latent_cutoff": study.latent_cutoff,
        "net": None if study.net is None else str(study.net),
    }
