"""Accuracy of a response net at total charges it was not trained at.

    python untrained_charges.py reference.h5 [--total-charges -0.5 5.5] [--model NAME]

reference.h5 is made by reference_dataset.py; the model is the shipped one. Every second frame of the last
tenth, which no model was trained on, is solved by dftb. About a second a frame and charge.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from polcouple.backends.base import ChargeBackend
from polcouple.data.dataset import Dataset
from polcouple.data.splits import split_frames
from polcouple.learning.evaluate import backend_of, backend_results
from polcouple.learning.evaluation import level_errors

_ACCURACY = 1e-8


def errors(
    dataset: Dataset, exact: ChargeBackend, net: ChargeBackend, total_charge: float, frames: np.ndarray
) -> list[float]:
    """RMSE, largest error of a charge and committee's disagreement (e); RMSE of energy, Fermi level (Ha)."""
    answers = backend_results(dataset, "dftb", exact, total_charge, frames)
    found = backend_results(dataset, "nn", net, total_charge, frames)
    difference = np.array([a.charges - b.charges for a, b in zip(found, answers, strict=True)])
    levels = [np.array([(a.energy, a.fermi_level) for a in some], dtype=float) for some in (found, answers)]
    return [
        float(np.sqrt((difference**2).mean())),
        float(np.abs(difference).max()),
        max(result.residual for result in found),
        *level_errors(*levels),
    ]


def main() -> None:
    """Print a table, one line a charge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument(
        "--total-charges",
        type=float,
        nargs="+",
        default=[-7.5, -5.5, -4.2, -2.5, -0.5, 0.5, 2.5, 4.2, 5.5, 7.5],
    )
    parser.add_argument("--model", default="graphene_nacl_response")
    args = parser.parse_args()
    dataset = Dataset(args.dataset)
    exact = backend_of(dataset, "dftb", {"accuracy": _ACCURACY})
    net = backend_of(dataset, "nn", {"model": args.model})
    frames = split_frames(len(dataset), 10, 9, "blocks").test[::2]
    print("| Q / e | RMSE / e | max / e | disagreement / e | energy RMSE / Ha | Fermi level RMSE / Ha |")
    print("|---:|---:|---:|---:|---:|---:|")
    for charge in args.total_charges:
        values = errors(dataset, exact, net, charge, frames)
        print(f"| {charge:g} | " + " | ".join(f"{value:.1e}" for value in values) + " |", flush=True)


if __name__ == "__main__":
    main()
