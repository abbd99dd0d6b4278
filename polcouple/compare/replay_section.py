"""The part of the report on the same trajectory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from polcouple.compare.charge_figures import (
    histogram_figure,
    labels,
    sorted_error_figure,
    total_charge_figure,
)
from polcouple.compare.replay import Replay
from polcouple.compare.sheet_map import error_map_figures, error_movie
from polcouple.learning.evaluation import PAPER_TOLERANCE, Metrics, evaluate
from polcouple.number_words import fixed
from polcouple.report.section import Section, Table


def replay_section(replay: Replay) -> Section:
    """Scores and figures of all backends on the same frames."""
    scores = metrics(replay)
    sums = total_charge_figure(replay)
    figures = [histogram_figure(replay), sorted_error_figure(replay), *error_map_figures(replay)]
    if sums is not None:
        figures.insert(1, sums)
    return Section(
        "Same trajectory: the charges of all backends on the same frames",
        (_what(replay), _baselines(replay, scores), _projection(replay)),
        tuple(figures),
        (_score_table(replay, scores),),
        (error_movie(replay),),
        {
            "reference": replay.reference,
            "frames": len(replay.times),
            "total_charge_e": replay.total_charge,
            "bin_width_e": replay.binning.width,
            "metrics": {name: asdict(values) for name, values in scores.items()},
            "unprojected_sum_e": {
                name: {"mean": float(sums.mean()), "standard_deviation": float(sums.std())}
                for name, sums in replay.unprojected_sums.items()
            },
            "seconds_per_frame": {name: float(np.median(s)) for name, s in replay.seconds.items()},
        },
    )


def metrics(replay: Replay) -> dict[str, Metrics]:
    """Scores of everything compared against the reference, by name."""
    reference = replay.charges[replay.reference]
    return {
        name: evaluate(
            charges,
            reference,
            replay.binning,
            predicted_labels=labels(replay, name),
            total_charge_errors=(
                replay.unprojected_sums[name] - replay.total_charge
                if name in replay.unprojected_sums
                else None
            ),
        )
        for name, charges in replay.compared.items()
    }


def _score_table(replay: Replay, scores: Mapping[str, Metrics]) -> Table:
    rows = []
    for name, score in scores.items():
        seconds = replay.seconds.get(name)
        rows.append(
            (
                name,
                score.rmse,
                score.max_error,
                score.r2,
                100 * score.within_tolerance,
                100 * score.within_one_bin,
                100 * score.exact_bin,
                score.total_charge_error,
                None if seconds is None else 1e3 * float(np.median(seconds)),
            )
        )
    return Table(
        "replay_scores",
        (
            "backend",
            "RMSE (e)",
            "largest error (e)",
            "R² of the fluctuations",
            f"within {PAPER_TOLERANCE:g} e (%)",
            "within one bin (%)",
            "exact bin (%)",
            "error of the sum before projection (e)",
            "time per frame (ms)",
        ),
        rows,
        f"Scores against {replay.reference}. R² = 1 - Σ(q - q_ref)² / Σ(q_ref - ⟨q_ref⟩)² with each atom's"
        " mean over these frames: 0 for the best constants, 1 for a perfect model. The time is the median of"
        " the backend alone, without site potentials, as the replay found it.",
    )


def _what(replay: Replay) -> str:
    span = f"{len(replay.times)} frames, from {replay.moment(0)} to {replay.moment(-1)}"
    return (
        f"Every backend answers for the same configurations ({span}); {replay.reference} is the reference."
        " The liquid has no part in a difference: it is the same."
    )


def _baselines(replay: Replay, scores: Mapping[str, Metrics]) -> str:
    spread = 1e3 * float(replay.charges[replay.reference].std(axis=0).mean())
    uniform = 100 * scores["uniform Q/N"].within_tolerance
    return (
        f"The reference's charges fluctuate by {spread:.1f} me about each atom's mean (standard deviation),"
        f" so that the uniform charge Q/N, which knows nothing, is within {PAPER_TOLERANCE:g} e for"
        f" {uniform:.1f} % of the charges. The other null baseline is each atom's mean over these very"
        " frames, the best that constant charges can be. Read R² first."
    )


def _projection(replay: Replay) -> str:
    if not replay.unprojected_sums:
        return "All backends compared give the total charge exactly; none needs to be corrected to it."
    shown = "; ".join(
        f"{name}: {fixed(sums.mean(), 3)} ± {fixed(sums.std(), 3)} e"
        " (mean and standard deviation over frames)"
        for name, sums in replay.unprojected_sums.items()
    )
    return (
        f"A classifier's labels do not add up to the total charge of {replay.total_charge:g} e; what is"
        f" missing is spread evenly. Sums before that: {shown}."
    )
