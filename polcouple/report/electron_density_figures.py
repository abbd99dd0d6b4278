"""Pictures of the electrodes' excess electron density and of the potential across the cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from polcouple.analysis.electron_density import ElectronDensity
from polcouple.report.style import DIVERGING, WIDTH_INCHES, line_styles
from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV

_PER_NM3 = 1000.0 / BOHR_TO_ANGSTROM**3
#: what is drawn beyond the outermost atom (Angstrom)
_MARGIN = 4.0


@dataclass(frozen=True, eq=False)
class Section:
    """A cut through the grid across its second axis, at the height in y of an atom.

    Attributes:
        row: of the grid along the second axis.
        values: (n_x, n_z) excess electrons per bohr^3, filled while the grid is made.
    """

    row: int
    values: np.ndarray

    @classmethod
    def of(cls, found: ElectronDensity) -> Section:
        """Through the first atom."""
        grid = found.grid
        place = grid.positions[0] @ np.linalg.inv(grid.cell)
        row = round(float(place[1]) * grid.shape[1]) % grid.shape[1]
        return cls(row, np.zeros((grid.shape[0], grid.shape[2])))

    def seen(self, planes: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """The same blocks, of which the cut is kept."""
        start = 0
        for block in planes:
            self.values[start : start + len(block)] = block[:, self.row]
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


def draw_sections(found: ElectronDensity, section: Section) -> Canvas:
    """The cut from the side: red where electrons are added, blue where they are missing, zero white."""
    grid = found.grid
    order = np.round(found.z / (grid.cell[2, 2] / grid.shape[2])).astype(int) % grid.shape[2]
    values = section.values[:, order] * _PER_NM3
    scale = float(np.abs(values).max()) or 1.0
    width = float(np.linalg.norm(grid.cell[0])) * BOHR_TO_ANGSTROM
    z = found.z * BOHR_TO_ANGSTROM
    low, high = _shown(found)
    canvas = Canvas(figsize=(WIDTH_INCHES, 3.2), layout="constrained")
    panel = canvas.subplots()
    image = panel.imshow(
        values,
        origin="lower",
        extent=(z[0], z[-1] + z[1] - z[0], 0.0, width),
        cmap=DIVERGING,
        vmin=-scale,
        vmax=scale,
        aspect="equal",
        interpolation="bilinear",
    )
    panel.set(xlim=(low, high), xlabel="z / Å", ylabel="x / Å")
    canvas.colorbar(image, ax=panel, label="excess electrons / nm$^{-3}$", shrink=0.9)
    return canvas


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
