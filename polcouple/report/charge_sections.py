"""The electrode's charges and the potential across the cell in several runs, in words, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.figure
import numpy as np

from polcouple.analysis.block_errors import Estimate, scaled
from polcouple.analysis.differences import Quantity
from polcouple.analysis.gather import Liquid
from polcouple.analysis.slab import faces
from polcouple.report.section import Cell, Figure, Section, Table
from polcouple.report.style import DIVERGING, WIDTH_INCHES, line_styles
from polcouple.report.words import (
    BAND,
    as_numbers,
    draw_curve,
    remark,
    unconverged,
)
from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV


def charge_section(liquids: Sequence[Liquid]) -> tuple[Section, list[Quantity]]:
    """Fluctuation and memory of the electrode's charges, and their means over the sheet."""
    styles = line_styles([liquid.label for liquid in liquids])
    moving = [liquid for liquid in liquids if liquid.correlation is not None]
    figures, rows, words, times = [], [], [], []
    if moving:
        canvas = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, 3.2), layout="constrained")
        axes = canvas.subplots()
        for liquid in moving:
            assert liquid.correlation is not None
            correlation = liquid.correlation.correlation()
            lags = np.arange(len(correlation.value)) * liquid.charge_spacing_ps
            draw_curve(axes, lags, correlation, styles[liquid.label], liquid.label)
        axes.axhline(0.0, color="0.6", linewidth=0.6)
        axes.set(xlabel="time / ps", ylabel="autocorrelation of the charges", xlim=(0, None))
        axes.legend(fontsize="small")
        caption = f"Autocorrelation of the electrode atoms' charges, mean over the atoms. {BAND}"
        figures.append(Figure("liquid_charge_correlation", canvas, caption))
    figures.append(Figure("liquid_charge_map", _charge_maps(liquids), _MAP_CAPTION))
    for liquid in liquids:
        fluctuation, mean = liquid.statistics.fluctuation(), liquid.statistics.mean()
        parts = liquid.run.case.electrode_slices
        spread = float(
            np.sqrt(np.mean(np.concatenate([mean.value[own] - mean.value[own].mean() for own in parts]) ** 2))
        )
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
                time = unconverged(time)
        times.append(time)
        word = remark(fluctuation) if time is None else remark(fluctuation, time)
        rows.append((liquid.label, fluctuation, time, spread, expected, word))
    columns = (
        "run",
        "fluctuation (e)",
        "integral time (ps)",
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
                "fluctuation_e": as_numbers(liquid.statistics.fluctuation()),
                "integral_time_ps": None if time is None else as_numbers(time),
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
    canvas = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, 3.2), layout="constrained")
    axes = canvas.subplots()
    for liquid in liquids:
        heights = liquid.potential.grid.centres * BOHR_TO_ANGSTROM
        potential = scaled(liquid.potential.potential(), HARTREE_TO_EV)
        draw_curve(axes, heights, potential, styles[liquid.label], liquid.label)
    axes.axhline(0.0, color="0.6", linewidth=0.6)
    axes.axvline(0.0, color="0.6", linewidth=0.6)
    for height in faces(liquids[0].run.case, liquids[0].slab)[1:]:
        axes.axvline(height * BOHR_TO_ANGSTROM, color="0.6", linewidth=0.6)
    axes.set(xlabel=f"distance from {liquids[0].sheet} / Å", ylabel="potential, bulk = 0 / V")
    axes.legend(fontsize="small")
    names = [electrode.name for electrode in liquids[0].run.case.system.electrodes]
    drops = {
        name: [scaled(liquid.potential.at_electrode(number), HARTREE_TO_EV) for liquid in liquids]
        for number, name in enumerate(names)
    }
    words = []
    if len(names) > 1:
        drops[f"{names[0]} less {names[-1]}"] = [
            scaled(liquid.potential.between_electrodes(), HARTREE_TO_EV) for liquid in liquids
        ]
        words = [
            "Between the electrodes this is what liquid and charges make in the planes of their atoms. A"
            " voltage is the difference of the electrodes' levels and holds, besides, what it takes to"
            " charge the electrodes themselves."
        ]
    rows: list[tuple[Cell, ...]] = [
        (name, liquid.label, drop, remark(drop))
        for name, found in drops.items()
        for liquid, drop in zip(liquids, found, strict=True)
    ]
    columns = ("electrode", "run", "potential against the bulk (V)", "remark")
    section = Section(
        "Potential across the cell",
        (
            "Poisson's equation with the mean charge density of liquid and electrode,"
            f" {_boundary(liquids[0])}."
            " Zero: mean over the liquid's middle half.",
            *words,
        ),
        (
            Figure(
                "liquid_potential", canvas, f"Potential against height; {liquids[0].sheet} is at 0. {BAND}"
            ),
        ),
        (Table("potential_drops", columns, rows, "At the plane of the layer next to the liquid."),),
        numbers={
            liquid.label: {
                "potential_volt": {name: as_numbers(found[number]) for name, found in drops.items()}
            }
            for number, liquid in enumerate(liquids)
        },
    )
    return section, [
        Quantity(f"potential of {name} against the bulk (V)", found)
        for name, found in list(drops.items())[: len(names)]
    ]


def _boundary(liquid: Liquid) -> str:
    """The boundary condition of the run's forces, in words."""
    periodic = (
        "periodic in all directions, as in the Ewald sums of the forces (conducting boundary at infinity)"
    )
    if liquid.run.case.slab_field is None:
        return f"the potential {periodic}: the vacuum's field makes up for the slab's dipole"
    return f"{periodic}, plus the field along z that system.yaml gives the slab"


_MAP_CAPTION = "Time mean of each atom's charge, seen from the liquid; the mean over the sheet is white."


#: of the colours of a map, that those of equal charges do not show what rounding left (e)
_LEAST_SPREAD = 1e-4


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
        norm = CenteredNorm(centre, max(float(np.abs(np.array(means) - centre).max()), _LEAST_SPREAD))
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
