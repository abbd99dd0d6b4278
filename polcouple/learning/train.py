"""Training of a response net, with the prior it needs from the electrode's DFTB."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np

from polcouple.backends.base import resolved_options
from polcouple.backends.capabilities import LevelOptions
from polcouple.data.dataset import Dataset
from polcouple.dftb.expansion import Node
from polcouple.dftb.refinement import refined
from polcouple.dftb.shells import bracketed
from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.lattice.symmetry import lattice_symmetries
from polcouple.learning.response_training import ResponseOptions, Trained, train_response
from polcouple.learning.training import Progress
from polcouple.log import Warned
from polcouple.nn.correction import pair_orbits
from polcouple.nn.prior import Prior, class_means, pair_classes

#: whose linear response is the prior of a response net, and whose labels are the usual ones
PRIOR = "dftb"
#: how far nodes beside a filled shell may lie outside the charges of the labels (e)
_BEYOND = 0.2
#: nodes closer than this get none between them (e); :class:`Prior` takes closer ones for those of a shell
_NARROWEST = 0.1
#: settings of the labels that the prior has, too
_OF_THE_PRIOR = ("temperature_kelvin", "k_points", "shell_resolved")


def train_response_net(
    dataset: Path | str,
    model_directory: Path | str,
    options: ResponseOptions | None = None,
    *,
    labels: str = PRIOR,
    dftb_settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a response net on every total charge that ``labels`` has in the dataset.

    Args:
        labels: backend that made the labels.
        dftb_settings: of the `dftb` backend that gives the prior, over those of the labels.

    Raises:
        InputError: no such labels, labels made with other parameters, or whatever
            :func:`polcouple.learning.response_training.train_response` refuses.
    """
    opened = Dataset(dataset)
    charges = sorted(charge for backend, charge in opened.label_sets() if backend == labels)
    if not charges:
        raise InputError(f"{opened.path}: no labels by {labels}; run `polcouple label`")
    settings = prior_settings(opened, labels, charges, dftb_settings or {})
    prior = linear_response_prior(opened.electrode, charges, settings)
    origin = "linear response of SCC-DFTB at zero site potentials"
    name = settings.slako_directory.name
    origin += f" ({name}, {settings.temperature_kelvin:g} K, k-points {settings.k_points})."
    return train_response(
        opened, model_directory, prior, labels, options, prior_origin=origin, progress=progress
    )


def prior_settings(
    dataset: Dataset, labels: str, total_charges: Sequence[float], given: Mapping[str, Any]
) -> LevelOptions:
    """Settings of `dftb` for the prior: those that the labels were made with, where the dataset tells.

    Args:
        labels: backend that made the labels.
        total_charges: of the labels in e.
        given: settings over them.

    Raises:
        InputError: invalid settings, or parameters that are not those of the labels.
    """
    recorded = dataset.label_settings(labels, total_charges[0])
    for charge in total_charges[1:]:
        dataset.require_settings(labels, charge, recorded)
    try:
        own = {name: ast.literal_eval(recorded[name]) for name in _OF_THE_PRIOR if name in recorded}
    except (ValueError, SyntaxError):
        raise InputError(f"{dataset.path}: the settings of labels by {labels} are damaged") from None
    options = resolved_options(PRIOR, own | dict(given), Path.cwd())
    chosen = cast(LevelOptions, options)
    made_from = options.identity(dataset.electrode.symbols)
    for name in sorted(recorded.keys() & made_from.keys()):
        if name.endswith(".skf") and recorded[name] != made_from[name]:
            raise InputError(
                f"{dataset.path}: labels by {labels} were made with another {name} than that of"
                f" {chosen.slako_directory}; name their parameter set with --slako"
            )
    return chosen


def linear_response_prior(electrode: Electrode, total_charges: list[float], options: LevelOptions) -> Prior:
    """Linear response at phi = 0 from the first to the last of ``total_charges`` (e).

    Nodes are these charges, all whole ones between them, where shells of levels may be filled, more on
    either side of each charge where one is, and others where the Fermi level between these would be wrong.
    They go a little beyond the range, because the slope of K at its ends, and with it the Fermi level, comes
    from both sides.

    Raises:
        ConvergenceError: the electrode has no self-consistent state there.
    """
    dftb = options.frozen_electrode(electrode)
    Warned().log(dftb.warnings)
    low, high = min(total_charges), max(total_charges)
    whole = {float(charge) for charge in range(math.ceil(low), math.floor(high) + 1)}
    ends = sorted({*total_charges, *whole})

    @cache
    def node(charge: float) -> Node:
        solution, response = dftb.bare_reference(charge)
        return Node(charge, solution, response, response.kernel(electrode))

    beside = bracketed(ends, [node(charge).response.hardness for charge in ends], _BEYOND)
    nodes = refined(sorted({*ends, *beside}), node, _NARROWEST)
    ordered = [(node(charge).point, node(charge).response) for charge in nodes]
    classes = pair_classes(pair_orbits(len(electrode), lattice_symmetries(electrode)))
    return Prior(
        np.array(nodes),
        np.array([solution.energy for solution, _ in ordered]),
        np.array([solution.fermi_level for solution, _ in ordered]),
        np.array([solution.charges for solution, _ in ordered]),
        np.array([response.fukui for _, response in ordered]),
        class_means(np.array([response.charge_kernel for _, response in ordered]), classes),
        classes,
    )
