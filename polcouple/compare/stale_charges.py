"""The force error that held charges cause: charges of some time ago against refreshed ones.

Along a trajectory the backend gives the charges of every frame. At some of the frames the forces are computed
with the frame's own charges, with those of earlier frames, with the uniform charge Q/N (the null baseline)
and with none. Exchanging charges of age T for fresh ones lifts the energy by

    W = E(phi; Q) - [E(phi_T; Q) + q_T . (phi - phi_T)]

(:mod:`polcouple.coupling.forces`), which is what a refresh every T adds to the liquid, W / T
per time. It is measured along a trajectory that does not feel it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.analysis.runs import Run, require_frames
from polcouple.analysis.slab import Slab, slab_of
from polcouple.backends.base import ChargeBackend, ChargeResult
from polcouple.case.model import Case
from polcouple.coupling.charges import ChargeSolver
from polcouple.engines.base import NATIVE, Engine, create_engine
from polcouple.log import Warned
from polcouple.units import ANGSTROM_TO_BOHR

#: frames of a run that are compared at least, and those at which forces are computed at most
_LEAST_FRAMES = 8
_FORCE_FRAMES = 20
#: ages reach over half the run, and over so many frames at most
_OLDEST = 1000
#: the first layer, and ions near the sheet (bohr)
FIRST_LAYER = 5.0 * ANGSTROM_TO_BOHR
_NEAR_IONS = 8.0 * ANGSTROM_TO_BOHR
#: of atoms, whose forces are told of apart
GROUPS = ("first layer", "ions within 8 Å", "all that moves")


@dataclass(frozen=True, eq=False)
class Ageing:
    """What charges of a certain age do wrong; k ages, g groups of atoms (`GROUPS`).

    Attributes:
        ages_ps: (k,).
        pairs: (k,) number of pairs of frames behind charge errors and work.
        charge_error: (k,) root mean square in e.
        force_error: (k, g) root mean square over atoms and Cartesian components, Hartree/bohr.
        largest_error: (k, g) largest error of a force component.
        work: (k,) mean W in Hartree.
        uniform_charge_error, uniform_force_error: of the null baseline Q/N; number and (g,).
        electrode_force, total_force: (g,) root mean square of a component.
        force_frames: frames at which forces were computed.
    """

    ages_ps: np.ndarray
    pairs: np.ndarray
    charge_error: np.ndarray
    force_error: np.ndarray
    largest_error: np.ndarray
    work: np.ndarray
    uniform_charge_error: float
    uniform_force_error: np.ndarray
    electrode_force: np.ndarray
    total_force: np.ndarray
    force_frames: int


def ageing(run: Run, backend: ChargeBackend, platform: str = NATIVE, threads: int | None = None) -> Ageing:
    """Errors of charges aged by 1, 2, 5, 10, ... frames of a run.

    Raises:
        InputError: too few frames.
        ConvergenceError: the backend did not reach its accuracy.
    """
    from rich.progress import track

    require_frames(run, _LEAST_FRAMES)
    case = run.case
    ages = _ages(len(run))
    chosen = set(np.linspace(ages[-1], len(run) - 1, _FORCE_FRAMES).round().astype(int).tolist())
    solver, warned = ChargeSolver(case, backend), Warned()
    meter = _ForceMeter(case, create_engine(case, "all", platform, threads)[0], len(ages))
    past: deque[ChargeResult] = deque(maxlen=ages[-1] + 1)
    potentials: deque[np.ndarray] = deque(maxlen=ages[-1] + 1)
    pairs, squares, work = np.zeros(len(ages)), np.zeros(len(ages)), np.zeros(len(ages))
    uniform_square = 0.0
    frames = track(run.frames(), description="charges and forces", total=len(run))
    for number, frame in enumerate(frames):
        environment = solver.environment(frame.positions)
        result = solver.solve(environment, f"step {frame.step}", past[-1] if past else None)
        warned.log(result.warnings)
        phi = environment.site_potentials
        past.append(result)
        potentials.append(phi)
        uniform_square += float(np.mean((result.charges - _uniform(case, result.charges)) ** 2))
        for i, age in enumerate(ages):
            if age <= number:
                old, old_phi = past[-1 - age], potentials[-1 - age]
                pairs[i] += 1
                squares[i] += np.mean((old.charges - result.charges) ** 2)
                work[i] += _exchange_work(old, old_phi, result, phi)
        if number in chosen:
            meter.add(frame.positions, result.charges, [past[-1 - age].charges for age in ages])
    return Ageing(
        np.array(ages) * run.frame_spacing_ps,
        pairs.astype(int),
        np.sqrt(squares / pairs),
        meter.rms(meter.stale),
        meter.largest,
        work / pairs,
        float(np.sqrt(uniform_square / len(run))),
        meter.rms(meter.uniform),
        meter.rms(meter.electrode),
        meter.rms(meter.total),
        meter.frames,
    )


def _ages(frames: int) -> list[int]:
    """1, 2, 5, 10, 20, 50, ... up to half of the frames."""
    last = min((frames - 1) // 2, _OLDEST)
    return [m * 10**k for k in range(4) for m in (1, 2, 5) if m * 10**k <= last]


def _uniform(case: Case, charges: np.ndarray) -> np.ndarray:
    """Q/N of each electrode on all of its atoms."""
    uniform = np.empty_like(charges)
    for own in case.electrode_slices:
        uniform[own] = charges[own].mean()
    return uniform


def _exchange_work(old: ChargeResult, old_phi: np.ndarray, new: ChargeResult, phi: np.ndarray) -> float:
    """W in Hartree; charges without an energy have U = 0."""
    if old.energy is None or new.energy is None:
        return float((new.charges - old.charges) @ phi)
    return new.energy - old.energy - float(old.charges @ (phi - old_phi))


class _ForceMeter:
    """Sums of squared forces and force errors over groups of atoms and frames."""

    def __init__(self, case: Case, engine: Engine, n_ages: int) -> None:
        groups = len(GROUPS)
        self._case, self._engine, self._slab = case, engine, slab_of(case)
        self._components = np.zeros(groups)
        self.stale, self.largest = np.zeros((n_ages, groups)), np.zeros((n_ages, groups))
        self.uniform, self.electrode, self.total = np.zeros(groups), np.zeros(groups), np.zeros(groups)
        self.frames = 0

    def rms(self, squares: np.ndarray) -> np.ndarray:
        """Root mean square of a component; NaN for a group without atoms."""
        return np.asarray(np.sqrt(squares / np.where(self._components > 0, self._components, np.nan)))

    def add(self, positions: np.ndarray, charges: np.ndarray, stale: Sequence[np.ndarray]) -> None:
        """Forces at ``positions`` with ``charges``, with each of ``stale``, with uniform ones and none."""
        groups = _groups(self._case, self._slab, positions)
        fresh = self._forces(positions, charges)
        uniform = self._forces(positions, _uniform(self._case, charges))
        bare = self._forces(positions, np.zeros_like(charges))
        self._components += [3 * len(group) for group in groups]
        self.total += _squares(fresh, groups)
        self.electrode += _squares(fresh - bare, groups)
        self.uniform += _squares(uniform - fresh, groups)
        for i, old in enumerate(stale):
            error = self._forces(positions, old) - fresh
            self.stale[i] += _squares(error, groups)
            largest = [np.abs(error[group]).max(initial=0.0) for group in groups]
            self.largest[i] = np.maximum(self.largest[i], largest)
        self.frames += 1

    def _forces(self, positions: np.ndarray, charges: np.ndarray) -> np.ndarray:
        self._engine.set_charges(charges)
        return self._engine.evaluate(positions)[1]


def _groups(case: Case, slab: Slab, positions: np.ndarray) -> list[np.ndarray]:
    """Atoms of each of `GROUPS`: the first layer is of water, by its oxygens, where there is any."""
    heights = slab.heights(positions[:, 2])
    ions = case.ion_indices[heights[case.ion_indices] < _NEAR_IONS]
    liquid = case.electrolyte_indices
    if not len(case.water_oxygens):
        return [liquid[heights[liquid] < FIRST_LAYER], ions, liquid]
    first = case.water_oxygens[heights[case.water_oxygens] < FIRST_LAYER]
    return [np.concatenate([first, first + 1, first + 2]), ions, liquid]


def _squares(forces: np.ndarray, groups: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([np.sum(forces[group] ** 2) for group in groups])
