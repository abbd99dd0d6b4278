"""Training with a prior: what :mod:`polcouple.nn` needs from the DFTB of the electrode."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.backends.base import parse_options
from polcouple.backends.dftb import Options as DftbOptions
from polcouple.electrode import Electrode
from polcouple.errors import ConvergenceError, InputError
from polcouple.nn.dataset import Dataset
from polcouple.nn.evaluation import Metrics
from polcouple.nn.response_net import Prior
from polcouple.nn.response_training import ResponseOptions, train_response
from polcouple.nn.training import Progress

_REFERENCE_ACCURACY = 1e-9


def train_response_net(
    dataset: Path | str,
    model_directory: Path | str,
    options: ResponseOptions | None = None,
    *,
    labels: str = "dftb",
    dftb_settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Metrics]:
    """Train a response net on every total charge that ``labels`` has in the dataset.

    Args:
        labels: backend that made the labels.
        dftb_settings: of the `dftb` backend that gives the prior; to agree with the labels.

    Raises:
        InputError: no such labels, or whatever :func:`polcouple.nn.response_training.train_response` refuses.
    """
    opened = Dataset(dataset)
    charges = sorted(charge for backend, charge in opened.label_sets() if backend == labels)
    if not charges:
        known = sorted({backend for backend, _ in opened.label_sets()})
        raise InputError(
            f"{opened.path}: no labels by {labels}; there are: {', '.join(known) or 'none'}; "
            "run `polcouple label`"
        )
    settings = parse_options(DftbOptions, dftb_settings or {}, "settings of backend 'dftb'")
    assert isinstance(settings, DftbOptions)
    prior = linear_response_prior(opened.electrode, charges, settings)
    origin = "linear response of SCC-DFTB at zero site potentials"
    origin += f" ({settings.slako.name}, {settings.temperature_kelvin:g} K, k-points {settings.k_points})."
    return train_response(
        opened, model_directory, prior, labels, options, prior_origin=origin, progress=progress
    )


def linear_response_prior(electrode: Electrode, total_charges: list[float], options: DftbOptions) -> Prior:
    """Linear response at phi = 0 for each of ``total_charges`` (ascending, e).

    Raises:
        ConvergenceError: the electrode has no self-consistent state there.
    """
    dftb = options.frozen_electrode(electrode)
    solutions = [dftb.solve(np.zeros(len(electrode)), Q, accuracy=_REFERENCE_ACCURACY) for Q in total_charges]
    for solution in solutions:
        if not solution.converged:
            raise ConvergenceError(
                f"dftb: no self-consistent reference at Q = {solution.total_charge:g} e: "
                "raise temperature_kelvin"
            )
    responses = [dftb.linear_response(solution) for solution in solutions]
    return Prior(
        np.array(total_charges),
        np.array([solution.energy for solution in solutions]),
        np.array([solution.fermi_level for solution in solutions]),
        np.array([solution.charges for solution in solutions]),
        np.array([response.fukui for response in responses]),
        np.array([response.charge_kernel for response in responses]),
    )
