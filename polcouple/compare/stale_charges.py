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

import matplotlib.figure
import numpy as np

from polcouple.analysis.runs import Run, require_frames, require_same_system
from polcouple.analysis.slab import Slab, slab_of
from polcouple.backends.base import ChargeBackend, ChargeResult
from polcouple.case.model import Case
from polcouple.coupling.charges import ChargeSolver
from polcouple.engines.base import NATIVE, Engine, create_engine
from polcouple.log import Warned
from polcouple.report.section import Figure, Section, Table
from polcouple.report.style import line_styles
from polcouple.units import (
    ANGSTROM_TO_BOHR,
    BOHR_TO_ANGSTROM,
    HARTREE_TO_EV,
    HARTREE_TO_KJ_PER_MOL,
    KELVIN_TO_HARTREE,
)

#: frames of a run that are compared at least, and those at which forces are computed at most
_LEAST_FRAMES = 8
_FORCE_FRAMES = 20
#: ages reach over half the run, and over so many frames at most
_OLDEST = 1000
#: the first water layer, and ions near the sheet (bohr)
_FIRST_LAYER = 5.0 * ANGSTROM_TO_BOHR
_NEAR_IONS = 8.0 * ANGSTROM_TO_BOHR
_MEV_PER_ANGSTROM = 1e3 * HARTREE_TO_EV / BOHR_TO_ANGSTROM
_JOULE_PER_MOL = 1e3 * HARTREE_TO_KJ_PER_MOL
_GROUPS = ("first water layer", "ions within 8 Å", "all that moves")


@dataclass(frozen=True, eq=False)
class Ageing:
    """What charges of a certain age do wrong; k ages, g groups of atoms (`_GROUPS`).

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
        groups = len(_GROUPS)
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
    """Atoms of each of `_GROUPS`: waters go by their oxygens."""
    heights = slab.heights(positions[:, 2])
    first = case.water_oxygens[heights[case.water_oxygens] < _FIRST_LAYER]
    ions = case.ion_indices[heights[case.ion_indices] < _NEAR_IONS]
    return [np.concatenate([first, first + 1, first + 2]), ions, case.electrolyte_indices]


def _squares(forces: np.ndarray, groups: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([np.sum(forces[group] ** 2) for group in groups])


def section(
    runs: Sequence[Run],
    backend: ChargeBackend,
    name: str,
    platform: str = NATIVE,
    threads: int | None = None,
) -> Section:
    """What holding the charges costs, from runs of one case whose frames may be differently far apart.

    Args:
        backend: gives the charges; ``name`` is what the report calls it.

    Raises:
        InputError: different systems, or too few frames.
    """
    require_same_system(runs)
    measured = [ageing(run, backend, platform, threads) for run in runs]
    spans = [f"{1e3 * run.frame_spacing_ps:g} fs apart ({len(run)} frames)" for run in runs]
    step = min(run.time_step_ps for run in runs)
    atoms = len(runs[0].case.electrolyte)
    best = _joined(measured)
    rows = [_row(best, i, step, atoms) for i in range(len(best.ages_ps))]
    columns = (
        "age (ps)",
        f"in steps of {1e3 * step:g} fs",
        "charges, rms error (e)",
        *(f"{group}, rms force error (meV/Å)" for group in _GROUPS),
        *(f"{group}, over the electrode's force" for group in _GROUPS),
        "first water layer, largest (meV/Å)",
        "work of a refresh (J/mol per moving atom)",
        "heating (J/mol/ps per moving atom)",
        "cooling below a Langevin bath of 1 ps (K)",
        "pairs of frames",
    )
    uniform = (
        None,
        None,
        best.uniform_charge_error,
        *(best.uniform_force_error * _MEV_PER_ANGSTROM).tolist(),
        *(best.uniform_force_error / best.electrode_force).tolist(),
        None,
        None,
        None,
        None,
        None,
    )
    caption = (
        "Charges of the given age against refreshed ones. A refresh every n steps makes charges up to n - 1"
        " steps old. Last row: uniform charges Q/N on every atom, the null baseline."
    )
    return Section(
        "Stale charges",
        (
            f"Charges by {name}, along frames {' and '.join(spans)}; forces at"
            f" {sum(m.force_frames for m in measured)} frames. " + _words(best),
            "The work is that of one exchange of charges of this age for fresh ones, along a trajectory whose"
            " charges were refreshed more often; the rate is the work over the age. Negative: heat is"
            " drained.",
        ),
        (Figure("stale_charges", _draw(measured, atoms, step), _caption(best)),),
        (Table("stale_charges", columns, [*rows, uniform], caption),),
        numbers={
            "ages_ps": best.ages_ps.tolist(),
            "charge_rms_error_e": best.charge_error.tolist(),
            "work_hartree": best.work.tolist(),
            "uniform_charge_rms_error_e": best.uniform_charge_error,
            "groups": {
                group: {
                    "force_rms_error_hartree_per_bohr": best.force_error[:, g].tolist(),
                    "force_largest_error_hartree_per_bohr": best.largest_error[:, g].tolist(),
                    "uniform_force_rms_error_hartree_per_bohr": float(best.uniform_force_error[g]),
                    "electrode_force_rms_hartree_per_bohr": float(best.electrode_force[g]),
                    "total_force_rms_hartree_per_bohr": float(best.total_force[g]),
                }
                for g, group in enumerate(_GROUPS)
            },
        },
    )


def _joined(measured: Sequence[Ageing]) -> Ageing:
    """All ages in order; of one that several runs have, the run with most pairs counts. Baselines: the"
    " mean."""
    places = sorted(
        ((m.ages_ps[i], -m.pairs[i], r, i) for r, m in enumerate(measured) for i in range(len(m.ages_ps))),
    )
    kept: list[tuple[Ageing, int]] = []
    for age, _, r, i in places:
        if not kept or age > 1.001 * kept[-1][0].ages_ps[kept[-1][1]]:
            kept.append((measured[r], i))

    def column(name: str) -> np.ndarray:
        return np.array([getattr(m, name)[i] for m, i in kept])

    def baseline(name: str) -> np.ndarray:
        return np.asarray(np.sqrt(np.mean([np.square(getattr(m, name)) for m in measured], axis=0)))

    return Ageing(
        column("ages_ps"),
        column("pairs"),
        column("charge_error"),
        column("force_error"),
        column("largest_error"),
        column("work"),
        float(baseline("uniform_charge_error")),
        baseline("uniform_force_error"),
        baseline("electrode_force"),
        baseline("total_force"),
        sum(m.force_frames for m in measured),
    )


