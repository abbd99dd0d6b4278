"""Figures, tables and words on the liquids of several runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.figure
import numpy as np

from polcouple.analysis.block_errors import Estimate, scaled
from polcouple.analysis.density import first_minimum, first_peak
from polcouple.analysis.differences import SIGNIFICANCE, Difference, Quantity, differences
from polcouple.analysis.gather import NEAR_SHEET, Liquid
from polcouple.report.section import Figure, Section, Table
from polcouple.report.style import DIVERGING, line_styles
from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV

_PER_BOHR2_TO_PER_NM2 = 100.0 / BOHR_TO_ANGSTROM**2
#: profiles are shown up to this distance from the sheet (Angstrom)
_SHOWN = 20.0
_BAND = "Bands: one standard error, from blocks."


def difference_section(liquids: Sequence[Liquid], quantities: Sequence[Quantity]) -> Section:
    """The statement whether the runs differ, and the tests behind it."""
    names = [liquid.label for liquid in liquids]
    found = differences(quantities)
    estimates = {quantity.name: quantity.estimates for quantity in quantities}
    rows = []
    for test in found:
        a, b = estimates[test.quantity][0], estimates[test.quantity][test.other]
        assert a is not None and b is not None
        rows.append(
            (
                test.quantity,
                names[test.other],
                float(a.value),
                float(a.error),
                float(b.value),
                float(b.error),
                test.difference / test.error,
                test.corrected,
                test.detectable,
                test.verdict,
            )
        )
    columns = (
        "quantity",
        "run",
        names[0],
        f"{names[0]}, error",
        "the run",
        "the run, error",
        "difference / its error",
        "p, corrected",
        "seen with 80 % chance if above",
        "verdict",
    )
    caption = (
        "Welch's t test on block means, two-sided. p is corrected by Holm for the number of tests."
        " 'Too short to tell': the blocks are not long against the correlation, so that the errors are lower"
        " bounds and p is too small."
    )
    return Section(
        "Do the liquids differ?",
        (*[_statement(names, other, found) for other in range(1, len(names))], _REMARK),
        tables=(Table("liquid_differences", columns, rows, caption),),
        numbers={
            names[other]: {
                test.quantity: {
                    "difference": test.difference,
                    "error": test.error,
                    "p": test.p_value,
                    "p_corrected": test.corrected,
                    "detectable": test.detectable,
                    "verdict": test.verdict,
                }
                for test in found
                if test.other == other
            }
            for other in range(1, len(names))
        },
    )


_REMARK = (
    "Runs of one case start from the same structure, and with the same seed from the same velocities. Until"
    " they have forgotten that, they are more alike than their errors say; motions slower than the runs are"
    " in no error."
)


def _statement(names: Sequence[str], other: int, found: Sequence[Difference]) -> str:
    """In words: what differs, what does not, what cannot be told."""
    tests = [test for test in found if test.other == other]
    groups = {
        verdict: [test.quantity for test in tests if test.verdict == verdict]
        for verdict in ("differ", "no difference seen", "too short to tell")
    }
    text = f"{names[other]} against {names[0]}, {len(tests)} quantities. "
    if groups["differ"]:
        text += f"Beyond the error differ: {'; '.join(groups['differ'])}. "
    else:
        text += "None differs beyond the error. "
    if groups["no difference seen"]:
        text += f"No difference is seen in: {'; '.join(groups['no difference seen'])}. "
    if groups["too short to tell"]:
        text += f"Too short to tell are the runs for: {'; '.join(groups['too short to tell'])}. "
    return f"{text}A difference counts at p < {SIGNIFICANCE:g} after correction for the number of tests."


def density_section(liquids: Sequence[Liquid]) -> tuple[Section, list[Quantity], float]:
    """Normalised densities and first peaks; also where the first water layer ends (bohr)."""
    styles = line_styles([liquid.label for liquid in liquids])
    count = len(liquids[0].profiles)
    canvas = matplotlib.figure.Figure(figsize=(8, 3 * ((count + 1) // 2)), layout="constrained")
    panels = canvas.subplots((count + 1) // 2, 2, sharex=True, squeeze=False).ravel()
    for panel in panels[count:]:
        panel.set_axis_off()
    quantities, rows, without, absent = [], [], [], []
    layer = NEAR_SHEET
    for kind, panel in zip(range(count), panels, strict=False):
        profiles = [liquid.profiles[kind] for liquid in liquids]
        name = profiles[0].species.name
        unknown = []
        for liquid, profile in zip(liquids, profiles, strict=True):
            heights = profile.grid.centres * BOHR_TO_ANGSTROM
            shown = (heights > 0) & (heights < _SHOWN)
            density = profile.density()
            _curve(panel, heights, density, styles[liquid.label], liquid.label, shown)
            if np.isnan(density.value).all():
                unknown.append(f"{name} ({liquid.label})")
        if len(unknown) == len(liquids):
            _say(panel, "never in the bulk")
        absent += unknown
        panel.axhline(1.0, color="0.6", linewidth=0.6)
        panel.set(title=name, xlim=(0, _SHOWN), ylim=(0, None), ylabel="density / bulk density")
        top = first_peak(profiles)
        if top is None:
            without.append(name)
            continue
        if kind == 0:
            layer = first_minimum(profiles, top)
        peaks = [profile.peak(top) for profile in profiles]
        tops = [height for height, _ in peaks]
        places = [scaled(position, BOHR_TO_ANGSTROM) for _, position in peaks]
        quantities.append(Quantity(f"{name}, first peak, height (bulk = 1)", tops))
        quantities.append(Quantity(f"{name}, first peak, distance (Å)", places))
        rows += [
            (name, liquid.label, *_number(height), *_number(place), place.blocks, _word(height, place))
            for liquid, height, place in zip(liquids, tops, places, strict=True)
        ]
    panels[0].legend(fontsize="small")
    for panel in panels[max(count - 2, 0) : count]:
        panel.set_xlabel("distance from the sheet / Å")
        panel.tick_params(labelbottom=True)
    covered = [scaled(liquid.profiles[0].within(layer), _PER_BOHR2_TO_PER_NM2) for liquid in liquids]
    end = layer * BOHR_TO_ANGSTROM
    quantities.append(Quantity(f"water in the first layer, below {end:.1f} Å (1/nm²)", covered))
    rows_caption = (
        "First peak of each species: top of the Gaussian through the five bins about the highest one (bins of"
        " 0.2 Å for water, 0.5 Å for ions); errors by jackknife over blocks."
    )
    words = [
        "Densities over the bulk's, which is the middle half of the liquid. The errors include the bulk's.",
        f"The first water layer ends at {end:.1f} Å and holds "
        + _listed(liquids, covered, "water molecules per nm²")
        + ".",
    ]
    if without:
        words.append(f"No first peak stands clear of the noise: {', '.join(without)}.")
    if absent:
        words.append(f"Never in the bulk, so that there is nothing to divide by: {', '.join(absent)}.")
    columns = (
        "species",
        "run",
        "peak height (bulk = 1)",
        "height, error",
        "distance (Å)",
        "distance, error (Å)",
        "blocks",
        "remark",
    )
    low, high = (edge * BOHR_TO_ANGSTROM for edge in liquids[0].slab.bulk)
    section = Section(
        "Densities",
        tuple(words),
        (
            Figure(
                "liquid_densities",
                canvas,
                f"Densities against the distance from the sheet, over the mean from {low:.0f} to {high:.0f}"
                " Å."
                f" {_BAND}",
            ),
        ),
        (Table("liquid_first_peaks", columns, rows, rows_caption),),
        numbers={
            liquid.label: {
                profile.species.name: {
                    "distance_angstrom": (profile.grid.centres * BOHR_TO_ANGSTROM).tolist(),
                    "density_over_bulk": _finite(profile.density().value),
                    "error": _finite(profile.density().error),
                }
                for profile in liquid.profiles
            }
            for liquid in liquids
        },
    )
    return section, quantities, layer


def orientation_section(liquids: Sequence[Liquid], layer: float) -> tuple[Section, list[Quantity]]:
    """Water's dipoles against the sheet's normal; ``layer`` (bohr) is the end of the first layer."""
    styles = line_styles([liquid.label for liquid in liquids])
    canvas = matplotlib.figure.Figure(figsize=(8, 3.2), layout="constrained")
    left, right = canvas.subplots(1, 2)
    for liquid in liquids:
        orientation = liquid.orientation
        heights = orientation.heights * BOHR_TO_ANGSTROM
        _curve(left, heights, orientation.profile(), styles[liquid.label], liquid.label)
        _curve(
            right, orientation.cosines, orientation.distribution(layer), styles[liquid.label], liquid.label
        )
    left.axhline(0.0, color="0.6", linewidth=0.6)
    left.set(xlabel="distance of the oxygen from the sheet / Å", ylabel="mean cos θ", xlim=(0, None))
    right.axhline(0.5, color="0.6", linewidth=0.6)
    end = layer * BOHR_TO_ANGSTROM
    right.set(xlabel=f"cos θ, first layer (below {end:.1f} Å)", ylabel="probability density", xlim=(-1, 1))
    right.set_ylim(0, None)
    left.legend(fontsize="small")
    means = [liquid.orientation.mean_within(layer) for liquid in liquids]
    section = Section(
        "Water orientation",
        (
            "θ is the angle between water's dipole and the sheet's normal into the liquid; cos θ < 0 means"
            " hydrogens towards the sheet. Mean in the first layer: " + _listed(liquids, means) + ".",
        ),
        (
            Figure(
                "liquid_orientation",
                canvas,
                "Mean orientation against distance, and its distribution in the first layer. Grey: random."
                f" {_BAND}",
            ),
        ),
        numbers={
            liquid.label: {"mean_cosine_first_layer": _pair(mean)}
            for liquid, mean in zip(liquids, means, strict=True)
        },
    )
    return section, [Quantity("mean cos θ in the first layer", means)]


def ion_section(liquids: Sequence[Liquid]) -> tuple[Section, list[Quantity]]:
    """How many ions are near the sheet and how long they stay."""
    styles = line_styles([liquid.label for liquid in liquids])
    species = list(liquids[0].survival)
    near = NEAR_SHEET * BOHR_TO_ANGSTROM
    if not species:
        return Section("Ions near the sheet", ("There are no ions.",)), []
    canvas = matplotlib.figure.Figure(figsize=(4 * len(species), 3.2), layout="constrained")
    panels = canvas.subplots(1, len(species), sharey=True, squeeze=False)[0]
    rows, quantities = [], []
    for name, panel in zip(species, panels, strict=True):
        numbers: list[Estimate | None] = []
        rates: list[Estimate | None] = []
        for liquid in liquids:
            survival, spacing = liquid.survival[name], liquid.run.frame_spacing_ps
            probability = survival.probability()
            times = np.arange(len(probability.value)) * spacing
            _curve(panel, times, probability, styles[liquid.label], liquid.label)
            number, rate = survival.number(), scaled(survival.leaving_rate(), 1.0 / spacing)
            numbers.append(number)
            # the error of a rate is not known before somebody leaves
            rates.append(rate if rate.value > 0 else None)
            time = 1.0 / float(rate.value) if rate.value > 0 else None
            error = float(rate.error) * time**2 if time else None
            rows.append(
                (name, liquid.label, *_number(number), *_number(rate), time, error, _word(number, rate))
            )
        panel.set(title=name, xlabel="time / ps", ylim=(0, 1.05), xlim=(0, None))
        if not any(number.value for number in numbers if number is not None):
            _say(panel, f"never within {near:.0f} Å")
        quantities.append(Quantity(f"{name} within {near:.0f} Å, number", numbers))
        quantities.append(Quantity(f"{name} within {near:.0f} Å, rate of leaving (1/ps)", rates))
    panels[0].set_ylabel("fraction that has stayed")
    panels[0].legend(fontsize="small")
    columns = (
        "species",
        "run",
        "number",
        "number, error",
        "rate of leaving (1/ps)",
        "rate, error (1/ps)",
        "residence time (ps)",
        "time, error (ps)",
        "remark",
    )
    section = Section(
        "Ions near the sheet",
        (
            f"Ions nearer than {near:.0f} Å to the sheet, and the probability that one has stayed there"
            " without being away for more than 2 ps. The residence time is the time spent there over the"
            " number of departures; where nothing is given none left.",
        ),
        (
            Figure(
                "liquid_ion_survival", canvas, f"Survival of ions within {near:.0f} Å of the sheet. {_BAND}"
            ),
        ),
        (Table("liquid_ions", columns, rows, "Ions near the sheet and their residence."),),
        numbers={
            "distance_angstrom": near,
            **{
                liquid.label: {
                    name: {
                        "number": _pair(liquid.survival[name].number()),
                        "leaving_rate_per_ps": _pair(
                            scaled(liquid.survival[name].leaving_rate(), 1.0 / liquid.run.frame_spacing_ps)
                        ),
                    }
                    for name in species
                }
                for liquid in liquids
            },
        },
    )
    return section, quantities


def charge_section(liquids: Sequence[Liquid]) -> tuple[Section, list[Quantity]]:
    """Fluctuation and memory of the electrode's charges, and their means over the sheet."""
    styles = line_styles([liquid.label for liquid in liquids])
    moving = [liquid for liquid in liquids if liquid.correlation is not None]
    figures, rows, words, times = [], [], [], []
    if moving:
        canvas = matplotlib.figure.Figure(figsize=(6, 3.4), layout="constrained")
        axes = canvas.subplots()
        for liquid in moving:
            assert liquid.correlation is not None
            correlation = liquid.correlation.correlation()
            lags = np.arange(len(correlation.value)) * liquid.charge_spacing_ps
            _curve(axes, lags, correlation, styles[liquid.label], liquid.label)
        axes.axhline(0.0, color="0.6", linewidth=0.6)
        axes.set(xlabel="time / ps", ylabel="autocorrelation of the charges", xlim=(0, None))
        axes.legend(fontsize="small")
        caption = f"Autocorrelation of the electrode atoms' charges, mean over the atoms. {_BAND}"
        figures.append(Figure("liquid_charge_correlation", canvas, caption))
    figures.append(Figure("liquid_charge_map", _charge_maps(liquids), _MAP_CAPTION))
    for liquid in liquids:
        fluctuation, mean = liquid.statistics.fluctuation(), liquid.statistics.mean()
        spread = float(np.std(mean.value))
        expected = float(np.sqrt(np.mean(mean.error**2)))
        time: Estimate | None = None
        if liquid.correlation is None:
            words.append(f"{liquid.label}: the charges do not change.")
        else:
            frames, followed = liquid.correlation.integral_time()
            time = scaled(frames, liquid.charge_spacing_ps)
            if not followed:
                words.append(
                    f"{liquid.label}: the correlation is not followed to its end; the integral time is a"
                    " lower bound."
                )
                time = _unconverged(time)
        times.append(time)
        integral = (None, None) if time is None else _number(time)
        word = _word(fluctuation) if time is None else _word(fluctuation, time)
        rows.append((liquid.label, *_number(fluctuation), *integral, spread, expected, word))
    columns = (
        "run",
        "fluctuation (e)",
        "fluctuation, error (e)",
        "integral time (ps)",
        "integral time, error (ps)",
        "spread of the means over the sheet (e)",
        "spread expected from sampling (e)",
        "remark",
    )
    caption = (
        "Fluctuation: standard deviation in time of an atom's charge, root mean square over the atoms."
        " Integral time: integral of the autocorrelation."
    )
    section = Section(
        "Electrode charges in time",
        (
            *words,
            "On a sheet of equivalent atoms the mean charges become equal in the long run: a spread no larger"
            " than sampling explains says that the map shows noise. The autocorrelation is taken about the"
            " run's own mean, which lowers it by about two integral times over the length of the run.",
        ),
        tuple(figures),
        (Table("liquid_charges", columns, rows, caption),),
        numbers={
            liquid.label: {
                "fluctuation_e": _pair(liquid.statistics.fluctuation()),
                "integral_time_ps": None if time is None else _pair(time),
                "mean_charges_e": liquid.statistics.mean().value.tolist(),
            }
            for liquid, time in zip(liquids, times, strict=True)
        },
    )
    fluctuations = [liquid.statistics.fluctuation() for liquid in liquids]
    return section, [
        Quantity("fluctuation of the charges (e)", fluctuations),
        Quantity("integral time of the charges (ps)", times),
    ]


