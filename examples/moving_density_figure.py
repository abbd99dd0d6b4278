"""Figure of docs/electron_density.md: what the level changes of a moving electrode's density, DFTB and model.

python examples/moving_density_figure.py DATASET.h5 WFC MODEL LABEL [docs/figures]

The last frame of DATASET.h5 with LABEL (such as dftb@-4.42307eV), at every level of the labels. MODEL is by
`polcouple train density` from the same dataset; WFC is the wfc.hsd of mio-1-1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from polcouple.backends.base import resolved_options
from polcouple.coupling.moving_recorder import case_of
from polcouple.data.moving import MovingDataset
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import FermiLevel, TotalCharge
from polcouple.dftb.orbital_grid import OrbitalGrid
from polcouple.dftb.skf import load_parameters
from polcouple.dftb.wave_functions import read_wave_functions
from polcouple.electrode import Electrode
from polcouple.nn.density.files import load_density
from polcouple.nn.density.model import density_at
from polcouple.report.style import DIVERGING
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM, HARTREE_TO_EV, KELVIN_TO_HARTREE

BELOW, ABOVE = 3.0, 10.0  # of what is drawn, from the sheet, Angstrom
POINTS = (44, 22, 66)  # along x, y and z
PER_NM2 = 100.0 / BOHR_TO_ANGSTROM**2


def main() -> None:
    """Compute, print errors, draw."""
    path, waves, directory, label = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    dataset = MovingDataset(path)
    sets, rows = dataset.sets(), dataset.labels()
    number = [one.name for one in sets].index(label)
    frame = rows.frame[rows.set == number].max()
    positions, cell, symbols = dataset.frames().positions[frame], dataset.cell, dataset.symbols
    atoms = Electrode(symbols, positions, cell)
    options = resolved_options("dftb", case_of(dataset).backend_settings("dftb"))
    parameters = load_parameters(options.slako_directory, symbols)
    shells = read_wave_functions(waves, symbols, parameters)
    kt = options.temperature_kelvin * KELVIN_TO_HARTREE
    dftb = MovingDftb(symbols, kt, options.slako_directory, options.k_points, options.shell_resolved)
    grid = OrbitalGrid(atoms, dftb.orbitals, shells, np.eye(3), (4, 4, 4))
    model = load_density(directory)

    sheet = positions[np.array(symbols) == "C", 2].mean()
    z = sheet + np.linspace(-BELOW, ABOVE, POINTS[2]) * ANGSTROM_TO_BOHR
    x, y = (np.arange(n) / n * cell[axis, axis] for axis, n in enumerate(POINTS[:2]))
    points = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1).reshape(-1, 3)
    neutral = grid.at(points, dftb.solve(positions, cell, TotalCharge(0.0)).density_matrices())

    def along_y(values: np.ndarray) -> np.ndarray:
        return PER_NM2 * values.reshape(POINTS).mean(axis=1) * cell[1, 1]

    maps, titles = [], []
    for level in sorted(one.fermi_level for one in sets if one.fermi_level is not None):
        found = dftb.solve(positions, cell, FermiLevel(level))
        electrons = -float(found.charges.sum())
        exact = grid.at(points, found.density_matrices()) - neutral
        part = model.charged
        coefficients = part.coefficients(atoms, model.spread(symbols, electrons))
        ours = density_at(part.design.basis, atoms, coefficients, points)
        error = np.abs(ours - exact).sum() / np.abs(exact).sum()
        told = f"{level * HARTREE_TO_EV:.2f} eV: {electrons:+.2f} electrons"
        print(f"{told}, error of the change {100 * error:.0f} %")
        maps.append((along_y(exact), along_y(ours)))
        titles.append(told.replace(": ", "\n").replace("-", "\N{MINUS SIGN}"))
    figure, panels = plt.subplots(
        2, len(maps), figsize=(9.4, 6.4), sharex=True, sharey=True, layout="constrained"
    )
    largest = 0.5 * max(np.abs(own).max() for own, _ in maps)
    for column, (title, pair) in enumerate(zip(titles, maps, strict=True)):
        for row, own in enumerate(pair):
            panel = panels[row, column]
            mesh = panel.pcolormesh(
                x * BOHR_TO_ANGSTROM, (z - sheet) * BOHR_TO_ANGSTROM, own.T,
                cmap=DIVERGING, vmin=-largest, vmax=largest, shading="gouraud", rasterized=True,
            )  # fmt: skip
            for symbol, colour, size in (("C", "0.2", 12), ("O", "0.5", 12), ("H", "0.7", 5)):
                own_atoms = positions[np.array(symbols) == symbol]
                heights = (own_atoms[:, 2] - sheet) * BOHR_TO_ANGSTROM
                here = (own_atoms[:, 0] % cell[0, 0]) * BOHR_TO_ANGSTROM
                panel.scatter(here, heights, size, facecolors="none", edgecolors=colour, linewidths=0.6)
            panel.set(aspect="equal", ylim=(-BELOW, ABOVE), xlim=(0.0, x[-1] * BOHR_TO_ANGSTROM))
        panels[0, column].set_title(title, fontsize="medium")
        panels[1, column].set_xlabel("x / Å")
    for row, name in enumerate(("SCC-DFTB", "density model")):
        panels[row, 0].set_ylabel(f"{name}\nheight / Å")
    figure.colorbar(mesh, ax=panels, extend="both", label="added electrons / nm$^{-2}$, summed along y")
    target = Path(sys.argv[5] if len(sys.argv) > 5 else "docs/figures")
    figure.savefig(target / "electron_density_moving.png", dpi=100)


if __name__ == "__main__":
    main()
