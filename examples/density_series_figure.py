"""Figure of docs/electron_density.md: graphene's density at five potentials under one liquid, DFTB and model.

python examples/density_series_figure.py FRAMES WFC [docs/figures]

FRAMES are of ipi_inputs/graphene_nacl, the last one is drawn; WFC is the wfc.hsd of mio-1-1. The potential
is that of the electrode's own levels: the Fermi level less the mean potential energy of an electron, over -e,
from that of the neutral sheet. What stands between electrode and liquid comes on top of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import polcouple
from polcouple.backends.base import create_backend
from polcouple.coupling.charges import Surroundings
from polcouple.dftb.orbital_density import density_matrices, orbital_grid
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.dftb.wave_functions import read_wave_functions
from polcouple.frames.reading import read_frames
from polcouple.nn.density.files import load_density
from polcouple.nn.density.model import density_at
from polcouple.nn.model_files import shipped_models
from polcouple.report.style import DIVERGING
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM, HARTREE_TO_EV

CHARGES = (-4.0, -2.0, 0.0, 2.0, 4.0)  # e
ABOVE = 0.6  # height of the maps, Angstrom
PART = 15.0  # side of what is drawn, Angstrom
PER_NM3 = 1000.0 / BOHR_TO_ANGSTROM**3


def main() -> None:
    """Compute, print errors, draw."""
    case = polcouple.read_case(Path("ipi_inputs/graphene_nacl"))
    *_, positions = read_frames(Path(sys.argv[1]), case)
    sheet = case.electrode
    environment = Surroundings(case).environment(positions)
    dftb = create_backend("dftb", sheet, case.electrolyte)
    frozen = dftb.frozen_electrode
    parameters = load_parameters(DEFAULT_SLAKO, sheet.symbols)
    shells = read_wave_functions(Path(sys.argv[2]), sheet.symbols, parameters)
    grid = orbital_grid(sheet, parameters, shells, (4, 4, 4))
    model = load_density(shipped_models()["graphene_density"]).charged
    bare = frozen.solve(np.zeros(len(sheet)), 0.0)
    results = [dftb.solve(environment, charge) for charge in CHARGES]
    levels = np.array([-HARTREE_TO_EV * dftb.filling(one) for one in results])
    levels -= levels[CHARGES.index(0.0)]
    side = np.arange(0.0, PART, 0.15) * ANGSTROM_TO_BOHR
    plane = np.stack(np.meshgrid(side, side, [ABOVE * ANGSTROM_TO_BOHR], indexing="ij"), axis=-1)
    plane = plane.reshape(-1, 3) + np.array([0.0, 0.0, sheet.positions[0, 2]])
    neutral = grid.at(plane, density_matrices(frozen, bare))
    maps, titles = [], []
    for charge, level, result in zip(CHARGES, levels, results, strict=True):
        found = dftb.solution(result)
        coefficients = model.coefficients(sheet, found.charges)
        pair = (
            grid.at(plane, density_matrices(frozen, found)) - neutral,
            density_at(model.design.basis, sheet, coefficients, plane),
        )
        maps.append([PER_NM3 * own for own in pair])
        error = np.abs(pair[1] - pair[0]).sum() / np.abs(pair[0]).sum()
        titles.append(
            (f"{level:+.2f} V, {charge:+.0f} e" if charge else "0 V, 0 e").replace("-", "\N{MINUS SIGN}")
        )
        print(f"{charge:+.0f} e, {level:+.3f} V: error of the change in this plane {100 * error:.1f} %")
    figure, panels = plt.subplots(
        2, len(maps), figsize=(9.4, 4.0), sharex=True, sharey=True, layout="constrained"
    )
    largest = 0.4 * max(np.abs(own).max() for own, _ in maps)
    for column, (title, pair) in enumerate(zip(titles, maps, strict=True)):
        for row, own in enumerate(pair):
            mesh = panels[row, column].pcolormesh(
                side * BOHR_TO_ANGSTROM, side * BOHR_TO_ANGSTROM, own.reshape(len(side), -1).T,
                cmap=DIVERGING, vmin=-largest, vmax=largest, shading="gouraud", rasterized=True,
            )  # fmt: skip
            panels[row, column].set_aspect("equal")
        panels[0, column].set_title(title, fontsize="medium")
        panels[1, column].set_xlabel("x / Å")
    for row, name in enumerate(("SCC-DFTB", "graphene_density")):
        panels[row, 0].set_ylabel(f"{name}\ny / Å")
    figure.colorbar(mesh, ax=panels, extend="both", label="added electrons / nm$^{-3}$")
    directory = Path(sys.argv[3] if len(sys.argv) > 3 else "docs/figures")
    figure.savefig(directory / "electron_density_series.png", dpi=100)


if __name__ == "__main__":
    main()
