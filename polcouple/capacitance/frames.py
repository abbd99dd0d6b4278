"""What the electrodes do on the frames of a run: their charge, the parts of the voltage, and their slopes.

The voltage U between two electrodes is the sum of what fills each of them and of what lies between:

    U = x_1 + x_2 + U_dl,    x_1 = -(mu_1 - V_1) + (the same of the neutral electrode),    x_2 with + for -

with mu the Fermi level and V the mean potential energy of an electron at the electrode's atoms
(:mod:`polcouple.dftb.quantum_capacitance`); U_dl, the difference of the mean electrostatic potentials, is the
double layers'. An electrode that is nothing but Coulomb energy (`metal`) has mu = V: its x is zero.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from polcouple.analysis.runs import Run
from polcouple.backends.base import (
    ChargeBackend,
    ChargeResult,
    Environment,
    FillingBackend,
)
from polcouple.backends.usable import checked_solve
from polcouple.case.model import Case
from polcouple.compare.models import Model
from polcouple.coupling.charges import ChargeSolver, Surroundings
from polcouple.coupling.electrodes import CoupledElectrodes, CoupledResult
from polcouple.dftb.cache import read_arrays, write_arrays
from polcouple.errors import InputError
from polcouple.log import Warned
from polcouple.propagation.record import decisive
from polcouple.units import EV_TO_HARTREE

#: half the difference of voltages of a slope at fixed nuclei (V)
_HALF_STEP = 0.01


@dataclass(frozen=True, eq=False)
class Frames:
    """What was found on the f frames of a run at one voltage.

    Attributes:
        voltage: U in V.
        times: (f,) in ps from the start of the run.
        charges: (f,) charge of the first electrode, half the difference of both, in e.
        fillings: (f, 2) x_1 and x_2 in Hartree/e, NaN where the backend does not tell.
        charge_slopes: (f,) dQ/dU at fixed nuclei in e^2/Hartree.
        filling_slopes: (f, 2) dx/dU at fixed nuclei.
        recorded: (f,) charges in e as the run itself found them.
    """

    voltage: float
    times: np.ndarray
    charges: np.ndarray
    fillings: np.ndarray
    charge_slopes: np.ndarray
    filling_slopes: np.ndarray
    recorded: np.ndarray


class Fillings:
    """x_1 and x_2 of a result.

    Args:
        case: with two electrodes.
        backends: of the electrodes.
    """

    def __init__(self, case: Case, backends: Sequence[ChargeBackend]) -> None:
        self._backends = backends
        self._neutral = np.zeros(len(backends))
        for number, (backend, electrode) in enumerate(zip(backends, case.electrodes, strict=True)):
            bare = Environment(case.electrolyte, np.empty((0, 3)), np.zeros(len(electrode)))
            result = checked_solve(backend, bare, len(electrode), 0.0, None, "the neutral electrode")
            self._neutral[number] = _filling(backend, result)

    def of(self, result: ChargeResult) -> np.ndarray:
        """(2,) in Hartree/e, NaN where the backend does not tell."""
        assert isinstance(result, CoupledResult)
        found = [_filling(backend, part) for backend, part in zip(self._backends, result.parts, strict=True)]
        return np.array([-1.0, 1.0]) * (found - self._neutral)


def evaluate(run: Run, volts: float, model: Model, electrodes: CoupledElectrodes, store: Path) -> Frames:
    """Solve every frame of a run at its voltage and a little off it, or read what was found before.

    Args:
        run: of two electrodes at ``volts``.
        model: of the run, part of the name of what is kept.
        electrodes: of the run's case, at any voltage.
        store: directory of what was found.

    Raises:
        ConvergenceError: naming the frame.
        InputError: a frame does not belong to the case.
    """
    from rich.progress import track

    path = store / f"{volts:g}V-{_key(run, model)}.npz"
    stored = read_arrays(path)
    if stored is None:
        case = run.case
        surroundings = Surroundings(case, electrodes.capabilities.potential_accuracy)
        solvers = [
            ChargeSolver(case, electrodes.held_at(volts + change), surroundings)
            for change in (0.0, _HALF_STEP, -_HALF_STEP)
        ]
        fillings = Fillings(case, electrodes.backends)
        guess: ChargeResult | None = None
        rows = []
        warned = Warned()
        for frame in track(run.frames(), description=f"{volts:g} V: frames", total=len(run)):
            environment = surroundings.environment(frame.positions)
            found = []
            for solver in solvers:
                where = f"{run.positions_path}: step {frame.step}"
                result = guess = solver.solve(environment, where, guess)
                warned.log(result.warnings)
                found.append(np.append(_charge(result, case), fillings.of(result)))
            rows.append(np.concatenate([found[0], (found[1] - found[2]) / (2 * _HALF_STEP * EV_TO_HARTREE)]))
        stored = {"rows": np.array(rows)}
        write_arrays(path, stored)
    columns = stored["rows"].T
    return Frames(
        volts,
        run.steps * run.time_step_ps,
        columns[0],
        columns[1:3].T,
        columns[3],
        columns[4:6].T,
        _recorded(run),
    )


def _charge(result: ChargeResult, case: Case) -> float:
    first, second = (float(result.charges[own].sum()) for own in case.electrode_slices)
    return 0.5 * (first - second)


def _recorded(run: Run) -> np.ndarray:
    first, second = run.case.electrode_slices
    known = {step: 0.5 * float(row[first].sum() - row[second].sum()) for step, row in run.charges()}
    missing = [step for step in run.steps.tolist() if step not in known]
    if missing:
        raise InputError(f"{run.charges_path}: no charges at step {missing[0]}; repeat the run")
    return np.array([known[step] for step in run.steps.tolist()])


def _filling(backend: ChargeBackend, result: ChargeResult) -> float:
    """mu - V in Hartree, NaN where the backend does not tell."""
    return cast(FillingBackend, backend).filling(result) if backend.capabilities.filling else np.nan


def _key(run: Run, model: Model) -> str:
    """Digest of what decides the rows: the run's making, its frames and the backend."""
    words = repr((decisive(run.made_of), run.steps.tolist(), model.identity(run.case), _HALF_STEP))
    return hashlib.sha256(words.encode()).hexdigest()[:16]