def _row(result: Ageing, i: int, step_ps: float, atoms: int) -> tuple[float | int | None, ...]:
    age = float(result.ages_ps[i])
    heating = result.work[i] / age / atoms
    return (
        age,
        round(age / step_ps, 3),
        float(result.charge_error[i]),
        *(result.force_error[i] * _MEV_PER_ANGSTROM).tolist(),
        *(result.force_error[i] / result.electrode_force).tolist(),
        float(result.largest_error[i, 0]) * _MEV_PER_ANGSTROM,
        float(result.work[i]) / atoms * _JOULE_PER_MOL,
        float(heating) * _JOULE_PER_MOL,
        # a Langevin bath of time constant tau gives 3 k dT / tau to each atom
        float(-heating / (3 * KELVIN_TO_HARTREE)),
        int(result.pairs[i]),
    )


def _words(result: Ageing) -> str:
    """What the figure says, in a sentence."""
    relative = result.force_error[:, 0] / result.electrode_force[0]
    null = float(result.uniform_force_error[0] / result.electrode_force[0])
    text = (
        f"Uniform charges miss the electrode's force on the first water layer by {100 * null:.0f} %"
        " (rms; the null baseline)."
    )
    worse = np.flatnonzero(relative > null)
    if len(worse):
        text += f" Charges older than about {result.ages_ps[worse[0]]:.2g} ps are worse than that."
    good = np.flatnonzero(relative > 0.01)
    if len(good) and good[0] > 0:
        text += f" An error below 1 % needs charges no older than {1e3 * result.ages_ps[good[0] - 1]:.2g} fs."
    elif len(good):
        text += f" Charges {1e3 * result.ages_ps[0]:.2g} fs old, the youngest here, miss it by more than 1 %."
    return text


def _caption(result: Ageing) -> str:
    shares = result.electrode_force / result.total_force
    return (
        "Errors of charges of a certain age. Top: rms error of the force over the electrode's rms force on"
        f" the same atoms, which is {_percent(shares[0])} of the total force on the first water layer (oxygen"
        f" below {_FIRST_LAYER * BOHR_TO_ANGSTROM:.0f} Å), {_percent(shares[1])} on the near ions,"
        f" {_percent(shares[2])} on all. Dotted: uniform charges Q/N. Bottom: heat drained per time by"
        " refreshes that often."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _draw(measured: Sequence[Ageing], atoms: int, step_ps: float) -> matplotlib.figure.Figure:
    canvas = matplotlib.figure.Figure(figsize=(6.5, 8.5), layout="constrained")
    top, middle, bottom = canvas.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
    styles = line_styles(_GROUPS)
    joined = _joined(measured)
    for run, result in enumerate(measured):
        marker = "osD^v"[run % 5]
        for g, group in enumerate(_GROUPS):
            relative = result.force_error[:, g] / result.electrode_force[g]
            if np.isnan(relative).all():
                continue  # no such atoms
            label = group if run == 0 else None
            top.plot(result.ages_ps, relative, marker=marker, markersize=4, label=label, **styles[group])
        middle.plot(
            result.ages_ps, result.charge_error, marker=marker, markersize=4, color="black", linewidth=1
        )
        drained = -result.work / result.ages_ps / atoms * _JOULE_PER_MOL
        bottom.plot(result.ages_ps, drained, marker=marker, markersize=4, color="black", linewidth=1)
    for g, group in enumerate(_GROUPS):
        null = joined.uniform_force_error[g] / joined.electrode_force[g]
        top.axhline(null, color=styles[group]["color"], linestyle=":", linewidth=1)
    middle.axhline(joined.uniform_charge_error, color="black", linestyle=":", linewidth=1)
    top.set(yscale="log", xscale="log", ylabel="force error / electrode's force")
    middle.set(yscale="log", ylabel="charge error, rms / e")
    bottom.set(ylabel="heat drained / J/mol/ps\nper moving atom", xlabel="age of the charges / ps")
    # charges without an energy may heat
    bottom.set_yscale("log" if (joined.work < 0).all() else "linear")
    top.legend(fontsize="small")
    for axes in (top, middle, bottom):
        axes.grid(which="major", color="0.9", linewidth=0.6)
    steps = top.secondary_xaxis("top", functions=(lambda x: x / step_ps, lambda x: x * step_ps))
    steps.set_xlabel(f"age in steps of {1e3 * step_ps:g} fs")
    return canvas
