"""``polcouple evaluate``: backends against the labels of a dataset, in a table and figures."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from polcouple.backends.base import ChargeBackend, ChargeResult, Environment, create_backend
from polcouple.cli.options import parse_backend
from polcouple.cli.settings_help import add_settings_help
from polcouple.data.dataset import Dataset, label_name
from polcouple.data.positions import electrolyte_positions, require_positions
from polcouple.data.splits import Split, split_frames
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
from polcouple.log import Warned, log
from polcouple.nn.binning import Binning
from polcouple.output_paths import require_directory_name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple evaluate``."""
    add_settings_help(parser)
    parser.add_argument("dataset", type=Path, metavar="DATASET.h5", help="labelled by `polcouple label`")
    parser.add_argument(
        "--backend",
        action="append",
        required=True,
        metavar="NAME[:KEY=VALUE,...]",
        dest="backends",
        help="a backend and its settings, such as nn:model=./mine; may be repeated",
    )
    parser.add_argument(
        "--labels", nargs="+", metavar="NAME", help="what to compare with, BACKEND@CHARGE (all there are)"
    )
    parser.add_argument("--folds", type=int, default=10, help="parts the frames are split into (10)")
    parser.add_argument("--split", choices=("blocks", "random"), default="blocks", help="(blocks)")
    parser.add_argument(
        "--all-frames", action="store_true", help="a dataset no model was trained on: test on every frame"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="for table, metrics and figures")


def run(args: argparse.Namespace) -> int:
    """Print a table for each set of labels; write them, the metrics and the figure where asked to."""
    if args.output is not None:
        require_directory_name(args.output)
    dataset = Dataset(args.dataset)
    backends = {text: backend_of(dataset, *parse_backend(text)) for text in args.backends}
    split = split_frames(len(dataset), args.folds, args.folds - 1, args.split)
    if args.all_frames:
        every = np.arange(len(dataset))
        split = Split(every, every, every)
    tables, scores, charges = [], {}, {}
    chosen = [select_labels(dataset, name) for name in args.labels or ()] or dataset.label_sets()
    if not chosen:
        raise InputError(f"{dataset.path}: no labels; run `polcouple label` first")
    for labels in chosen:
        name = label_name(*labels)
        rows, charges[name], levels = evaluate_backends(dataset, backends, split, labels)
        scores[name] = rows
        tables.append(f"{name}\n\n{markdown_table(rows)}\n{level_table(levels)}")
        print(tables[-1], flush=True)
    if args.output is not None:
        from polcouple.learning.figures import parity_figure

        args.output.mkdir(parents=True, exist_ok=True)
        (args.output / "metrics.md").write_text("\n".join(tables))
        document = {
            name: {row: asdict(metrics) for row, metrics in rows.items()} for name, rows in scores.items()
        }
        (args.output / "metrics.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
        parity_figure(args.output / "parity.png", charges, scores)
        log(f"written to {args.output}")
    return 0


def backend_of(dataset: Dataset, name: str, settings: Mapping[str, Any]) -> ChargeBackend:
    """The backend ``name`` for the dataset's system; files that settings name are sought here.

    One that needs all positions is refused where they were not stored.

    Raises:
        PolcoupleError: it refuses the system or the settings.
    """
    require_positions(dataset, name, settings)
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