def potential_section(liquids: Sequence[Liquid]) -> tuple[Section, list[Quantity]]:
    """Potential across the cell, and its drop from the bulk to the sheet."""
    styles = line_styles([liquid.label for liquid in liquids])
    canvas = matplotlib.figure.Figure(figsize=(6, 3.4), layout="constrained")
    axes = canvas.subplots()
    for liquid in liquids:
        heights = liquid.potential.grid.centres * BOHR_TO_ANGSTROM
        potential = scaled(liquid.potential.potential(), HARTREE_TO_EV)
        _curve(axes, heights, potential, styles[liquid.label], liquid.label)
    axes.axhline(0.0, color="0.6", linewidth=0.6)
    axes.axvline(0.0, color="0.6", linewidth=0.6)
    axes.set(xlabel="distance from the sheet / Å", ylabel="potential, bulk = 0 / V")
    axes.legend(fontsize="small")
    drops = [scaled(liquid.potential.at_sheet(), HARTREE_TO_EV) for liquid in liquids]
    section = Section(
        "Potential across the cell",
        (
            "Poisson's equation with the mean charge density of liquid and electrode,"
            f" {_boundary(liquids[0])}."
            " Zero: mean over the liquid's middle half.",
            "At the sheet: " + _listed(liquids, drops, "V") + ".",
        ),
        (Figure("liquid_potential", canvas, f"Potential against height; the sheet is at 0. {_BAND}"),),
        numbers={
            liquid.label: {"sheet_potential_volt": _pair(drop)}
            for liquid, drop in zip(liquids, drops, strict=True)
        },
    )
    return section, [Quantity("potential of the sheet against the bulk (V)", drops)]


