"""Architecture of a grand potential for given frames: elements, levels, and the bare electrode's level."""

from __future__ import annotations

import ast

import numpy as np

from polcouple.data.grand_frames import GrandFrames
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import TotalCharge
from polcouple.errors import InputError
from polcouple.lattice.pairs import neighbour_pairs
from polcouple.learning.grand_options import GrandOptions
from polcouple.nn.grand.architecture import GrandArchitecture
from polcouple.nn.grand.levels import levels_of
from polcouple.units import ANGSTROM_TO_BOHR, HARTREE_TO_EV, KELVIN_TO_HARTREE

#: of labels that do not say theirs, K
_USUAL_TEMPERATURE = 300.0


def architecture_for(
    frames: GrandFrames, trained_levels: np.ndarray, options: GrandOptions
) -> GrandArchitecture:
    """Sizes from the options, levels from the frames.

    Args:
        trained_levels: of the frames to train on, eV.

    Raises:
        InputError: the frames have no such electrode, or its level is neither given nor to be computed.
    """
    base = options.architecture(tuple(sorted(set(frames.symbols))))
    kelvin = float(frames.settings.get("temperature_kelvin", _USUAL_TEMPERATURE))
    kt = kelvin * KELVIN_TO_HARTREE * HARTREE_TO_EV
    electrode, neutral = tuple(options.electrode), 0.0
    if options.design == "electrode":
        missing = [symbol for symbol in electrode if symbol not in base.elements]
        if missing:
            raise InputError(
                f"--electrode {' '.join(electrode)}: the frames have no {', '.join(missing)}, but"
                f" {', '.join(base.elements)}"
            )
        neutral = _neutral_level(frames, options, kt)
    levels = tuple(float(level) for level in np.unique(np.round(trained_levels, 9)))
    return GrandArchitecture(
        base,
        options.design,
        electrode if options.design == "electrode" else (),
        options.design == "electrode" and not options.no_long_range,
        options.design == "electrode" and options.electrons_weight > 0.0,
        kt,
        options.hopping,
        options.hopping_decay,
        neutral,
        levels,
        frames.reference,
    )


def _neutral_level(frames: GrandFrames, options: GrandOptions, kt: float) -> float:
    """Of the bare, neutral electrode in the case's start: its Fermi level by DFTB less that of its levels."""
    if options.neutral_level is not None:
        return options.neutral_level
    if frames.backend != "dftb":
        raise InputError(
            f"labels of {frames.backend}: give the Fermi level of the bare electrode by --neutral-level (eV)"
        )
    sites = np.flatnonzero(np.isin(frames.symbols, options.electrode))
    k_points = ast.literal_eval(frames.settings.get("k_points", "(1, 1, 1)"))
    dftb = MovingDftb(tuple(frames.symbols[i] for i in sites), kt / HARTREE_TO_EV, k_points=k_points)
    bohr = frames.start[sites] * ANGSTROM_TO_BOHR
    found = dftb.solve(bohr, frames.cell * ANGSTROM_TO_BOHR, TotalCharge(0.0))
    pairs = neighbour_pairs(frames.start[sites], frames.cell, (True,) * 3, options.cutoff)
    levels = levels_of(pairs, np.arange(len(sites)), options.hopping, options.hopping_decay, kt)
    return found.fermi_level * HARTREE_TO_EV - levels.neutral_level
