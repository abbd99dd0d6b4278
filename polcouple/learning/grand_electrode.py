"""What a grand potential knows of its electrode and of the liquid before training: by DFTB of either alone.

The bare electrode, in the places that it has in a few frames, is put at the levels of the training and twice
as far from their middle, since beside a liquid it takes more electrons than alone: its numbers of electrons
decide where its levels lie and how hard it is to charge. The liquid alone, neutral and at its start, has
charges; an element's are their mean. What it answers point charges in the electrode's place with decides how
hard its atoms are to charge. No label takes part.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from polcouple.data.grand_frames import GrandFrames
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import FermiLevel, TotalCharge
from polcouple.dftb.moving.surroundings import PointCharges
from polcouple.dftb.parameter_sets import find_slako
from polcouple.dftb.skf import skf_paths
from polcouple.errors import InputError
from polcouple.lattice.pairs import neighbour_pairs
from polcouple.learning.grand_options import GrandOptions
from polcouple.nn.grand.architecture import GrandArchitecture
from polcouple.nn.grand.electrode import Electrode
from polcouple.nn.grand.induced import Induced
from polcouple.nn.grand.long_range import Waves
from polcouple.nn.potential.bonds import Bonds, covalent_radii
from polcouple.units import ANGSTROM_TO_BOHR, HARTREE_TO_EV

#: frames whose electrode is computed at every level
_FRAMES = 24
#: where the search begins (eV)
_HARDNESS, _LIQUID_HARDNESS = 3.0, 5.0
#: how far the electrode's levels reach, in that of the training
_WIDER = 2.0
#: charges in the place of each of its atoms that the liquid answers (e)
_PROBE = 0.02
#: weights of the potential that the answer makes, beside its charges, and of what the search begins with
_OF_POTENTIAL, _OF_START = 3.0, 1e-3


@dataclass(frozen=True)
class ElectrodeConstants:
    """See :class:`polcouple.nn.grand.architecture.GrandArchitecture`, which has them by the same names."""

    neutral_level: float
    hardness: float
    charges: tuple[float, ...]
    liquid_hardness: tuple[float, ...] = ()


def given_constants(options: GrandOptions, elements: Sequence[str]) -> ElectrodeConstants | None:
    """Those that the options give; None where they give none of them.

    Raises:
        InputError: only some are given, or charges that do not fit the elements.
    """
    words = options.charges
    given = (options.neutral_level, options.hardness, words or None)
    if all(one is None for one in given):
        return None
    if options.neutral_level is None or options.hardness is None or not words:
        raise InputError("--neutral-level, --hardness and --charges belong together: give all or none")
    charges = dict.fromkeys(elements, 0.0)
    for word in words:
        symbol, _, number = word.partition("=")
        if symbol not in charges or symbol in options.electrode:
            raise InputError(f"--charges {word}: {symbol} is no element of the liquid")
        try:
            charges[symbol] = float(number)
        except ValueError:
            raise InputError(f"--charges {word}: write ELEMENT=CHARGE, such as O=-0.63") from None
    return ElectrodeConstants(options.neutral_level, options.hardness, tuple(charges.values()))


def computed_constants(
    frames: GrandFrames, rows: np.ndarray, before: GrandArchitecture, slako: str
) -> ElectrodeConstants:
    """By DFTB with the settings of the labels.

    Args:
        rows: of the training.
        before: the architecture, whatever its constants.

    Raises:
        InputError: labels of another backend, or another parameter set than theirs.
    """
    if frames.backend != "dftb":
        raise InputError(
            f"labels of {frames.backend}: give --neutral-level and --hardness (eV) of the bare electrode, and"
            " the liquid's --charges"
        )
    is_site = np.isin(frames.symbols, before.electrode)
    charges = np.zeros(len(before.surroundings.elements))
    soft: tuple[float, ...] = ()
    if not is_site.all():
        alone = _dftb(frames, ~is_site, before.kt, slako)
        bohr = frames.start[~is_site] * ANGSTROM_TO_BOHR
        found = alone.solve(bohr, frames.cell * ANGSTROM_TO_BOHR, TotalCharge(0.0)).charges
        kinds = before.surroundings.kinds(tuple(np.array(frames.symbols)[~is_site]))
        charges = np.bincount(kinds, found, len(charges)) / np.maximum(
            np.bincount(kinds, minlength=len(charges)), 1
        )
        soft = _liquid(frames, rows, before, is_site, alone)
    level, hardness = _electrode(frames, rows, before, is_site, slako)
    return ElectrodeConstants(level, hardness, tuple(float(charge) for charge in charges), soft)


def _electrode(
    frames: GrandFrames, rows: np.ndarray, before: GrandArchitecture, is_site: np.ndarray, slako: str
) -> tuple[float, float]:
    """Neutral level and hardness with which the bare electrode has DFTB's numbers of electrons."""
    dftb, sites = _dftb(frames, is_site, before.kt, slako), np.flatnonzero(is_site)
    places = [one[sites] for one in _places(frames, rows)]
    cell = frames.cell * ANGSTROM_TO_BOHR
    middle = 0.5 * (before.levels[0] + before.levels[-1])
    levels = [*before.levels, *(middle + _WIDER * (level - middle) for level in before.levels)]
    expected = np.array(
        [
            -dftb.solve(one * ANGSTROM_TO_BOHR, cell, FermiLevel(mu / HARTREE_TO_EV)).charges.sum()
            for one in places
            for mu in levels
        ]
    )
    kinds = before.surroundings.kinds(tuple(np.array(frames.symbols)[sites]))
    pairs = [neighbour_pairs(one, frames.cell, (True,) * 3, before.surroundings.cutoff) for one in places]

    def errors(constants: np.ndarray) -> np.ndarray:
        tried = replace(before, neutral_level=float(constants[0]), hardness=float(constants[1]))
        electrodes = [
            Electrode(tried, pair, kinds, one, frames.cell) for pair, one in zip(pairs, places, strict=True)
        ]
        found = [one.charged(mu).electrons for one in electrodes for mu in levels]
        return np.array(found) - expected

    middle = frames.reference if frames.reference is not None else before.scale[0]
    found = least_squares(errors, [middle, _HARDNESS], diff_step=1e-4)
    return float(found.x[0]), float(found.x[1])


