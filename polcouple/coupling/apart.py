"""Whether electrodes are far enough from one another for their charges to act on each other as points.

Charges of an electrode's atoms are clouds (:mod:`polcouple.electrostatics.clouds`) and interact as such
inside it. Between electrodes they are taken for points.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq

from polcouple.backends.base import BackendOptions, resolved_options
from polcouple.case.model import Case
from polcouple.dftb.hamiltonian import find_pairs
from polcouple.electrostatics.clouds import Cloud
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM

#: atoms of different electrodes are no closer, whatever their charges are (bohr)
_OVERLAP = 1.8 * ANGSTROM_TO_BOHR
#: two clouds may miss this of the interaction of points (Hartree/e^2): two sheets of carbon at 1 V then have
#: charges within 2e-6 e and levels within 0.03 mV by `dftb`, and within 4e-6 e by the widest Gaussians
_MISSED = 2e-5
#: no cloud is felt further (bohr)
_FURTHEST = 200.0


def require_apart(case: Case, options: BackendOptions) -> None:
    """Refuse electrodes so close that charges of a backend with these options are no points to one another.

    Raises:
        InputError: naming the closest two atoms.
    """
    if len(case.electrodes) < 2:
        return
    electrode = case.electrode
    least = np.full(len(electrode), _OVERLAP)
    clouds = _clouds(case, options)
    if clouds is not None:
        felt = {cloud: _points_from(cloud) for cloud in set(clouds)}
        least = np.maximum(least, [felt[cloud] for cloud in clouds])
    owner = np.repeat(np.arange(len(case.electrodes)), [len(one) for one in case.electrodes])
    pairs = find_pairs(electrode, float(least.max()))
    distances = np.linalg.norm(pairs.vector, axis=1)
    wanted = np.maximum(least[pairs.first], least[pairs.second])
    between = np.flatnonzero((owner[pairs.first] != owner[pairs.second]) & (distances < wanted))
    if not len(between):
        return
    closest = between[distances[between].argmin()]
    first, second = sorted((int(pairs.first[closest]), int(pairs.second[closest])))
    names = [case.system.electrodes[owner[atom]].name for atom in (first, second)]
    raise InputError(
        f"{case.directory / 'init.xyz'}: electrodes '{names[0]}' and '{names[1]}' are too close, atoms"
        f" {case.electrode_indices[first]} and {case.electrode_indices[second]} (from 0) are"
        f" {distances[closest] * BOHR_TO_ANGSTROM:.2f} Angstrom apart: their charges act as points from"
        f" {wanted[closest] * BOHR_TO_ANGSTROM:.2f} Angstrom on; move one of them, or make them one electrode"
    )


def _clouds(case: Case, options: BackendOptions) -> Sequence[Cloud] | None:
    """Shapes of the charges; those of `dftb` where the backend has learnt from it, None of points."""
    if getattr(options, "shell_resolved", False):  # clouds of shells are much like their atom's
        options = options.model_copy(update={"shell_resolved": False})
    found = options.charge_clouds(case.electrode.symbols)
    if found is None and options.capabilities().fermi_level:
        others = case.system.backends
        dftb = resolved_options("dftb", others.get("dftb", {}), case.directory, others)
        found = dftb.charge_clouds(case.electrode.symbols)
    return found


def _points_from(cloud: Cloud) -> float:
    """Distance in bohr from which on two such clouds are points to each other."""

    def excess(distance: float) -> float:
        return float(cloud.less_than_points(np.array([distance]))[0]) - _MISSED

    return float(brentq(excess, 1e-3, _FURTHEST, xtol=1e-3))
