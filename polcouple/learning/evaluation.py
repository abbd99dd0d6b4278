"""How good predicted charges are, always beside what no model at all would score.

The charges of the reference system scatter by 0.013 e, so the uniform charge Q/N is already "within 0.015
e" for four atoms in five. A fraction within a tolerance means nothing without that number next to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from polcouple.nn.binning import Binning
from polcouple.number_words import ROUNDING

#: the paper's threshold epsilon in e
PAPER_TOLERANCE = 0.015


@dataclass(frozen=True)
class Metrics:
    """Agreement of predicted with reference charges over all frames and atoms.

    Attributes:
        within_tolerance: fraction of charges within ``PAPER_TOLERANCE``.
        within_one_bin, exact_bin: fraction whose label is off by at most one, or right (the paper's filtered
            and plain histogram); labels of the prediction are the network's own where it predicts labels.
        rmse, mae, max_error: in e.
        r2: 1 - sum (q_pred - q)^2 / sum (q - <q>)^2 with each atom's mean over these frames: what is
            explained of the fluctuations in time, so that constant charges score 0 at best.
        total_charge_error: mean absolute deviation of the predicted sum before the projection, in e.
        frames: how many.
    """

    within_tolerance: float
    within_one_bin: float
    exact_bin: float
    rmse: float
    mae: float
    max_error: float
    r2: float
    total_charge_error: float
    frames: int


def evaluate(
    predicted: np.ndarray,
    reference: np.ndarray,
    binning: Binning,
    *,
    predicted_labels: np.ndarray | None = None,
    total_charge_errors: np.ndarray | None = None,
) -> Metrics:
    """Compare (f, n) charges in e.

    Args:
        predicted_labels: (f, n) whole or real-valued labels of a classifier, before decoding.
        total_charge_errors: (f,) in e before projection; 0 where the model needs none.
    """
    error = predicted - reference
    fluctuation = reference - reference.mean(axis=0)
    if predicted_labels is None:
        predicted_labels = binning.labels(predicted)
    label_error = np.abs(np.rint(predicted_labels) - binning.labels(reference))
    return Metrics(
        within_tolerance=float((np.abs(error) <= PAPER_TOLERANCE).mean()),
        within_one_bin=float((label_error <= 1).mean()),
        exact_bin=float((label_error == 0).mean()),
        rmse=float(np.sqrt((error**2).mean())),
        mae=float(np.abs(error).mean()),
        max_error=float(np.abs(error).max()),
        r2=float(1.0 - (error**2).sum() / (fluctuation**2).sum()),
        total_charge_error=0.0 if total_charge_errors is None else float(np.abs(total_charge_errors).mean()),
        frames=len(reference),
    )


def null_charges(train: np.ndarray, reference: np.ndarray) -> dict[str, np.ndarray]:
    """Charges (f, n) of no model in e: Q/N, and each atom's mean over the (t, n) training charges."""
    return {
        "uniform Q/N": np.broadcast_to(reference.mean(axis=1, keepdims=True), reference.shape),
        "mean of each atom": np.broadcast_to(train.mean(axis=0), reference.shape),
    }


def null_baselines(train: np.ndarray, reference: np.ndarray, binning: Binning) -> dict[str, Metrics]:
    """Scores of :func:`null_charges`."""
    charges = null_charges(train, reference)
    return {name: evaluate(values, reference, binning) for name, values in charges.items()}


def mean_metrics(parts: Sequence[Metrics]) -> Metrics:
    """Means over parts of equal size (of squares for the RMSE), the largest of the largest errors."""
    values = {key: float(np.mean([getattr(part, key) for part in parts])) for key in _COLUMNS}
    values["rmse"] = float(np.sqrt(np.mean([part.rmse**2 for part in parts])))
    values["max_error"] = max(part.max_error for part in parts)
    return Metrics(**values, frames=sum(part.frames for part in parts))


_COLUMNS = {
    "within_tolerance": ("within 0.015 e", lambda x: f"{100 * x:.2f} %"),
    "within_one_bin": ("within one bin", lambda x: f"{100 * x:.2f} %"),
    "exact_bin": ("exact bin", lambda x: f"{100 * x:.2f} %"),
    "rmse": ("RMSE / e", lambda x: f"{x:.2e}"),
    "mae": ("MAE / e", lambda x: f"{x:.2e}"),
    "max_error": ("max / e", lambda x: f"{x:.2e}"),
    "r2": ("R²", lambda x: f"1 - {1 - x:.1e}" if x > 0.999 else f"{x:.3f}"),
    "total_charge_error": ("total charge error / e", lambda x: f"{x:.2e}" if abs(x) >= ROUNDING else "0"),
}


def markdown_table(rows: Mapping[str, Metrics]) -> str:
    """One line per model, one column per metric."""
    lines = [
        "| | " + " | ".join(title for title, _ in _COLUMNS.values()) + " |",
        "|---|" + "---:|" * len(_COLUMNS),
    ]
    for name, metrics in rows.items():
        values = asdict(metrics)
        lines.append(
            f"| {name} | " + " | ".join(show(values[key]) for key, (_, show) in _COLUMNS.items()) + " |"
        )
    return "\n".join(lines) + "\n"


def level_errors(found: np.ndarray, labelled: np.ndarray) -> tuple[float, float]:
    """Root mean square errors in Hartree of (f, 2) energies and Fermi levels; NaN where there are none."""
    errors = np.sqrt(np.mean((found - labelled) ** 2, axis=0))
    return float(errors[0]), float(errors[1])


def level_table(levels: Mapping[str, tuple[float, float]]) -> str:
    """Errors of energies and Fermi levels in Hartree, one line a row."""
    lines = ["| | energy RMSE / Ha | Fermi level RMSE / Ha |", "|---|---:|---:|"]
    for name, errors in levels.items():
        shown = ["none" if np.isnan(error) else f"{error:.2e}" for error in errors]
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"
