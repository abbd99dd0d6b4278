"""Capacitances with errors, from the frames of one voltage and from two neighbouring ones.

With the weight exp(-Omega / k_B T), dOmega/dU = -Q, the mean of anything X that depends on the nuclei and
on U changes with the voltage by

    d<X>/dU = (<X Q> - <X> <Q>) / k_B T + <dX/dU at fixed nuclei>.

X = Q gives the differential capacitance C. The second term is there because the electrodes' charges follow
the nuclei without fluctuating themselves (L. Scalfi et al., Phys. Chem. Chem. Phys. 22, 10480 (2020)).
X = x_1, x_2, the parts of the voltage that fill the electrodes, give the capacitances in series

    1/C = 1/C_dl + 1/C_1 + 1/C_2,    C_a = C / (d<x_a>/dU),    C_dl = C / (1 - d<x_1>/dU - d<x_2>/dU).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from polcouple.analysis.block_errors import Blocks, Estimate, estimate
from polcouple.capacitance.frames import Frames
from polcouple.units import EV_TO_HARTREE

#: the parts of a capacitance, in the order of all arrays here
PARTS = ("total", "double layer", "first electrode", "second electrode")


@dataclass(frozen=True, eq=False)
class AtVoltage:
    """What the frames at one voltage say; capacitances (4,) are in the order of ``PARTS``, e^2/Hartree.

    Attributes:
        voltage: U in V.
        frames: number of them, over ``length_ps``.
        charge: <Q> in e.
        shares: (4,) of the voltage in Hartree/e: U, U_dl, x_1, x_2.
        integral: (4,) <Q> over the share; NaN at zero voltage.
        differential: (4,) from fluctuations.
        fluctuation, adiabatic: the two terms of the differential capacitance.
    """

    voltage: float
    frames: int
    length_ps: float
    charge: Estimate
    shares: Estimate
    integral: Estimate
    differential: Estimate
    fluctuation: Estimate
    adiabatic: Estimate


def at_voltage(frames: Frames, temperature: float) -> AtVoltage:
    """Means and fluctuations; ``temperature`` k_B T of the nuclei in Hartree."""
    potential = frames.voltage * EV_TO_HARTREE
    blocks = _blocks(frames)

    def slopes(mean: np.ndarray) -> np.ndarray:
        return (mean[3:6] - mean[0] * mean[:3]) / temperature + mean[6:9]

    def integral(mean: np.ndarray) -> np.ndarray:
        return _over(mean[0], _shares(potential, mean[1:3]))

    def differential(mean: np.ndarray) -> np.ndarray:
        change = slopes(mean)
        return _over(change[0], _shares(1.0, change[1:]))

    def of(function: Callable[[np.ndarray], np.ndarray]) -> Estimate:
        return estimate(blocks, function)

    taken = of(lambda mean: _shares(0.0, mean[1:3]))
    return AtVoltage(
        frames.voltage,
        len(frames.charges),
        float(frames.times[-1] - frames.times[0]),
        of(lambda mean: np.asarray(mean[0])),
        replace(taken, value=taken.value + potential * np.array([1.0, 1.0, 0.0, 0.0])),
        _each(blocks, integral) if potential else _unknown(blocks),
        _each(blocks, differential),
        of(lambda mean: np.asarray((mean[3] - mean[0] ** 2) / temperature)),
        of(lambda mean: np.asarray(mean[6])),
    )


@dataclass(frozen=True, eq=False)
class Between:
    """The differential capacitance between two voltages (V), (4,) in the order of ``PARTS``, e^2/Hartree."""

    low: float
    high: float
    value: np.ndarray
    error: np.ndarray


def between(low: Frames, high: Frames) -> Between:
    """Difference of the mean charges over that of the shares of the voltage.

    The error is that of C = dQ/dX in first order, of the mean of Q - C X in either run.
    """
    blocks = [_blocks(frames) for frames in (low, high)]
    shares = [
        _shares(frames.voltage * EV_TO_HARTREE, block.mean[1:3])
        for frames, block in zip((low, high), blocks, strict=True)
    ]
    value = _over(blocks[1].mean[0] - blocks[0].mean[0], shares[1] - shares[0])
    # the share of the double layers falls as the others rise; the voltage itself has no error
    weights = np.array([[0.0, 0.0], [-1.0, -1.0], [1.0, 0.0], [0.0, 1.0]])
    error = np.full(4, np.nan)
    for part in np.flatnonzero(np.isfinite(value)):
        direction = np.append(1.0, -value[part] * weights[part])
        first, second = (float(estimate(block, _along(direction)).error) for block in blocks)
        error[part] = np.hypot(first, second) / abs(shares[1][part] - shares[0][part])
    return Between(low.voltage, high.voltage, value, error)


def _along(direction: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The combination of Q, x_1 and x_2 with ``direction`` (3,), of :func:`_blocks`' means."""
    # what does not count may be unknown
    counts = np.flatnonzero(direction)
    return lambda mean: np.asarray(direction[counts] @ mean[counts])


def _blocks(frames: Frames) -> Blocks:
    """Q, x_1, x_2, their products with Q, and their slopes at fixed nuclei."""
    blocks = Blocks()
    first = np.column_stack([frames.charges, frames.fillings])
    slopes = np.column_stack([frames.charge_slopes, frames.filling_slopes])
    for values, slope in zip(first, slopes, strict=True):
        blocks.add(np.concatenate([values, values[0] * values, slope]))
    return blocks


def _shares(whole: float, fillings: np.ndarray) -> np.ndarray:
    """(4,) of a voltage, or of a change of it: all, the double layers', each electrode's."""
    return np.array([whole, whole - fillings.sum(), *fillings])


def _over(charge: float, shares: np.ndarray) -> np.ndarray:
    """Quotients; NaN where a share is zero, as that of an electrode without levels to fill."""
    there = shares != 0.0
    return np.where(there, charge / np.where(there, shares, 1.0), np.nan)


def _each(blocks: Blocks, function: Callable[[np.ndarray], np.ndarray]) -> Estimate:
    """Estimates of the elements one by one, so that each has its own block length."""

    def element(index: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda mean: np.asarray(function(mean)[index])

    found = [estimate(blocks, element(index)) for index in range(len(PARTS))]
    return Estimate(
        np.array([one.value for one in found]),
        np.array([one.error for one in found]),
        min(one.blocks for one in found),
        all(one.converged for one in found),
    )


def _unknown(blocks: Blocks) -> Estimate:
    nothing = np.full(len(PARTS), np.nan)
    return Estimate(nothing, nothing, 0, False)
