"""What every model is asked, and its answers, which are kept so that an interrupted comparison goes on."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from polcouple.dftb.cache import read_arrays
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.errors import ModelMismatchError
from polcouple.files import write_npz
from polcouple.log import log
from polcouple.paradigms.doubled import pairs_of
from polcouple.paradigms.frames import Frame, Parts
from polcouple.paradigms.model import ChargeModel
from polcouple.paradigms.probe import HEIGHTS, image_charges

#: frames that the time is taken over
_TIMED = 10


@dataclass(frozen=True, eq=False)
class Questions:
    """Frames that no model was fitted to.

    Attributes:
        test: of the electrode of the data.
        probed: one of them, to which an ion is added.
        pairs: of twice the electrode.
        key: tells data and questions from others.
    """

    test: list[Frame]
    probed: Frame
    pairs: list[Frame]
    key: str


@dataclass(frozen=True, eq=False)
class Answers:
    """One model's.

    Attributes:
        charges: (f, n) of the test frames in e.
        levels: (3,) mean Fermi levels over them at Q - 1, Q and Q + 1 in Hartree, NaN where there are none.
        images: (heights,) image charge of an ion, as a part of its own.
        pairs: (p, 2 n) charges of twice the electrode in e, NaN where the model cannot.
        milliseconds: of processor time for a frame, from the liquid's positions on.
        fit_seconds: processor time of the fit.
    """

    charges: np.ndarray
    levels: np.ndarray
    images: np.ndarray
    pairs: np.ndarray
    milliseconds: np.ndarray
    fit_seconds: np.ndarray


def questions(parts: Parts, key: str) -> Questions:
    """Of the frames that test."""
    test = list(parts.test.frames)
    return Questions(test, test[len(test) // 2], pairs_of(test), key)


def answers(model: ChargeModel, parts: Parts, asked: Questions, directory: Path) -> Answers:
    """A model's answers, kept in ``directory`` or found there."""
    what = "; ".join([asked.key, model.name, model.settings, str(HEIGHTS)])
    key = hashlib.sha256(what.encode()).hexdigest()
    path = directory / f"{re.sub('[^A-Za-z0-9.]+', '_', model.name).strip('_')}.npz"
    kept = read_arrays(path)
    if kept is not None and str(kept.get("key")) == key:
        return Answers(**{field.name: kept[field.name] for field in fields(Answers)})
    log(f"{model.name}: fitted and asked")
    began = time.process_time()
    model.fit(parts.train, parts.validation)
    fitted = time.process_time() - began
    found = Answers(
        np.array([model.charges(frame) for frame in asked.test]),
        _levels(model, asked.test),
        image_charges(model, asked.probed),
        _pairs(model, asked.pairs),
        np.array(_milliseconds(model, asked.test)),
        np.array(fitted),
    )
    directory.mkdir(parents=True, exist_ok=True)
    arrays = {field.name: getattr(found, field.name) for field in fields(Answers)}
    write_npz(path, arrays | {"key": np.array(key)})
    return found


def _levels(model: ChargeModel, frames: list[Frame]) -> np.ndarray:
    if model.fermi_level(frames[0]) is None:
        return np.full(3, np.nan)
    shifted = [[frame.at_charge(frame.total_charge + x) for frame in frames] for x in (-1.0, 0.0, 1.0)]
    return np.array([[model.fermi_level(frame) for frame in row] for row in shifted], float).mean(axis=1)


def _pairs(model: ChargeModel, pairs: list[Frame]) -> np.ndarray:
    try:
        return np.array([model.charges(frame) for frame in pairs])
    except ModelMismatchError as error:
        log(f"{model.name}: not of twice the electrode: {error}")
        return np.full((len(pairs), len(pairs[0].electrode)), np.nan)


def _milliseconds(model: ChargeModel, frames: list[Frame]) -> float:
    """Median processor time of a frame; with the site potentials where the model reads them."""
    calls: list[Callable[[Frame], object]] = [model.charges]
    if model.reads == "potentials":
        electrode = frames[0].electrode
        potential = SitePotential(electrode.positions, electrode.cell, electrode.pbc)
        calls.append(lambda frame: potential(frame.positions, frame.electrolyte.charges))
    chosen = (frames * _TIMED)[: _TIMED + 1]
    times = []
    for frame in chosen:
        began = time.process_time()
        for call in calls:
            call(frame)
        times.append(time.process_time() - began)
    return 1e3 * float(np.median(times[1:]))
