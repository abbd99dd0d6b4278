"""What held charges cost, in words, a table and a figure."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.figure
import numpy as np

from polcouple.analysis.runs import Run
from polcouple.analysis.same_system import require_same_system
from polcouple.backends.base import ChargeBackend
from polcouple.compare.stale_charges import FIRST_LAYER, GROUPS, Ageing, ageing
from polcouple.engines.base import NATIVE
from polcouple.report.section import Figure, Section, Table
from polcouple.report.style import line_styles
from polcouple.units import (
    BOHR_TO_ANGSTROM,
    HARTREE_TO_EV,
    HARTREE_TO_KJ_PER_MOL,
    KELVIN_TO_HARTREE,
)

_MEV_PER_ANGSTROM = 1e3 * HARTREE_TO_EV / BOHR_TO_ANGSTROM
_JOULE_PER_MOL = 1e3 * HARTREE_TO_KJ_PER_MOL


def stale_section(
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
    case = runs[0].case
    atoms = len(case.electrolyte_indices)
    freedoms = 3 * atoms - len(case.constraints[0])
    best = _joined(measured)
    rows = [_row(best, i, step, atoms, freedoms) for i in range(len(best.ages_ps))]
    columns = (
        "age (ps)",
        f"in steps of {1e3 * step:g} fs",
        "charges, rms error (e)",
        *(f"{group}, rms force error (meV/Å)" for group in GROUPS),
        *(f"{group}, over the electrode's force" for group in GROUPS),
        "first layer, largest (meV/Å)",
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
                for g, group in enumerate(GROUPS)
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


def _row(result: Ageing, i: int, step_ps: float, atoms: int, freedoms: int) -> tuple[float | int | None, ...]:
    """Of one age; ``atoms`` that move, with so many degrees of freedom."""
    age = float(result.ages_ps[i])
    heating = result.work[i] / age
    return (
        age,
        round(age / step_ps, 3),
        float(result.charge_error[i]),
        *(result.force_error[i] * _MEV_PER_ANGSTROM).tolist(),
        *(result.force_error[i] / result.electrode_force).tolist(),
        float(result.largest_error[i, 0]) * _MEV_PER_ANGSTROM,
        float(result.work[i]) / atoms * _JOULE_PER_MOL,
        float(heating) / atoms * _JOULE_PER_MOL,
        # a Langevin bath of time constant tau gives k dT / tau to each degree of freedom
        float(-heating / (freedoms * KELVIN_TO_HARTREE)),
        int(result.pairs[i]),
    )


def _words(result: Ageing) -> str:
    """What the figure says, in a sentence."""
    relative = result.force_error[:, 0] / result.electrode_force[0]
    null = float(result.uniform_force_error[0] / result.electrode_force[0])
    text = (
        f"Uniform charges miss the electrode's force on the first layer by {100 * null:.0f} %"
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
        f" the same atoms, which is {_percent(shares[0])} of the total force on the first layer (water by its"
        f" oxygen, below {FIRST_LAYER * BOHR_TO_ANGSTROM:.0f} Å), {_percent(shares[1])} on the near ions,"
        f" {_percent(shares[2])} on all. Dotted: uniform charges Q/N. Bottom: heat drained per time by"
        " refreshes that often."
    )


def _percent(share: float) -> str:
    return "nothing (no such atoms)" if np.isnan(share) else f"{100 * share:.2g} %"


def _draw(measured: Sequence[Ageing], atoms: int, step_ps: float) -> matplotlib.figure.Figure:
    canvas = matplotlib.figure.Figure(figsize=(6.5, 8.5), layout="constrained")
    top, middle, bottom = canvas.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
    styles = line_styles(GROUPS)
    joined = _joined(measured)
    for run, result in enumerate(measured):
        marker = "osD^v"[run % 5]
        for g, group in enumerate(GROUPS):
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
    for g, group in enumerate(GROUPS):
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
