"""Pictures of the electrodes' excess electron density and of the potential across the cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from polcouple.analysis.electron_density import ElectronDensity
from polcouple.lattice.cell import folded
from polcouple.number_words import significant
from polcouple.report.style import DIVERGING, WIDTH_INCHES, line_styles
from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV

_PER_NM3, _PER_NM2 = 1000.0 / BOHR_TO_ANGSTROM**3, 100.0 / BOHR_TO_ANGSTROM**2
#: width that a scale of colours and its labels take (inches)
_COLOURBAR = 1.5
_LABEL = "excess electrons / nm$^{-2}$"
#: what is drawn beyond the outermost atom (Angstrom)
_MARGIN = 4.0
#: electrons, or electrons per nm^2, that are zero but for rounding
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Views:
    """The excess density along lines of sight, filled while the grid is made; electrons per bohr^2.

    Attributes:
        side: (n_x, n_z), along the cell's second vector.
        above: (electrodes, n_x, n_y), across each electrode.
        owners: (n_z,) electrode that each plane of the grid is nearest to.
        lengths: of a step along the second and across the third vector, in bohr.
    """

    side: np.ndarray
    above: np.ndarray
    owners: np.ndarray
    lengths: tuple[float, float]

    @classmethod
    def of(cls, found: ElectronDensity) -> Views:
        """Empty ones."""
        (nx, ny, nz), cell = found.grid.shape, found.grid.cell
        length = float(cell[2, 2])
        planes = np.arange(nz) * (length / nz)
        away = []
        for electrode in found.case.electrodes:
            apart = planes[:, None] - electrode.positions[:, 2]
            away.append(np.abs(apart - length * np.round(apart / length)).min(axis=1))
        owners = np.argmin(away, axis=0)
        steps = (float(np.linalg.norm(cell[1])) / ny, length / nz)
        return cls(np.zeros((nx, nz)), np.zeros((len(away), nx, ny)), owners, steps)

    def seen(self, planes: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """The same blocks, looked at."""
        start = 0
        for block in planes:
            rows = slice(start, start + len(block))
            self.side[rows] = block.sum(axis=1) * self.lengths[0]
            for number, view in enumerate(self.above):
                view[rows] = block[:, :, self.owners == number].sum(axis=2) * self.lengths[1]
            start += len(block)
            yield block


def draw_profiles(found: ElectronDensity, window: float) -> Canvas:
    """Planar averages along z of the density and of the potential, with bands of one standard error."""
    canvas = Canvas(figsize=(WIDTH_INCHES, 5.2), layout="constrained")
    above, below = canvas.subplots(2, 1, sharex=True)
    z = found.z * BOHR_TO_ANGSTROM
    shown = _shown(found)
    names = ("excess", "induced by the liquid", "running average", "potential")
    styles = line_styles(names)
    for name, profile in (("excess", found.excess()), ("induced by the liquid", found.induced())):
        if profile is not None:
            _draw(above, z, profile, _PER_NM3, styles[name], name)
    potential = found.potential()
    _draw(below, z, potential, HARTREE_TO_EV, styles["potential"], "potential")
    averaged = found.potential(window).value * HARTREE_TO_EV
    label = f"averaged over {window * BOHR_TO_ANGSTROM:.3g} Å"
    below.plot(z, averaged, label=label, **styles["running average"])
    for panel in (above, below):
        panel.axhline(0.0, color="0.6", linewidth=0.8)
        panel.legend(fontsize="small", frameon=False)
    above.set(xlim=shown, ylabel="excess electrons / nm$^{-3}$")
    below.set(ylabel="potential / V", xlabel="z / Å")
    return canvas


def draw_views(found: ElectronDensity, views: Views) -> Canvas:
    """From the side, and each electrode from above: red where electrons are added, blue where missing."""
    names = [section.name.replace("_", " ") for section in found.case.system.electrodes]
    low, high = _shown(found)
    cell = found.grid.cell * BOHR_TO_ANGSTROM
    across = float(np.linalg.norm(np.cross(cell[0], cell[1])) / np.linalg.norm(cell[1]))
    wide = float(np.abs(cell[:2, 0]).sum())
    inner = WIDTH_INCHES - _COLOURBAR
    heights = [max(1.0, inner * across / (high - low)), inner / len(names) * float(cell[1, 1]) / wide]
    canvas = Canvas(figsize=(WIDTH_INCHES, sum(heights) + 1.6), layout="constrained")
    ratios = [height + 0.8 for height in heights]
    upper, lower = canvas.subfigures(2, 1, squeeze=False, height_ratios=ratios)[:, 0]
    panel = upper.subplots()
    order = np.round(found.z / (found.grid.cell[2, 2] / found.grid.shape[2])).astype(int)
    side = views.side[:, order % found.grid.shape[2]] * _PER_NM2
    x = np.linspace(0.0, across, len(side) + 1)
    z = found.z * BOHR_TO_ANGSTROM
    mesh = _coloured(panel, z, x, np.concatenate([side, side[:1]]), float(np.abs(side).max()))
    panel.set(xlim=(low, high), xlabel="z / Å", ylabel="x / Å")
    panel.set_title("from the side", fontsize="medium")
    upper.colorbar(mesh, ax=panel, label=_LABEL)
    panels = lower.subplots(1, len(names), sharey=True, squeeze=False)[0]
    scale = float(np.abs(views.above).max()) * _PER_NM2
    fractions = [np.linspace(0.0, 1.0, n + 1) for n in found.grid.shape[:2]]
    corners = [fractions[0][:, None] * cell[0, k] + fractions[1] * cell[1, k] for k in (0, 1)]
    for number, (name, own) in enumerate(zip(names, found.case.electrode_slices, strict=True)):
        panel = panels[number]
        view = np.pad(views.above[number], ((0, 1), (0, 1)), mode="wrap") * _PER_NM2
        mesh = _coloured(panel, corners[0], corners[1], view, scale)
        inside = folded(found.grid.positions[own] @ np.linalg.inv(found.grid.cell)) @ cell
        panel.plot(*inside.T[:2], ".", color="0.35", markersize=2.5)
        excess = -float(found.charges.value[own].sum())
        panel.set(xlabel="x / Å")
        panel.set_title(f"{name}: {excess_words(excess)}", fontsize="medium")
    panels[0].set_ylabel("y / Å")
    lower.colorbar(mesh, ax=panels, label=_LABEL)
    return canvas


def excess_words(excess: float) -> str:
    """Excess electrons of an electrode; a sum that is zero but for rounding is said to be."""
    return f"{significant(excess, 3, sign=True)} e$^-$" if abs(excess) > _ROUNDING else "0 e$^-$ to rounding"


def _coloured(panel: Any, x: np.ndarray, y: np.ndarray, values: np.ndarray, scale: float) -> Any:
    """A map with zero in the middle of its colours."""
    scale = scale if scale > _ROUNDING else 1.0  # noise is not spread over all colours
    panel.set_aspect("equal")
    return panel.pcolormesh(
        x, y, values, cmap=DIVERGING, vmin=-scale, vmax=scale, shading="gouraud", rasterized=True
    )


def _shown(found: ElectronDensity) -> tuple[float, float]:
    """Where there are atoms, with a margin; Angstrom."""
    length = float(found.grid.cell[2, 2])
    heights = (found.case.positions[:, 2] - found.z[0]) % length + found.z[0]
    z = found.z * BOHR_TO_ANGSTROM
    low, high = heights.min() * BOHR_TO_ANGSTROM - _MARGIN, heights.max() * BOHR_TO_ANGSTROM + _MARGIN
    return max(float(low), float(z[0])), min(float(high), float(z[-1]))


def _draw(panel: Any, z: np.ndarray, profile: Any, unit: float, style: dict[str, Any], label: str) -> None:
    value, error = profile.value * unit, np.nan_to_num(profile.error) * unit
    panel.plot(z, value, label=label, **style)
    panel.fill_between(z, value - error, value + error, color=style["color"], alpha=0.25, linewidth=0)
