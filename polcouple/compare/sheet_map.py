"""Where on the sheet the errors are: maps of a frame and of the time mean, a movie (the paper's figure 6)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from polcouple.compare.replay import Replay
from polcouple.learning.evaluation import PAPER_TOLERANCE
from polcouple.report.section import Figure, Movie
from polcouple.report.style import DIVERGING, WIDTH_INCHES
from polcouple.units import BOHR_TO_ANGSTROM

_PIXELS_PER_ANGSTROM = 10.0
_MOVIE_FRAMES = 30
_MOVIE_FRAMES_PER_SECOND = 6
#: of the colour scale of single frames, in units of the tolerance
_SCALE = 4.0


def thresholded(error: np.ndarray) -> np.ndarray:
    """Errors in units of 0.015 e; zero where they are smaller than one unit."""
    units = error / PAPER_TOLERANCE
    return np.where(np.abs(units) < 1.0, 0.0, units)


class SheetRaster:
    """An image of the cell, seen along z, in which every pixel has the value of the atom nearest to it.

    Args:
        positions: (n, 3) of the electrode in bohr.
        cell: (3, 3) in bohr, a and b in the plane of the sheet.
    """

    def __init__(self, positions: np.ndarray, cell: np.ndarray) -> None:
        from scipy.spatial import cKDTree

        plane = cell[:2, :2] * BOHR_TO_ANGSTROM
        atoms = positions[:, :2] * BOHR_TO_ANGSTROM
        shifts = np.array([[i, j] for i in (-1, 0, 1) for j in (-1, 0, 1)]) @ plane
        fractional = atoms @ np.linalg.inv(plane)
        folded = (fractional - np.floor(fractional)) @ plane
        images = (folded[None] + shifts[:, None]).reshape(-1, 2)
        size = np.abs(plane).sum(axis=0)
        self.extent = (0.0, float(size[0]), 0.0, float(size[1]))
        x, y = (np.arange(0.5, length * _PIXELS_PER_ANGSTROM) / _PIXELS_PER_ANGSTROM for length in size)
        pixels = np.stack(np.meshgrid(x, y), axis=-1)
        self._atoms = cKDTree(images).query(pixels)[1] % len(atoms)

    def image(self, values: np.ndarray) -> np.ndarray:
        """(rows, columns) from values (n,) of the atoms; y goes up."""
        return values[self._atoms]


def error_map_figures(replay: Replay) -> list[Figure]:
    """One for each electrode, a row per model: errors of the middle frame, and their mean over all frames."""
    errors = _errors(replay)
    means = {name: error.mean(axis=0) for name, error in errors.items()}
    scale = max(*(float(np.abs(mean).max()) for mean in means.values()), 0.1)
    return [_error_map_figure(replay, electrode, errors, means, scale) for electrode in replay.sheets]


def _error_map_figure(
    replay: Replay,
    electrode: str,
    errors: Mapping[str, np.ndarray],
    means: Mapping[str, np.ndarray],
    mean_scale: float,
) -> Figure:
    sheet, several = replay.sheets[electrode], len(replay.sheets) > 1
    raster = SheetRaster(replay.positions[sheet], replay.cell)
    frame = len(replay.times) // 2
    canvas = Canvas(figsize=(WIDTH_INCHES, 2.2 * len(errors) + 0.9), layout="constrained")
    grid = canvas.subplots(len(errors), 2, sharex=True, sharey=True, squeeze=False)
    images: list[Any] = [None, None]
    for row, name in zip(grid, errors, strict=True):
        shown = ((errors[name][frame, sheet], _SCALE), (means[name][sheet], mean_scale))
        for column, (values, scale) in enumerate(shown):
            images[column] = _draw(row[column], raster, values, scale)
            if not values.any():
                text = f"all within\n{PAPER_TOLERANCE:g} e"
                row[column].text(0.5, 0.5, text, transform=row[column].transAxes, ha="center", va="center")
        row[0].set_title(f"{name}, {electrode}" if several else name, fontsize=9, loc="left")
        row[0].set_ylabel("y / Å")
    for column, what in enumerate((replay.moment(frame), f"mean of {len(replay.times)} frames")):
        grid[-1][column].set_xlabel("x / Å")
        canvas.colorbar(
            images[column], ax=grid[:, column], location="bottom", shrink=0.9, aspect=30, pad=0.01
        ).set_label(f"{what}: error / {PAPER_TOLERANCE:g} e", fontsize=9)
    where = f"electrode {electrode}" if several else "the electrode"
    return Figure(
        f"error_maps_{list(replay.sheets).index(electrode) + 1}" if several else "error_maps",
        canvas,
        f"Error of the charges of {where} against {replay.reference}, in units of"
        f" {PAPER_TOLERANCE:g} e; errors smaller than one unit count as zero, in the mean too, and leave the"
        " map pale. Left: one frame; right: the mean over all frames, on a scale of its own. Red: too"
        " positive. Every carbon colours the area nearest to it.",
    )


def error_movie(replay: Replay) -> Movie:
    """The maps of single frames, one after the other; of several electrodes, a row per model."""
    from matplotlib.animation import FuncAnimation, PillowWriter
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    rasters = {name: SheetRaster(replay.positions[own], replay.cell) for name, own in replay.sheets.items()}
    errors = _errors(replay)
    panels = [(model, electrode) for model in errors for electrode in rasters]
    chosen = np.unique(np.linspace(0, len(replay.times) - 1, _MOVIE_FRAMES).round().astype(int))
    columns = len(rasters) if len(rasters) > 1 else min(2, len(panels))
    rows = -(-len(panels) // columns)
    canvas = Canvas(figsize=(WIDTH_INCHES, 2.2 * rows + 0.9), layout="constrained")
    FigureCanvasAgg(canvas)
    grid = canvas.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)

    def values(model: str, electrode: str, number: int) -> np.ndarray:
        return errors[model][number, replay.sheets[electrode]]

    images = {}
    for axis, (model, electrode) in zip(grid.flat, panels, strict=False):
        first = values(model, electrode, int(chosen[0]))
        images[model, electrode] = _draw(axis, rasters[electrode], first, _SCALE)
        axis.set_title(f"{model}, {electrode}" if len(rasters) > 1 else model, fontsize=8)
    for axis in list(grid.flat)[len(panels) :]:
        axis.set_axis_off()
    canvas.supxlabel("x / Å", fontsize=8)
    canvas.supylabel("y / Å", fontsize=8)
    colours = next(iter(images.values()))
    canvas.colorbar(colours, ax=grid, label=f"error / {PAPER_TOLERANCE:g} e", shrink=0.9, pad=0.01)
    title = canvas.suptitle(" ", fontsize=9)
    canvas.draw_without_rendering()
    canvas.set_layout_engine("none")

    def draw(number: int) -> list[Any]:
        for (model, electrode), image in images.items():
            image.set_data(rasters[electrode].image(values(model, electrode, number)))
        title.set_text(replay.moment(number))
        return [*images.values(), title]

    animation = FuncAnimation(canvas, draw, frames=chosen.tolist(), blit=False)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "errors.gif"
        animation.save(path, writer=PillowWriter(fps=_MOVIE_FRAMES_PER_SECOND), dpi=80)
        gif = path.read_bytes()
    return Movie(
        "error_movie",
        gif,
        f"The error maps of {len(chosen)} frames, {_MOVIE_FRAMES_PER_SECOND} a second, errors below"
        f" {PAPER_TOLERANCE:g} e as zero; colours as in the left column above.",
    )


def _errors(replay: Replay) -> dict[str, np.ndarray]:
    """(f, n) thresholded errors of all electrodes by name of the model."""
    reference = replay.charges[replay.reference]
    return {name: thresholded(charges - reference) for name, charges in replay.compared.items()}


def _draw(axis: Any, raster: SheetRaster, values: np.ndarray, scale: float) -> Any:
    axis.tick_params(labelsize=8)
    return axis.imshow(
        raster.image(values),
        origin="lower",
        extent=raster.extent,
        cmap=DIVERGING,
        vmin=-scale,
        vmax=scale,
        interpolation="nearest",
    )
