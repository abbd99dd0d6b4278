"""Langevin dynamics of a sheet in vacuum (:mod:`benchmarks.ripples`)."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from benchmarks.ripples_waves import ELECTRONS, KT, Waves
from polcouple.backends.base import Environment
from polcouple.backends.mobile import MobileBackend, MobileResult, checked_mobile_solve, create_mobile
from polcouple.dftb.moving.ensemble import TotalCharge
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import InputError
from polcouple.files import write_npz
from polcouple.units import ANGSTROM_TO_BOHR, DALTON_TO_ELECTRON_MASS, FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

_MASS = 12.011 * DALTON_TO_ELECTRON_MASS
#: ps of a turn
TURN = 0.6
#: friction in 1/ps, and steps between frames
_FRICTION, _STRIDE = 10.0, 12
#: bohr: bonds are shorter
_BOND = 1.7 * ANGSTROM_TO_BOHR
#: there is no liquid
_NOTHING = Electrolyte((), np.zeros(0), np.zeros(0, dtype=int))


class Run:
    """Langevin dynamics of a sheet; goes on where its file ends.

    Args:
        outer: steps after which the backend is asked; where it is more than one, `response` is in between and
            the backend gives what is beyond it (:mod:`benchmarks.mobile_mts`).

    Attributes:
        frames: of each frame |h|^2 (m,) in bohr^2, and the sheet's averages.
    """

    def __init__(
        self, backend: str, outer: int, electrode: Electrode, seen: Waves, step_fs: float, file: Path | None
    ) -> None:
        names = [backend] if outer == 1 else [backend, "response"]
        made = [create_mobile(name, electrode, _NOTHING, {"temperature_kelvin": ELECTRONS}) for name in names]
        self._slow, self._fast = made if outer > 1 else (None, made[0])
        self._sheet, self._seen, self._file, self._outer = electrode, seen, file, outer
        self._dt = step_fs * FS_TO_ATOMIC_TIME
        self._identity = np.concatenate([[step_fs, outer, _FRICTION], electrode.positions.ravel()])
        n = len(electrode)
        self._nothing = Environment(_NOTHING, np.zeros((0, 3)), np.zeros(n))
        self._bonds = np.argwhere(np.triu(self._lengths(electrode.positions) < _BOND, 1))
        self.frames: list[np.ndarray] = []
        self._turns, self._seconds = 0, 0.0
        self._positions = electrode.positions.copy()
        self._velocities = np.sqrt(KT / _MASS) * np.random.default_rng(1).standard_normal((n, 3))
        if file is not None and file.exists():
            with np.load(file) as stored:
                if not np.allclose(stored["identity"], self._identity, atol=1e-6):
                    raise InputError(f"{file}: is of another sheet or other steps; take another folder")
                self._positions, self._velocities = stored["positions"], stored["velocities"]
                self.frames = list(stored["frames"])
                self._turns, self._seconds = int(stored["turns"]), float(stored["seconds"])

    def _lengths(self, positions: np.ndarray) -> np.ndarray:
        """(n, n) distances of closest images."""
        sides = np.diag(self._sheet.cell)
        apart = positions[:, None] - positions[None]
        return np.asarray(np.linalg.norm(apart - sides * np.round(apart / sides), axis=2))

    def advance(self, turns: int) -> None:
        """Go on until there are so many turns, each with random numbers of its own."""
        while self._turns < turns:
            begin = time.process_time()
            self._turn(np.random.default_rng([1, self._turns]))
            self._turns += 1
            self._seconds += time.process_time() - begin
            if self._file is not None:
                arrays = {"positions": self._positions, "velocities": self._velocities}
                arrays |= {"identity": self._identity, "frames": np.array(self.frames)}
                arrays |= {"turns": np.array(self._turns), "seconds": np.array(self._seconds)}
                write_npz(self._file, arrays)

    def _turn(self, rng: np.random.Generator) -> None:
        dt, positions, velocities = self._dt, self._positions, self._velocities
        kept = np.exp(-_FRICTION * 1e-3 * dt / FS_TO_ATOMIC_TIME)
        kick = np.sqrt(KT / _MASS * (1.0 - kept**2))
        fast = self._asked(self._fast, None)
        slow = None if self._slow is None else self._asked(self._slow, None)
        for step in range(1, round(1000.0 * TURN * FS_TO_ATOMIC_TIME / dt) + 1):
            if slow is not None and (step - 1) % self._outer == 0:
                velocities += 0.5 * self._outer * dt * (slow.forces - fast.forces) / _MASS
            velocities += 0.5 * dt * fast.forces / _MASS
            positions += 0.5 * dt * velocities
            velocities = kept * velocities + kick * rng.standard_normal(velocities.shape)
            positions += 0.5 * dt * velocities
            fast = self._asked(self._fast, fast)
            velocities += 0.5 * dt * fast.forces / _MASS
            if self._slow is not None and step % self._outer == 0:
                slow = self._asked(self._slow, slow)
                velocities += 0.5 * self._outer * dt * (slow.forces - fast.forces) / _MASS
            if step % _STRIDE == 0:
                self._velocities = velocities
                self.frames.append(self._frame((fast if slow is None else slow).charges))
        self._velocities = velocities

    def _asked(self, backend: MobileBackend, before: MobileResult | None) -> MobileResult:
        return checked_mobile_solve(
            backend, self._positions.copy(), self._nothing, TotalCharge(0.0), before, "the sheet"
        )

    def _frame(self, charges: np.ndarray) -> np.ndarray:
        heights = self._positions[:, 2] - self._sheet.positions[:, 2]
        squares = np.abs(self._seen.phases.conj() @ heights / len(heights)) ** 2
        bonds = self._lengths(self._positions)[tuple(self._bonds.T)]
        kelvin = _MASS * float(np.mean(self._velocities**2)) / KELVIN_TO_HARTREE
        return np.array([*squares, kelvin, bonds.mean(), bonds.var(), heights.var(), charges.var()])

    @property
    def milliseconds(self) -> float:
        """Processor time of a step."""
        return 1e3 * self._seconds / (len(self.frames) * _STRIDE)

    @property
    def kept(self) -> np.ndarray:
        """(frames, m + averages) after the first turn."""
        return np.array(self.frames[len(self.frames) // self._turns :])
