"""Figures of docs/dftb.md: charges on the sheet, charge against site potential, error of linear response.

python examples/dftb_figures.py [docs/figures]

The configurations are the two recorded ones of the reference electrode in tests/data/dftbplus.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from polcouple.dftb.cache import default_cache_directory
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.electrode import Electrode
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM, KELVIN_TO_HARTREE

ROOT = Path(__file__).parent.parent
CHARGE = -4.0


def main(folder: Path) -> None:
    """Write ``dftb_charges.png`` and ``dftb_response.png``."""
    configurations = [load_configuration(name) for name in ("nacl336_0005", "nacl336_0040")]
    electrode = configurations[0][0]
    solver = FrozenElectrode(
        electrode,
        load_parameters(DEFAULT_SLAKO, electrode.symbols),
        300.0 * KELVIN_TO_HARTREE,
        cache_directory=default_cache_directory(),
    )
    _, response = solver.bare_reference(CHARGE)
    potentials = [potential for _, potential in configurations]
    charges = [solver.solve(potential, CHARGE, accuracy=1e-9).charges for potential in potentials]
    linear = [potential @ response.charge_kernel + CHARGE / len(electrode) for potential in potentials]
    folder.mkdir(parents=True, exist_ok=True)
    _charge_map(electrode, potentials[0], charges[0], folder / "dftb_charges.png")
    _response(potentials, charges, linear, folder / "dftb_response.png")


def load_configuration(name: str) -> tuple[Electrode, np.ndarray]:
    with np.load(ROOT / "tests" / "data" / "dftbplus" / f"{name}.npz") as data:
        positions, cell = data["positions"] * ANGSTROM_TO_BOHR, data["cell"] * ANGSTROM_TO_BOHR
        electrode = Electrode(tuple(str(symbol) for symbol in data["symbols"]), positions, cell)
        sources = data["mm_positions"] * ANGSTROM_TO_BOHR
        return electrode, ewald_potential(positions, sources, data["mm_charges"], cell, accuracy=1e-9)


def _charge_map(electrode: Electrode, potential: np.ndarray, charges: np.ndarray, path: Path) -> None:
    x, y = electrode.positions[:, :2].T * BOHR_TO_ANGSTROM
    panels = (
        (1e3 * (potential - potential.mean()), r"$\phi - \langle\phi\rangle$ (mHa/e)", "PuOr_r"),
        (1e3 * (charges - charges.mean()), r"$q - Q/N$ (me)", "RdBu_r"),
    )
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 4.1), layout="constrained", sharey=True)
    for axis, (values, label, colours) in zip(axes, panels, strict=True):
        largest = np.abs(values).max()
        dots = axis.scatter(x, y, c=values, cmap=colours, vmin=-largest, vmax=largest, s=62, lw=0.3, ec="0.5")
        figure.colorbar(dots, ax=axis, label=label, shrink=0.9)
        axis.set(aspect="equal", xlabel="x (Å)")
    axes[0].set_ylabel("y (Å)")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _response(
    potentials: list[np.ndarray], charges: list[np.ndarray], linear: list[np.ndarray], path: Path
) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 3.9), layout="constrained")
    for name, marker, colour, phi, q, estimate in zip(
        ("configuration 1", "configuration 2"), "o^", ("#0072B2", "#D55E00"), potentials, charges, linear,
        strict=True,
    ):  # fmt: skip
        style = {"marker": marker, "color": colour, "s": 9, "alpha": 0.7, "lw": 0, "label": name}
        left.scatter(1e3 * (phi - phi.mean()), 1e3 * q, **style)
        right.scatter(1e3 * q, 1e3 * (estimate - q), **style)
    left.set(xlabel=r"$\phi_i - \langle\phi\rangle$ (mHa/e)", ylabel=r"$q_i$ (me)")
    left.set_title("charge against the potential at its own atom", fontsize=10)
    right.set(xlabel=r"$q_i$ (me)", ylabel=r"$q_i^{\mathrm{linear}} - q_i$ (me)")
    right.set_title("linear response minus self-consistent", fontsize=10)
    right.axhline(0.0, color="0.6", lw=0.8)
    left.legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "figures")