def _liquid(
    frames: GrandFrames, rows: np.ndarray, before: GrandArchitecture, is_site: np.ndarray, dftb: MovingDftb
) -> tuple[float, ...]:
    """Hardness of each element with which the liquid answers charges on the electrode's atoms as DFTB's."""
    kinds, liquid = before.surroundings.kinds(frames.symbols), ~is_site
    elements, cell = np.unique(kinds[liquid]), frames.cell * ANGSTROM_TO_BOHR
    each = np.where(is_site, -1.0 / is_site.sum(), 0.0)
    answers, seen = [], []
    for one in _places(frames, rows):
        ends = [
            dftb.solve(
                one[liquid] * ANGSTROM_TO_BOHR,
                cell,
                TotalCharge(0.0),
                PointCharges(one[is_site] * ANGSTROM_TO_BOHR, np.full(is_site.sum(), sign * _PROBE)),
            ).charges
            for sign in (-1.0, 1.0)
        ]
        answer = np.zeros(len(kinds))
        answer[liquid] = (ends[0] - ends[1]) / (2.0 * _PROBE * is_site.sum())
        pairs = neighbour_pairs(one, frames.cell, (True,) * 3, before.surroundings.cutoff)
        radii = covalent_radii(before.surroundings.elements)[kinds]
        bonds = Bonds(pairs, one, frames.cell, (True,) * 3, radii, liquid)
        seen.append((Waves(one, frames.cell), bonds))
        answers.append(answer)
    made = [
        float(waves.between(each[:, None], q[:, None])[0, 0])
        for (waves, _), q in zip(seen, answers, strict=True)
    ]
    scales = np.sqrt(np.sum(np.square(answers))), np.sqrt(np.sum(np.square(made)))

    def errors(hardness: np.ndarray) -> np.ndarray:
        of_atoms = np.zeros(len(kinds))
        for element, value in zip(elements, hardness, strict=True):
            of_atoms[kinds == element] = value
        found = [Induced(waves, each, bonds, of_atoms) for waves, bonds in seen]
        charges = [one.charges - q for one, q in zip(found, answers, strict=True)]
        potentials = np.array([2.0 * one.energy for one in found]) - made
        return np.concatenate(
            [
                np.ravel(charges) / scales[0],
                _OF_POTENTIAL * potentials / scales[1],
                _OF_START * (hardness - _LIQUID_HARDNESS) / _LIQUID_HARDNESS,
            ]
        )

    solved = least_squares(errors, np.full(len(elements), _LIQUID_HARDNESS)).x
    hardness = np.zeros(len(before.surroundings.elements))
    hardness[elements] = solved
    return tuple(float(one) for one in hardness)


def _places(frames: GrandFrames, rows: np.ndarray) -> list[np.ndarray]:
    """(n, 3) positions of a few of the frames, A."""
    few = rows[np.linspace(0, len(rows) - 1, min(_FRAMES, len(rows))).astype(int)]
    return [frames.positions[row] for row in few]


def _dftb(frames: GrandFrames, chosen: np.ndarray, kt: float, slako: str) -> MovingDftb:
    """Of some of the atoms, with the labels' settings."""
    symbols = tuple(np.array(frames.symbols)[chosen])
    directory = find_slako(slako, Path())
    for path in skf_paths(directory, symbols).values():
        made_with = frames.settings.get(path.name)
        if made_with not in (None, hashlib.sha256(path.read_bytes()).hexdigest()):
            raise InputError(
                f"the labels were made with another {path.name} than that of {directory}; name their"
                " parameter set with --slako"
            )
    shells = frames.settings.get("shell_resolved") == "True"
    k_points = ast.literal_eval(frames.settings.get("k_points", "(1, 1, 1)"))
    return MovingDftb(symbols, kt / HARTREE_TO_EV, directory, k_points, shells)
