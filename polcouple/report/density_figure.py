"""Densities of a run's liquid between its electrodes, as a figure and as numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np

from polcouple.analysis.density import DensityProfile, species_of
from polcouple.analysis.gather import LEAST_FRAMES
from polcouple.analysis.runs import read_run, require_frames
from polcouple.analysis.slab import Slab, slab_of
from polcouple.case.model import Case
from polcouple.errors import InputError
from polcouple.files import write_whole
from polcouple.number_words import fixed, significant
from polcouple.output_paths import require_suffix
from polcouple.report.style import WIDTH_INCHES, line_styles
from polcouple.units import BOHR_TO_ANGSTROM

_PER_BOHR3_TO_PER_NM3 = 1000.0 / BOHR_TO_ANGSTROM**3
#: layers of electrode atoms closer than this are drawn as one (Angstrom)
_SAME_LAYER = 0.3
#: shown beyond the outermost electrode or atom of the liquid, and where an electrode's name is (Angstrom)
_MARGIN, _LABEL = 3.5, 0.8
#: height of a panel over the highest density in it: room for the legend
_ROOM = 1.2
_DPI = 200
_FORMATS = (".png", ".pdf", ".svg")


@dataclass(frozen=True, eq=False)
class Densities:
    """Number densities of a run's species, at distances from its lowest electrode's face.

    Attributes:
        profiles: one for each species.
        layers: heights in Angstrom of the layers of each electrode, by its name.
        start_ps, end_ps: the time that they are means over.
        frames: how many were read.
    """

    profiles: Sequence[DensityProfile]
    layers: dict[str, list[float]]
    start_ps: float
    end_ps: float
    frames: int


def read_densities(directory: Path, skip_ps: float = 0.0) -> Densities:
    """Read a finished run through, without its first ``skip_ps``.

    Raises:
        InputError: as :func:`polcouple.analysis.runs.read_run`; too few frames, or no vacuum in the cell.
    """
    run = read_run(directory, skip_ps)
    slab = slab_of(run.case)  # first: more frames would not help a cell without vacuum
    require_frames(run, LEAST_FRAMES)
    profiles = [DensityProfile(species, slab) for species in species_of(run.case)]
    for frame in run.frames():
        for profile in profiles:
            profile.add(frame.positions)
    times = run.steps * run.time_step_ps
    return Densities(profiles, electrode_layers(run.case, slab), float(times[0]), float(times[-1]), len(run))


def electrode_layers(case: Case, slab: Slab) -> dict[str, list[float]]:
    """Heights in Angstrom of the layers of each electrode, by its name."""
    layers = {}
    for electrode, part in zip(case.system.electrodes, case.electrode_slices, strict=True):
        heights = np.sort(slab.heights(case.electrode.positions[part, 2])) * BOHR_TO_ANGSTROM
        starts = np.flatnonzero(np.diff(heights, prepend=-np.inf) > _SAME_LAYER)
        layers[electrode.name] = [float(layer.mean()) for layer in np.split(heights, starts[1:])]
    return layers


def require_format(path: Path) -> None:
    """Refuse a figure that is not .png, .pdf or .svg, or whose directory is not there.

    Raises:
        InputError: naming what there is.
    """
    require_suffix(path, *_FORMATS)
    if not path.parent.is_dir():
        raise InputError(f"{path}: no directory {path.parent}; make it, or name another place")


def write_densities(found: Densities, path: Path) -> Path:
    """Draw the densities in ``path`` (.png, .pdf or .svg) and write their numbers beside it.

    Returns:
        The file of numbers: ``path`` with the ending .csv.

    Raises:
        InputError: another ending.
    """
    require_format(path)
    figure, image = draw(found), io.BytesIO()
    figure.savefig(image, format=path.suffix[1:], dpi=_DPI)
    numbers = path.with_suffix(".csv")
    write_whole(path, image.getvalue())
    write_whole(numbers, _csv(found))
    return numbers


def draw(found: Densities) -> matplotlib.figure.Figure:
    """Densities with bands of one standard error, the bulk's as dotted lines, the electrodes' layers.

    The liquid's neutral species and its ions have panels of their own.
    """
    groups = [
        [profile for profile in found.profiles if profile.species.is_ion is ions] for ions in (False, True)
    ]
    groups = [group for group in groups if group]
    canvas = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, 0.6 + 2.3 * len(groups)), layout="constrained")
    panels = canvas.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    low, high = _shown(found)
    for group, panel in zip(groups, panels, strict=True):
        styles = line_styles([profile.species.name for profile in group])
        drawn = (_draw_species(panel, profile, styles[profile.species.name], low, high) for profile in group)
        highest = max(drawn)
        panel.set(xlim=(low, high), ylabel="number density / nm$^{-3}$")
        _draw_layers(panel, found.layers)
        panel.set_ylim(0.0, _ROOM * highest)
        panel.legend(fontsize="small", frameon=False, ncols=3, loc="upper center")
    panels[-1].set_xlabel("distance from the lowest electrode / Å")
    return canvas


def _shown(found: Densities) -> tuple[float, float]:
    """First and last distance in Angstrom at which there is anything."""
    heights = [height for layers in found.layers.values() for height in layers]
    for profile in found.profiles:
        centres = profile.grid.centres[profile.number_density().value > 0] * BOHR_TO_ANGSTROM
        heights += [float(centres.min()), float(centres.max())] if len(centres) else []
    return min(heights) - _MARGIN, max(heights) + _MARGIN


def _draw_species(
    panel: Any, profile: DensityProfile, style: dict[str, Any], low: float, high: float
) -> float:
    """A curve with its band, and the mean over the bulk; the highest density drawn."""
    heights = profile.grid.centres * BOHR_TO_ANGSTROM
    shown = (heights > low) & (heights < high)
    density, bulk = profile.number_density(), profile.bulk_density()
    value = density.value[shown] * _PER_BOHR3_TO_PER_NM3
    error = np.nan_to_num(density.error[shown]) * _PER_BOHR3_TO_PER_NM3
    level = float(bulk.value) * _PER_BOHR3_TO_PER_NM3
    colour = style["color"]
    label = f"{_written(profile.species.name)}, bulk {significant(level, 3)}"
    panel.plot(heights[shown], value, label=label, **style)
    panel.fill_between(heights[shown], value - error, value + error, color=colour, alpha=0.25, linewidth=0)
    panel.axhline(level, color=colour, linestyle=":", linewidth=1.0)
    return float((value + error).max())


def _draw_layers(panel: Any, layers: dict[str, list[float]]) -> None:
    """Where electrode atoms are, and which electrode's, written on the side away from the liquid."""
    middle = float(np.mean([height for heights in layers.values() for height in heights]))
    for name, heights in layers.items():
        for height in heights:
            panel.axvline(height, color="0.35", linewidth=2.0)
        upper = len(layers) > 1 and float(np.mean(heights)) > middle
        beside = max(heights) + _LABEL if upper else min(heights) - _LABEL
        across = panel.get_xaxis_transform()
        panel.text(
            beside,
            0.5,
            name.replace("_", " "),
            transform=across,
            rotation=90,
            ha="left" if upper else "right",
            va="center",
            fontsize="small",
        )


def _written(name: str) -> str:
    """A species' name with its charge raised."""
    head, space, atom = name.partition(" ")
    if head[-1] in "+-":
        head = f"{head[:-1]}$^{head[-1]}$"
    return head + space + atom


def _csv(found: Densities) -> str:
    """One row for each species and bin, where there is anything."""
    low, high = _shown(found)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["species", "distance_angstrom", "density_per_nm3", "error_per_nm3"])
    for profile in found.profiles:
        density = profile.number_density()
        rows = zip(profile.grid.centres * BOHR_TO_ANGSTROM, density.value, density.error, strict=True)
        for height, value, error in rows:
            if not low < height < high:
                continue
            known = f"{error * _PER_BOHR3_TO_PER_NM3:.6g}" if np.isfinite(error) else ""
            writer.writerow(
                [profile.species.name, fixed(height, 4), f"{value * _PER_BOHR3_TO_PER_NM3:.6g}", known]
            )
    return text.getvalue()
