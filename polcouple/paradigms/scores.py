"""What is made of a model's answers: the numbers of its row in the table, and its curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.paradigms import measures as of
from polcouple.paradigms.answers import Answers, Questions
from polcouple.paradigms.frames import Parts
from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV

#: Hartree/bohr in meV/Angstrom
_FORCE = 1e3 * HARTREE_TO_EV / BOHR_TO_ANGSTROM


@dataclass(frozen=True, eq=False)
class Scores:
    """What is made of one model's answers; lengths in Angstrom, forces in meV/Angstrom.

    Attributes:
        explained: R^2 of the charges' fluctuations on the frames that test.
        rms: error of a charge in e.
        waves, by_wave: wave numbers (1/Angstrom) and the explained part of each.
        images: (heights,) image charge over the ion's.
        capacitance: uF/cm^2.
        doubled: R^2 for twice the electrode, NaN of a model that cannot.
        slices: (slices,) root mean square errors of forces at heights ``measures.SLICES``.
        first_layer, bulk: of the first layer and of the liquid far away.
        milliseconds, fit_seconds: time of a frame, processor time of the fit.
    """

    explained: float
    rms: float
    waves: np.ndarray
    by_wave: np.ndarray
    images: np.ndarray
    capacitance: float
    doubled: float
    slices: np.ndarray
    first_layer: float
    bulk: float
    milliseconds: float
    fit_seconds: float


def scores(own: Answers, reference: Answers, parts: Parts, asked: Questions) -> Scores:
    """Of a model against the reference's answers; the labels are the truth on the frames that test."""
    truth = parts.test.charges
    waves, by_wave = of.explained_by_wave(own.charges, truth, asked.test[0])
    mean = np.tile(parts.train.charges.mean(axis=0), 2)
    squares, counts = of.force_errors(own.charges - truth, asked.test)
    with np.errstate(invalid="ignore"):
        slices = _FORCE * np.sqrt(squares / np.where(counts, counts, np.nan))
    return Scores(
        of.explained(own.charges, truth),
        float(np.sqrt(((own.charges - truth) ** 2).mean())),
        waves,
        by_wave,
        own.images,
        of.capacitance(own.levels, asked.test[0].electrode.cell),
        of.explained(own.pairs, reference.pairs, mean),
        slices,
        _FORCE * of.root_mean(squares, counts, of.SLICES[1:] <= of.FIRST_LAYER),
        _FORCE * of.root_mean(squares, counts, of.SLICES[:-1] >= of.BULK),
        float(own.milliseconds),
        float(own.fit_seconds),
    )
