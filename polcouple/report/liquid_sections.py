"""Where the liquids of several runs are: densities, water, ions, in words, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import matplotlib.figure
import numpy as np

from polcouple.analysis.block_errors import Estimate, scaled
from polcouple.analysis.density import first_minimum, first_peak, main_species
from polcouple.analysis.differences import Quantity
from polcouple.analysis.gather import NEAR_SHEET, Liquid
from polcouple.report.section import Figure, Section, Table
from polcouple.report.style import WIDTH_INCHES, line_styles
from polcouple.report.words import (
    BAND,
    PER_BOHR2_TO_PER_NM2,
    SHOWN,
    as_numbers,
    draw_curve,
    finite,
    listed,
    remark,
    say_instead,
)
from polcouple.units import BOHR_TO_ANGSTROM


def liquid_sections(
    liquids: Sequence[Liquid], followed: Sequence[Liquid] | None = None
) -> list[tuple[Section, list[Quantity]]]:
    """Densities, orientation of water and ions of runs whose liquids are seen from the same electrode.

    ``followed``: trajectories for the ions' residence, where ``liquids`` are none.
    """
    densities, quantities, layer = density_section(liquids)
    water = [orientation_section(liquids, layer)] if len(liquids[0].run.case.water_oxygens) else []
    return [(densities, quantities), *water, ion_section(followed or liquids)]


def density_section(liquids: Sequence[Liquid]) -> tuple[Section, list[Quantity], float]:
    """Normalised densities and first peaks; also where the first layer of the main species ends (bohr).

    ``liquids`` are seen from the same electrode, as in the other sections.
    """
    styles = line_styles([liquid.label for liquid in liquids])
    count = len(liquids[0].profiles)
    canvas = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, 0.6 + 1.9 * count), layout="constrained")
    panels = canvas.subplots(count, 1, sharex=True, squeeze=False).ravel()
    quantities, rows, without, absent = [], [], [], []
    main = main_species([profile.species for profile in liquids[0].profiles])
    layer, at, suffix = NEAR_SHEET, liquids[0].at_sheet, liquids[0].figure_suffix
    for kind, panel in zip(range(count), panels, strict=False):
        profiles = [liquid.profiles[kind] for liquid in liquids]
        name = profiles[0].species.name
        unknown = []
        for liquid, profile in zip(liquids, profiles, strict=True):
            heights = profile.grid.centres * BOHR_TO_ANGSTROM
            shown = (heights > 0) & (heights < SHOWN)
            density = profile.density()
            draw_curve(panel, heights, density, styles[liquid.label], liquid.label, shown)
            if np.isnan(density.value).all():
                unknown.append(f"{name} ({liquid.label})")
        if len(unknown) == len(liquids):
            say_instead(panel, "never in the bulk")
        absent += unknown
        panel.axhline(1.0, color="0.6", linewidth=0.6)
        panel.set(title=name, xlim=(0, SHOWN), ylim=(0, None), ylabel="density / bulk")
        top = first_peak(profiles)
        if top is None:
            without.append(name)
            continue
        if kind == main:
            layer = first_minimum(profiles, top)
        peaks = [profile.peak(top) for profile in profiles]
        tops = [height for height, _ in peaks]
        places = [scaled(position, BOHR_TO_ANGSTROM) for _, position in peaks]
        quantities.append(Quantity(f"{name}, first peak, height{at} (bulk = 1)", tops))
        quantities.append(Quantity(f"{name}, first peak, distance{at} (Å)", places))
        rows += [
            (
                name,
                liquid.label,
                height,
                place,
                place.blocks,
                remark(height, place),
            )
            for liquid, height, place in zip(liquids, tops, places, strict=True)
        ]
    panels[0].legend(fontsize="small")
    panels[-1].set_xlabel(f"distance from {liquids[0].sheet} / Å")
    covered = [scaled(liquid.profiles[main].within(layer), PER_BOHR2_TO_PER_NM2) for liquid in liquids]
    end = layer * BOHR_TO_ANGSTROM
    first = liquids[0].profiles[main].species.name
    what, who = ("water", "water molecules") if first == "water O" else (first, first)
    quantities.append(Quantity(f"{what} in the first layer, below {end:.1f} Å{at} (1/nm²)", covered))
    rows_caption = (
        "First peak of each species: top of the Gaussian through the five bins about the highest one (bins of"
        " 0.2 Å for water, 0.5 Å for ions); errors by jackknife over blocks."
    )
    words = [
        "Densities over the bulk's, which is the middle half of the liquid. The errors include the bulk's.",
        f"The first layer of {what} ends at {end:.1f} Å and holds "
        + listed(liquids, covered, f"{who} per nm²")
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
        "distance (Å)",
        "blocks",
        "remark",
    )
    low, high = (edge * BOHR_TO_ANGSTROM for edge in liquids[0].slab.bulk)
    section = Section(
        f"Densities{at}",
        tuple(words),
        (
            Figure(
                f"liquid_densities{suffix}",
                canvas,
                f"Densities against the distance from {liquids[0].sheet}, over the mean from {low:.0f} to"
                f" {high:.0f} Å."
                f" {BAND}",
            ),
        ),
        (Table(f"liquid_first_peaks{suffix}", columns, rows, rows_caption),),
        numbers={
            liquid.label: {
                profile.species.name: {
                    "distance_angstrom": (profile.grid.centres * BOHR_TO_ANGSTROM).tolist(),
                    "density_over_bulk": finite(profile.density().value),
                    "error": finite(profile.density().error),
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
    canvas = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, 5.2), layout="constrained")
    top, bottom = canvas.subplots(2, 1)
    for liquid in liquids:
        orientation = liquid.orientation
        heights = orientation.heights * BOHR_TO_ANGSTROM
        draw_curve(top, heights, orientation.profile(), styles[liquid.label], liquid.label)
        draw_curve(
            bottom, orientation.cosines, orientation.distribution(layer), styles[liquid.label], liquid.label
        )
    top.axhline(0.0, color="0.6", linewidth=0.6)
    sheet, at = liquids[0].sheet, liquids[0].at_sheet
    top.set(xlabel=f"distance of the oxygen from {sheet} / Å", ylabel="mean cos θ", xlim=(0, None))
    bottom.axhline(0.5, color="0.6", linewidth=0.6)
    end = layer * BOHR_TO_ANGSTROM
    bottom.set(xlabel=f"cos θ, first layer (below {end:.1f} Å)", ylabel="probability density", xlim=(-1, 1))
    bottom.set_ylim(0, None)
    top.legend(fontsize="small")
    means = [liquid.orientation.mean_within(layer) for liquid in liquids]
    section = Section(
        f"Water orientation{at}",
        (
            f"θ is the angle between water's dipole and the normal of {sheet} into the liquid; cos θ < 0"
            f" means hydrogens towards {sheet}. Mean in the first layer: " + listed(liquids, means) + ".",
        ),
        (
            Figure(
                f"liquid_orientation{liquids[0].figure_suffix}",
                canvas,
                "Mean orientation against distance, and its distribution in the first layer. Grey: random."
                f" {BAND}",
            ),
        ),
        numbers={
            liquid.label: {"mean_cosine_first_layer": as_numbers(mean)}
            for liquid, mean in zip(liquids, means, strict=True)
        },
    )
    return section, [Quantity(f"mean cos θ in the first layer{at}", means)]


def ion_section(liquids: Sequence[Liquid]) -> tuple[Section, list[Quantity]]:
    """How many ions are near the sheet and how long they stay."""
    styles = line_styles([liquid.label for liquid in liquids])
    species = list(liquids[0].survival)
    near = NEAR_SHEET * BOHR_TO_ANGSTROM
    sheet, at, suffix = liquids[0].sheet, liquids[0].at_sheet, liquids[0].figure_suffix
    title = f"Ions near {sheet}"
    if not species:
        return Section(title, ("There are no ions.",)), []
    canvas = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, 0.6 + 1.9 * len(species)), layout="constrained")
    panels = canvas.subplots(len(species), 1, squeeze=False)[:, 0]
    rows, quantities = [], []
    for name, panel in zip(species, panels, strict=True):
        numbers: list[Estimate | None] = []
        rates: list[Estimate | None] = []
        for liquid in liquids:
            survival, spacing = liquid.survival[name], liquid.run.frame_spacing_ps
            probability = survival.probability()
            times = np.arange(len(probability.value)) * spacing
            draw_curve(panel, times, probability, styles[liquid.label], liquid.label)
            number, rate = survival.number(), scaled(survival.leaving_rate(), 1.0 / spacing)
            numbers.append(number)
            # the error of a rate is not known before somebody leaves
            rates.append(rate if rate.value > 0 else None)
            time = (
                replace(scaled(rate, float(rate.value) ** -2), value=1 / rate.value)
                if rate.value > 0
                else None
            )
            rows.append(
                (
                    name,
                    liquid.label,
                    number,
                    rates[-1],
                    time,
                    remark(number, rate),
                )
            )
        panel.set(title=name, ylabel="fraction that stayed", ylim=(0, 1.05), xlim=(0, None))
        if not any(number.value for number in numbers if number is not None):
            say_instead(panel, f"never within {near:.0f} Å")
        quantities.append(Quantity(f"{name} within {near:.0f} Å{at}, number", numbers))
        quantities.append(Quantity(f"{name} within {near:.0f} Å{at}, rate of leaving (1/ps)", rates))
    panels[-1].set_xlabel("time / ps")
    panels[0].legend(fontsize="small")
    columns = (
        "species",
        "run",
        "number",
        "rate of leaving (1/ps)",
        "residence time (ps)",
        "remark",
    )
    section = Section(
        title,
        (
            f"Ions nearer than {near:.0f} Å to {sheet}, and the probability that one has stayed there"
            " without being away for more than 2 ps. The residence time is the time spent there over the"
            " number of departures; where nothing is given none left.",
        ),
        (
            Figure(
                f"liquid_ion_survival{suffix}",
                canvas,
                f"Survival of ions within {near:.0f} Å of {sheet}. {BAND}",
            ),
        ),
        (Table(f"liquid_ions{suffix}", columns, rows, f"{title} and their residence."),),
        numbers={
            "distance_angstrom": near,
            **{
                liquid.label: {
                    name: {
                        "number": as_numbers(liquid.survival[name].number()),
                        "leaving_rate_per_ps": as_numbers(
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
