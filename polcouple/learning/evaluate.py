"""Backends against the labels of a dataset, in a table and figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from polcouple.backends.base import ChargeBackend, ChargeResult, Environment, create_backend, resolved_options
from polcouple.backends.setting_words import parse_backend
from polcouple.data.dataset import Dataset, label_name
from polcouple.data.positions import electrolyte_positions, require_positions
from polcouple.data.splits import Split, SplitKind, split_frames
from polcouple.errors import InputError
from polcouple.learning.evaluation import (
    Metrics,
    evaluate,
    level_errors,
    level_table,
    markdown_table,
    null_baselines,
)
from polcouple.learning.training import select_labels
from polcouple.log import Warned
from polcouple.nn.binning import Binning


@dataclass(frozen=True)
class Evaluated:
    """Scores on one set of labels.

    Attributes:
        name: of the labels, BACKEND@CHARGE.
        table: in Markdown.
        rows: metrics by row of the table.
        levels: root mean square errors of energy and Fermi level in Hartree by row, NaN where there is none.
        charges: (f, n) in e by row, and under ``reference``.
    """

    name: str
    table: str
    rows: Mapping[str, Metrics]
    levels: Mapping[str, tuple[float, float]]
    charges: Mapping[str, np.ndarray]


def evaluate_dataset(
    dataset: Dataset,
    texts: Sequence[str],
    labels: Sequence[str] = (),
    *,
    folds: int = 10,
    split: SplitKind = "blocks",
    all_frames: bool = False,
) -> Iterator[Evaluated]:
    """Score backends on the last fold of a dataset, set of labels by set of labels.

    Args:
        texts: backends as ``NAME[:KEY=VALUE,...]``; relative paths are taken from the current directory.
        labels: which, as BACKEND@CHARGE; all where none is named.
        all_frames: test on every frame, of a dataset that no model was trained on.

    Raises:
        InputError: no such labels, or labels that are missing or not converged.
        PolcoupleError: a backend refuses the system, the settings or the total charge.
    """
    backends = {text: backend_of(dataset, *parse_backend(text)) for text in texts}
    every = np.arange(len(dataset))
    parts = Split(every, every, every) if all_frames else split_frames(len(dataset), folds, folds - 1, split)
    chosen = [select_labels(dataset, name) for name in labels] or dataset.label_sets()
    if not chosen:
        raise InputError(f"{dataset.path}: no labels; run `polcouple label` first")
    for one in chosen:
        name = label_name(*one)
        rows, charges, levels = evaluate_backends(dataset, backends, parts, one)
        table = f"{name}\n\n{markdown_table(rows)}\n{level_table(levels)}"
        yield Evaluated(name, table, rows, levels, charges)


def write_evaluation(found: Sequence[Evaluated], directory: Path) -> None:
    """metrics.md, metrics.yaml and parity.png in a directory, which is made.

    In metrics.yaml a set of labels has the metrics of its rows and, under ``levels``, the errors of energies
    and Fermi levels in Hartree; null where there is none.
    """
    from polcouple.learning.figures import parity_figure

    directory.mkdir(parents=True, exist_ok=True)
    (directory / "metrics.md").write_text("\n".join(one.table for one in found))
    document = {
        one.name: {row: asdict(metrics) for row, metrics in one.rows.items()}
        | {"levels": {row: _named(errors) for row, errors in one.levels.items()}}
        for one in found
    }
    (directory / "metrics.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    charges = {one.name: one.charges for one in found}
    parity_figure(directory / "parity.png", charges, {one.name: one.rows for one in found})


def _named(errors: tuple[float, float]) -> dict[str, float | None]:
    """For YAML; null for what is not known."""
    known = (None if np.isnan(error) else float(error) for error in errors)
    return dict(zip(("energy", "fermi_level"), known, strict=True))


def backend_of(dataset: Dataset, name: str, settings: Mapping[str, Any]) -> ChargeBackend:
    """The backend ``name`` for the dataset's system, ``settings`` over those of the case that was sampled.

    Files that settings name are sought here.

    One that needs all positions is refused where they were not stored.

    Raises:
        PolcoupleError: it refuses the system or the settings.
    """
    settings = dataset.with_own_settings(name, settings)
    if resolved_options(name, settings, Path.cwd()).capabilities().positions == "all":
        require_positions(dataset, name)
    return create_backend(name, dataset.electrode, dataset.electrolyte, settings, Path.cwd())


def evaluate_backends(
    dataset: Dataset,
    backends: Mapping[str, ChargeBackend],
    split: Split,
    labels: tuple[str, float],
) -> tuple[dict[str, Metrics], dict[str, np.ndarray], dict[str, tuple[float, float]]]:
    """Score backends on the test frames of ``split``, beside the null baselines.

    Args:
        backends: for the dataset's system, by row of the table.
        labels: what to compare with, as (backend, total charge in e).

    Returns:
        Metrics by row; charges (f, n) in e by row and under ``reference``; root mean square errors of energy
        and Fermi level in Hartree by row (NaN where there is none), beside the labels' standard deviations.

    Raises:
        InputError: labels that are missing or not converged.
        PolcoupleError: a backend that refuses the total charge.
    """
    labeller, total_charge = labels
    everything = dataset.complete_labels(labeller, total_charge)
    reference = everything.charges[split.test]
    labelled = np.column_stack([everything.energy, everything.fermi_level])[split.test]
    binning = Binning.fit(everything.charges[split.train])
    charges: dict[str, np.ndarray] = {"reference": reference}
    rows: dict[str, Metrics] = {}
    levels: dict[str, tuple[float, float]] = {}
    for row, backend in backends.items():
        results = backend_results(dataset, row, backend, total_charge, split.test)
        charges[row] = np.array([result.charges for result in results])
        sums = [total_charge if r.unprojected_sum is None else r.unprojected_sum for r in results]
        errors = np.array(sums) - total_charge
        rows[row] = evaluate(charges[row], reference, binning, total_charge_errors=errors)
        found = np.array([(r.energy, r.fermi_level) for r in results], dtype=float)
        levels[row] = level_errors(found, labelled)
    spread = labelled.std(axis=0)
    levels["standard deviation of the labels"] = (float(spread[0]), float(spread[1]))
    rows |= null_baselines(everything.charges[split.train], reference, binning)
    return rows, charges, levels


def backend_results(
    dataset: Dataset,
    name: str,
    backend: ChargeBackend,
    total_charge: float,
    indices: Sequence[int] | np.ndarray,
) -> list[ChargeResult]:
    """Answers of ``backend`` for the frames ``indices``; atoms not stored have NaN positions.

    ``name`` of the backend is for messages.

    Raises:
        InputError: a frame on which it does not converge.
    """
    frames = dataset.frames(positions=dataset.has_positions)
    found = []
    warned = Warned()
    for frame in indices:
        positions = electrolyte_positions(frames, dataset.electrolyte, int(frame))
        environment = Environment(dataset.electrolyte, positions, frames.site_potentials[frame])
        result = backend.solve(environment, total_charge)
        if not result.converged:
            raise InputError(f"{dataset.path}: {name} did not converge on frame {frame}")
        warned.log(f"{name}: {warning}" for warning in result.warnings)
        found.append(result)
    return found