def _boundary(liquid: Liquid) -> str:
    """The boundary condition of the run's forces, in words."""
    periodic = (
        "periodic in all directions, as in the Ewald sums of the forces (conducting boundary at infinity)"
    )
    if liquid.run.case.slab_field is None:
        return f"the potential {periodic}: the vacuum's field makes up for the slab's dipole"
    return f"{periodic}, plus the field along z that system.yaml gives the slab"


_MAP_CAPTION = "Time mean of each atom's charge, seen from the liquid; the mean over the sheet is white."


def _charge_maps(liquids: Sequence[Liquid]) -> matplotlib.figure.Figure:
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import CenteredNorm
    from matplotlib.patches import Circle

    sheets = liquids[0].run.case.electrode_slices
    canvas = matplotlib.figure.Figure(
        figsize=(3.6 * len(liquids) + 1.0, 4.0 * len(sheets)), layout="constrained"
    )
    panels = canvas.subplots(len(sheets), len(liquids), squeeze=False)
    names = [f", {section.name}" for section in liquids[0].run.case.system.electrodes]
    for row, own, name in zip(panels, sheets, names if len(names) > 1 else [""], strict=True):
        means = [liquid.statistics.mean().value[own] for liquid in liquids]
        centre = float(np.mean(means))
        norm = CenteredNorm(centre, max(float(np.abs(np.array(means) - centre).max()), 1e-12))
        for panel, liquid, charges in zip(row, liquids, means, strict=True):
            positions = liquid.run.case.electrode.positions[own] * BOHR_TO_ANGSTROM
            order = np.argsort(positions[:, 2])
            places = positions[order, :2]
            drawn = PatchCollection([Circle(place, 0.71) for place in places], cmap=DIVERGING, norm=norm)
            drawn.set_array(charges[order])
            drawn.set_edgecolor("0.75")
            drawn.set_linewidth(0.3)
            panel.add_collection(drawn)
            panel.set(title=f"{liquid.label}{name}", aspect="equal", xlabel="x / Å", ylabel="y / Å")
            low, high = places.min(axis=0) - 1, places.max(axis=0) + 1
            panel.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        canvas.colorbar(row[0].collections[0], ax=list(row), label="mean charge / e", shrink=0.8)
    return canvas


