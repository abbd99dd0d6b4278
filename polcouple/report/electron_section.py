"""A picture of what the liquid induces: a cut across the electrode at the ion that is nearest to it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Circle

from polcouple.analysis.electron_density import ElectronDensity
from polcouple.case.model import Case
from polcouple.nn.density.model import cloud_density
from polcouple.report.style import DIVERGING, WIDTH_INCHES
from polcouple.units import BOHR_TO_ANGSTROM

_PER_NM3 = 1000.0 / BOHR_TO_ANGSTROM**3
#: what is seen below and above the electrode, and of the liquid on either side of the cut (Angstrom)
_BELOW, _ABOVE, _THICK = 3.0, 8.5, 1.6
#: what is seen along the electrode at most, the ion in its middle (Angstrom)
_WIDE = 20.0
#: points of the cut (Angstrom apart)
_STEP = 0.1
#: radii in the picture by element (Angstrom), and the fill of elements that are no ions
_RADII = {"H": 0.35, "O": 0.75, "C": 0.35}
_RADIUS, _ION_RADIUS = 0.7, 1.0
_FILLS = {"O": "#B8B8B8", "H": "#FFFFFF", "C": "#333333"}
_FILL = "#D9D9D9"
#: colours are linear up to this part of the largest density, and beyond it by decades
_LINEAR = 0.03


def draw_section(found: ElectronDensity) -> Canvas:
    """Of the last frame: a cut through the ion nearest to an electrode, or through the nearest atom."""
    case, (positions, charges) = found.case, found.latest
    assert found.bare is not None
    cell = case.cell * BOHR_TO_ANGSTROM
    liquid = case.electrolyte_positions(positions) * BOHR_TO_ANGSTROM
    electrode, height, ion = _where(case, liquid)
    own = case.electrode_slices[electrode]
    toward = 1.0 if _apart(liquid[ion, 2] - height, cell[2, 2]) > 0.0 else -1.0
    wide = min(_WIDE, float(np.linalg.norm(cell[0])))
    left = float(liquid[ion, 0]) - 0.5 * wide
    x = left + np.arange(0.0, wide, _STEP)
    z = np.arange(-_BELOW, _ABOVE, _STEP)
    grid = np.zeros((len(x), len(z), 3))
    grid[:, :, 0], grid[:, :, 1] = x[:, None], liquid[ion, 1]
    grid[:, :, 2] = height + toward * z
    cut = _induced(found, positions, charges, grid.reshape(-1, 3) / BOHR_TO_ANGSTROM).reshape(len(x), len(z))
    cut = cut * _PER_NM3
    height_inches = (WIDTH_INCHES - 1.4) * (_BELOW + _ABOVE) / wide + 0.9
    canvas = Canvas(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
    panel = canvas.subplots()
    largest = max(float(np.abs(cut).max()), 1e-9)
    norm = SymLogNorm(_LINEAR * largest, vmin=-largest, vmax=largest, base=10)
    mesh = panel.pcolormesh(
        x - liquid[ion, 0], z, cut.T, cmap=DIVERGING, norm=norm, shading="gouraud", rasterized=True
    )
    bar = canvas.colorbar(mesh, ax=panel, label="induced electrons / nm$^{-3}$", shrink=0.9)
    bar.ax.text(0.5, 1.02, "more", transform=bar.ax.transAxes, ha="center", va="bottom", fontsize="small")
    bar.ax.text(0.5, -0.02, "fewer", transform=bar.ax.transAxes, ha="center", va="top", fontsize="small")
    atoms = case.electrode.positions[own] * BOHR_TO_ANGSTROM
    everything = np.concatenate([liquid, atoms]) - [liquid[ion, 0], liquid[ion, 1], height]
    _draw_atoms(panel, case, everything, case.electrodes[electrode].symbols, toward)
    panel.set(xlim=(-0.5 * wide, 0.5 * wide), ylim=(-_BELOW, _ABOVE), aspect="equal")
    panel.set(xlabel=f"from {case.electrolyte.symbols[ion]} along x / Å", ylabel="height / Å")
    return canvas


def _where(case: Case, liquid: np.ndarray) -> tuple[int, float, int]:
    """Electrode, its mean height (Angstrom) and the ion nearest to it, or the nearest atom."""
    length = float(case.cell[2, 2]) * BOHR_TO_ANGSTROM
    ions = np.asarray(case.electrolyte.ion_indices, dtype=int)
    some = ions if len(ions) else np.arange(len(liquid))
    best = (np.inf, 0, 0.0, 0)
    for number, one in enumerate(case.electrodes):
        height = float(one.positions[:, 2].mean()) * BOHR_TO_ANGSTROM
        away = np.abs(_apart(liquid[some, 2] - height, length))
        nearest = int(np.argmin(away))
        best = min(best, (float(away[nearest]), number, height, int(some[nearest])))
    return best[1], best[2], best[3]


def _induced(
    found: ElectronDensity, positions: np.ndarray, charges: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """(p,) electrons per bohr^3 of one frame: the model's where there is one, else the charges' clouds."""
    assert found.bare is not None
    case, model = found.case, found.by_model
    if model is not None:
        fields = model.fields(positions, charges) if model.polarised else np.zeros(len(charges))
        return model.at(model.parts("model_induced", charges, found.bare, fields), points)
    return cloud_density(case.electrode, found.grid.clouds, found.bare - charges, points)


def _draw_atoms(
    panel: Any, case: Case, relative: np.ndarray, symbols_of_electrode: tuple[str, ...], toward: float
) -> None:
    """Atoms near the cut, the liquid's and then the electrode's, relative (m, 3) to the middle; Angstrom."""
    cell = case.cell * BOHR_TO_ANGSTROM
    ions = {int(index) for index in case.electrolyte.ion_indices}
    symbols = (*case.electrolyte.symbols, *symbols_of_electrode)
    fractional = relative @ np.linalg.inv(cell)
    places = (fractional - np.round(fractional)) @ cell
    above = toward * places[:, 2]
    shown = (np.abs(places[:, 1]) < _THICK) & (above > -_BELOW) & (above < _ABOVE)
    for index in np.flatnonzero(shown)[np.argsort(-np.abs(places[shown, 1]))]:
        symbol, ion = symbols[index], int(index) in ions
        radius = _ION_RADIUS if ion else _RADII.get(symbol, _RADIUS)
        charge = float(case.electrolyte.charges[index]) if ion else 0.0
        fill = "#FFFFFF" if ion else _FILLS.get(symbol, _FILL)
        for shift in (-cell[0, 0], 0.0, cell[0, 0]):
            centre = (places[index, 0] + shift, above[index])
            panel.add_patch(
                Circle(
                    centre, radius, facecolor=fill, edgecolor="black", linewidth=1.2 if ion else 0.5, zorder=3
                )
            )
            if ion:
                name = symbol + ("+" if charge > 0.0 else "\N{MINUS SIGN}")
                panel.text(*centre, name, ha="center", va="center", fontsize=7, zorder=4, clip_on=True)


def _apart(heights: Any, length: float) -> Any:
    """Differences of heights, of the nearest image."""
    return heights - length * np.round(heights / length)
