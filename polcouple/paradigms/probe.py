"""The image of an ion: what the electrode gathers under a charge that is added to the liquid.

A plane of perfect metal answers to a charge z above it with the wave of every in-plane wave vector k of

    dq_k = -z_ion exp(-k z),      dq_k = sum_i dq_i cos(k . (R_i - r_ion)),

with cosh(k (L/2 - z)) / cosh(k L/2) in place of the exponential in a cell of height L. The image charge here
is dq_k over that factor and the ion's charge, for the longest waves of the cell: -1 at every height for the
metal, 0 for a model that does not see the ion. Total charges do not tell: the electrode's is held.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from polcouple.electrode import Electrolyte
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.paradigms.frames import Frame
from polcouple.paradigms.model import ChargeModel
from polcouple.units import ANGSTROM_TO_BOHR

#: heights of the ion above the electrode's plane (Angstrom)
HEIGHTS = (2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0)
#: places over the cell, as fractions of the in-plane lattice vectors
_PLACES = ((0.13, 0.37), (0.52, 0.81), (0.79, 0.24))
#: of the probe's own site potentials (Hartree/e)
_ACCURACY = 1e-9


def probe_species(electrolyte: Electrolyte) -> tuple[str, float]:
    """Symbol and charge (e) of the ion that is added: the commonest cation, or a charge of 1 e as H."""
    ions = [i for i in electrolyte.ion_indices if electrolyte.charges[i] > 0]
    symbols = [electrolyte.symbols[i] for i in ions]
    if not symbols:
        return "H", 1.0
    common = max(sorted(set(symbols)), key=symbols.count)
    return common, float(electrolyte.charges[ions[symbols.index(common)]])


def with_ion(frame: Frame, potential: SitePotential, place: tuple[float, float], height: float) -> Frame:
    """The frame and an ion more, at ``height`` (bohr) over ``place`` (fractions of the cell's base).

    ``potential`` is that at the frame's electrode.
    """
    symbol, charge = probe_species(frame.electrolyte)
    liquid = frame.electrolyte
    spot = _spot(frame, place) + np.array([0.0, 0.0, height])
    return replace(
        frame,
        electrolyte=Electrolyte(
            (*liquid.symbols, symbol),
            np.append(liquid.charges, charge),
            np.append(liquid.ion_indices, len(liquid)),
        ),
        positions=np.vstack([frame.positions, spot]),
        site_potentials=frame.site_potentials + potential(spot[None], np.array([charge])),
    )


def image_charges(model: ChargeModel, frame: Frame) -> np.ndarray:
    """Image charge over the ion's at each of ``HEIGHTS``, mean over the places, (heights,)."""
    without = model.charges(frame)
    charge = probe_species(frame.electrolyte)[1]
    electrode = frame.electrode
    potential = SitePotential(electrode.positions, electrode.cell, electrode.pbc, _ACCURACY)
    found = np.zeros((len(HEIGHTS), len(_PLACES)))
    for i, height in enumerate(HEIGHTS):
        for j, place in enumerate(_PLACES):
            z = height * ANGSTROM_TO_BOHR
            induced = model.charges(with_ion(frame, potential, place, z)) - without
            found[i, j] = image_charge(induced, frame, place, z) / charge
    return np.asarray(found.mean(axis=1))


def image_charge(induced: np.ndarray, frame: Frame, place: tuple[float, float], height: float) -> float:
    """The image charge in e that ``induced`` charges (n,) make of an ion at ``height`` (bohr)."""
    cell = frame.electrode.cell
    waves = 2.0 * np.pi * np.linalg.inv(cell[:2, :2]).T
    away = frame.electrode.positions[:, :2] - _spot(frame, place)[:2]
    half = 0.5 * abs(float(cell[2, 2]))
    found = []
    for wave in waves:
        k = float(np.linalg.norm(wave))
        # exp(-k z) where the cell is so high that the hyperbolic functions overflow
        decay = np.exp(-k * height) * (1 + np.exp(-2 * k * (half - height))) / (1 + np.exp(-2 * k * half))
        found.append(float(induced @ np.cos(away @ wave)) / decay)
    return float(np.mean(found))


def _spot(frame: Frame, place: tuple[float, float]) -> np.ndarray:
    spot = place[0] * frame.electrode.cell[0] + place[1] * frame.electrode.cell[1]
    return np.array([spot[0], spot[1], float(frame.electrode.positions[0, 2])])