def _say(axes: Any, text: str) -> None:
    """What an empty panel means."""
    axes.text(0.5, 0.6, text, transform=axes.transAxes, ha="center", va="center")


def _curve(
    axes: Any,
    x: np.ndarray,
    result: Estimate,
    style: dict[str, Any],
    label: str,
    shown: np.ndarray | slice = slice(None),
) -> None:
    """A line with its band of one standard error."""
    value, error = result.value[shown], np.nan_to_num(result.error[shown])
    axes.plot(x[shown], value, label=label, **style)
    axes.fill_between(x[shown], value - error, value + error, color=style["color"], alpha=0.25, linewidth=0)


def _number(result: Estimate) -> tuple[float, float | None]:
    """Value and error for a table."""
    return float(result.value), float(result.error) if np.isfinite(result.error) else None


def _pair(result: Estimate) -> dict[str, float | bool | None]:
    value, error = _number(result)
    return {"value": value, "error": error, "error_converged": result.converged}


def _word(*results: Estimate) -> str:
    return "" if all(result.converged for result in results) else "run too short: errors are lower bounds"


def _unconverged(result: Estimate) -> Estimate:
    return Estimate(result.value, result.error, result.blocks, False)


def _finite(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _listed(liquids: Sequence[Liquid], results: Sequence[Estimate], unit: str = "") -> str:
    """``1.23 ± 0.04 V (response), 1.30 ± 0.05 V (fixed)``."""
    parts = []
    for liquid, result in zip(liquids, results, strict=True):
        decimals = 2
        if np.isfinite(result.error) and result.error > 0:
            decimals = max(0, 1 - int(np.floor(np.log10(result.error))))
        text = f"{float(result.value):.{decimals}f} ± {float(result.error):.{decimals}f}"
        parts.append(f"{text} {unit} ({liquid.label})".replace("  ", " "))
    return ", ".join(parts)
