"""Figure of docs/electron_density.md: graphene's density changed by its liquid and charge, DFTB and model.

python examples/density_model_figure.py FRAMES WFC [docs/figures]

FRAMES are of ipi_inputs/graphene_nacl, the last one is drawn; WFC is the wfc.hsd of mio-1-1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import polcouple
from polcouple.backends.base import resolved_options
from polcouple.coupling.charges import Surroundings
from polcouple.dftb.orbital_density import density_matrices, orbital_grid
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.dftb.wave_functions import read_wave_functions
from polcouple.electrostatics.clouds import ExponentialCloud
from polcouple.frames.reading import read_frames
from polcouple.nn.density.files import load_density
from polcouple.nn.density.model import cloud_density, density_at
from polcouple.nn.model_files import shipped_models
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM

ABOVE = 0.6  # height of the maps, Angstrom
PART = 15.0  # side of what is drawn, Angstrom
PER_NM3 = 1000.0 / BOHR_TO_ANGSTROM**3
COLOURS = {"SCC-DFTB": "#000000", "graphene_density": "#0072B2", "clouds": "#D55E00"}


def main() -> None:
    """Compute, print errors, draw."""
    case = polcouple.read_case(Path("ipi_inputs/graphene_nacl"))
    *_, positions = read_frames(Path(sys.argv[1]), case)
    sheet = case.electrode
    potentials = Surroundings(case).environment(positions).site_potentials
    frozen = resolved_options("dftb", {}).frozen_electrode(sheet)
    parameters = load_parameters(DEFAULT_SLAKO, sheet.symbols)
    shells = read_wave_functions(Path(sys.argv[2]), sheet.symbols, parameters)
    grid = orbital_grid(sheet, parameters, shells, (4, 4, 4))
    solution, bare = frozen.solve(potentials, case.total_charge), frozen.solve(np.zeros(len(sheet)), 0.0)
    matrices = [density_matrices(frozen, one) for one in (solution, bare)]
    model = load_density(shipped_models()["graphene_density"]).charged
    coefficients = model.coefficients(sheet, solution.charges)
    cloud = ExponentialCloud(3.2 * parameters.atoms["C"].hubbard[0])

    def changes(points: np.ndarray) -> dict[str, np.ndarray]:
        exact, neutral = (grid.at(points, one) for one in matrices)
        return {
            "SCC-DFTB": exact - neutral,
            "graphene_density": density_at(model.design.basis, sheet, coefficients, points),
            "clouds": cloud_density(sheet, [cloud] * len(sheet), -solution.charges, points),
        }

    side = np.arange(0.0, PART, 0.15) * ANGSTROM_TO_BOHR
    plane = np.stack(np.meshgrid(side, side, [ABOVE * ANGSTROM_TO_BOHR], indexing="ij"), axis=-1)
    maps = changes(plane.reshape(-1, 3) + np.array([0.0, 0.0, sheet.positions[0, 2]]))
    rng = np.random.default_rng(0)
    heights = np.linspace(-3.0, 3.0, 61)
    area = abs(np.linalg.det(sheet.cell[:2, :2]))
    lateral = rng.random((400, 3)) * [1.0, 1.0, 0.0] @ sheet.cell
    z = heights * ANGSTROM_TO_BOHR + sheet.positions[0, 2]
    columns = (lateral[None] + np.array([0.0, 0.0, 1.0]) * z[:, None, None]).reshape(-1, 3)
    spread = {name: own.reshape(len(z), -1) for name, own in changes(columns).items()}
    size = np.abs(spread["SCC-DFTB"]).sum()
    for name, own in spread.items():
        print(f"{name}: error of the change {100 * np.abs(own - spread['SCC-DFTB']).sum() / size:.1f} %")
    figure, panels = plt.subplots(2, 2, figsize=(6.6, 5.8), layout="constrained")
    largest = 0.6 * PER_NM3 * np.abs(maps["SCC-DFTB"]).max()
    for panel, (name, own) in zip(panels.ravel(), maps.items(), strict=False):
        mesh = panel.pcolormesh(
            side * BOHR_TO_ANGSTROM,
            side * BOHR_TO_ANGSTROM,
            PER_NM3 * own.reshape(len(side), -1).T,
            cmap="RdBu_r",
            vmin=-largest,
            vmax=largest,
            shading="gouraud",
            rasterized=True,
        )
        panel.set(title=name, aspect="equal", xlabel="x / Å", ylabel="y / Å")
    figure.colorbar(
        mesh, ax=panels[:, 0], location="left", extend="both", label="added electrons / nm$^{-3}$"
    )
    for name, own in spread.items():
        dashes = "--" if name == "graphene_density" else "-"
        profile = own.mean(axis=1) * area * ANGSTROM_TO_BOHR
        panels[1, 1].plot(heights, profile, dashes, color=COLOURS[name], label=name)
    panels[1, 1].axhline(0.0, color="0.6", linewidth=0.8)
    panels[1, 1].set(xlabel="height / Å", ylabel="added electrons / Å$^{-1}$", title="all of the sheet")
    panels[1, 1].set_ylim(top=4.6)
    panels[1, 1].legend(frameon=False, fontsize="small", loc="upper center")
    directory = Path(sys.argv[3] if len(sys.argv) > 3 else "docs/figures")
    figure.savefig(directory / "electron_density_model.png", dpi=150)


if __name__ == "__main__":
    main()
