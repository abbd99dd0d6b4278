"""Where local suffices and where it does not: a figure of docs/paradigms.md, from three runs of one case.

    polcouple build bulk --repeat 7 4 --water 480 --na 9 --cl 8 --total-charge -1 --vacuum 20
    polcouple sample bulk --backend response --frames 200 --every 0.2 --skip 10 --positions -o bulk.h5
    polcouple label bulk.h5 --backend dftb --total-charges -1
    pip install --no-deps examples/local_charges
    python examples/local_charges/polcouple_local_charges.py bulk.h5 6 -o local6.npz
    for backend in fixed "local_charges --set model=./local6.npz" response; do
        polcouple run bulk --backend $backend --thermostat svr --tau 500 --steps 50000 --stride 100
    done
    python examples/local_charges/bulk_diffusion.py bulk.h5 local6.npz figures/paradigms_bulk.png \\
        bulk/run_fixed bulk/run_local_charges bulk/run_response

Diffusion along the sheet of waters that stay in a layer (P. Liu, E. Harder, B. J. Berne, J. Phys. Chem. B
108, 6595 (2004)): of those that are in it in every frame from t to t + s,

    D = [ <d^2>(s2) - <d^2>(s1) ] / (4 (s2 - s1)),

d the lateral way, with errors by blocks of time. The liquid's drift along the sheet is taken off.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from polcouple_local_charges import load

from polcouple.analysis.block_errors import Blocks, Estimate, estimate
from polcouple.analysis.runs import Run, read_run
from polcouple.analysis.slab import slab_of
from polcouple.data.dataset import Dataset
from polcouple.paradigms.backend_charges import BackendCharges
from polcouple.paradigms.frames import read_parts
from polcouple.paradigms.mean_charge import MeanCharge
from polcouple.paradigms.probe import HEIGHTS, image_charges
from polcouple.report.style import line_styles
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM

SKIP = 5.0  # ps at the start of a run
FIRST, LAST = 1.0, 3.0  # s1 and s2, ps
LAYER = 5.0  # height of the first layer of water, Angstrom
FROM_SHEET = 15.0  # of the bulk, Angstrom, and as far from the liquid's other side
NAMES = ("mean charge", "local 6 Å", "response")


@dataclass(frozen=True)
class Found:
    """Of a run: diffusion in 1e-9 m^2/s, and charges in units of 1e-3 e."""

    bulk: Estimate
    layer: Estimate
    fluctuation: Estimate
    long_waves: Estimate
    waters: tuple[float, float]


def main() -> None:
    """Print the table, draw the figure."""
    dataset, model, picture, *directories = (Path(word) for word in sys.argv[1:])
    runs = [read_run(directory, SKIP) for directory in directories]
    found = dict(zip(NAMES, map(of_run, runs), strict=True))
    images = dict(zip(NAMES, images_of(dataset, model, runs[-1]), strict=True))
    for name, one in found.items():
        print(
            f"{name}: D bulk {told(one.bulk)}, first layer {told(one.layer)} (1e-9 m2/s;"
            f" {one.waters[0]:.0f} and {one.waters[1]:.0f} waters), charges' rms {told(one.fluctuation)},"
            f" longest waves {told(one.long_waves)} (1e-3 e), image at 5 and 12 Å"
            f" {images[name][HEIGHTS.index(5.0)]:.2f} {images[name][HEIGHTS.index(12.0)]:.2f}"
        )
    draw(found, images, picture)


def told(one: Estimate) -> str:
    """With its standard error."""
    return f"{float(one.value):.3f} +- {float(one.error):.3f}{'' if one.converged else ' (too short)'}"


def of_run(run: Run) -> Found:
    """Diffusion in the two layers, and the charges' fluctuations."""
    case, slab = run.case, slab_of(run.case)
    top = slab.heights(case.positions[case.water_oxygens, 2]).max()
    bulk = FROM_SHEET * ANGSTROM_TO_BOHR, top - FROM_SHEET * ANGSTROM_TO_BOHR
    heights, ways = [], []
    for frame in run.frames():
        oxygens = frame.positions[case.water_oxygens]
        heights.append(slab.heights(oxygens[:, 2]))
        ways.append(oxygens[:, :2])
    path = unfolded(np.array(ways), case.lattice[:2, :2])
    path -= path.mean(axis=1, keepdims=True)
    layers = [
        (low <= np.array(heights)) & (np.array(heights) < high)
        for low, high in (bulk, (0.0, LAYER * ANGSTROM_TO_BOHR))
    ]
    charges = np.array([values for _, values in run.charges()])
    away = charges - charges.mean(axis=0)
    waves = 2.0 * np.pi * np.linalg.inv(case.electrode.cell[:2, :2]).T
    phases = np.exp(1j * case.electrode.positions[:, :2] @ waves.T) / np.sqrt(len(case.electrode))
    return Found(
        *(diffusion(path, inside, run.frame_spacing_ps) for inside in layers),
        root(1e6 * (away**2).mean(axis=1)),
        root(1e6 * (np.abs(away @ phases) ** 2).mean(axis=1)),
        (float(layers[0].sum(axis=1).mean()), float(layers[1].sum(axis=1).mean())),
    )


def unfolded(ways: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """(frames, molecules, 2) without jumps across the cell's faces."""
    steps = np.diff(ways, axis=0) @ np.linalg.inv(cell)
    steps -= np.rint(steps)
    return np.concatenate([ways[:1], ways[:1] + np.cumsum(steps @ cell, axis=0)])


def diffusion(path: np.ndarray, inside: np.ndarray, spacing: float) -> Estimate:
    """Along the sheet, in 1e-9 m^2/s; ``path`` (frames, molecules, 2) in bohr."""
    lags = [round(lag / spacing) for lag in (FIRST, LAST)]
    blocks = Blocks()
    for start in range(len(path) - lags[1]):
        row = []
        for lag in lags:
            stay = inside[start : start + lag + 1].all(axis=0)
            way = path[start + lag, stay] - path[start, stay]
            row += [float((way**2).sum()), float(stay.sum())]
        blocks.add(np.array(row))
    # 1 bohr^2/ps is 2.8e-9 m^2/s
    factor = BOHR_TO_ANGSTROM**2 * 10.0 / (4.0 * (lags[1] - lags[0]) * spacing)
    return estimate(blocks, lambda mean: factor * (mean[2] / mean[3] - mean[0] / mean[1]))


def root(squares: np.ndarray) -> Estimate:
    """Root of the mean of a series."""
    blocks = Blocks()
    for square in squares:
        blocks.add(square)
    return estimate(blocks, lambda mean: np.sqrt(mean))


def images_of(path: Path, model: Path, run: Run) -> list[np.ndarray]:
    """(heights,) image charge of an ion by every model."""
    dataset = Dataset(path)
    frame = read_parts(dataset, "dftb", run.case.total_charge).test.frames[0]
    kernel = BackendCharges("response", "response", {}, dataset.electrode.symbols, run.case.directory)
    return [image_charges(one, frame) for one in (MeanCharge(), load(model), kernel)]


def draw(found: dict[str, Found], images: dict[str, np.ndarray], picture: Path) -> None:
    """Bulk beside interface."""
    styles = line_styles(NAMES[1:], NAMES[:1])
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.9), layout="constrained")
    for number, (name, one) in enumerate(found.items()):
        colour = styles[name]["color"]
        for place, value in enumerate((one.bulk, one.layer)):
            at = place + 0.2 * (number - 1)
            left.errorbar(at, value.value, value.error, fmt="o", color=colour, capsize=4, markersize=5)
        right.plot(HEIGHTS, images[name], label=name, **styles[name])
    left.set(
        xticks=(0, 1), xticklabels=("bulk water", "first layer"), xlim=(-0.5, 1.5), ylim=(0.0, None),
        ylabel="D along the sheet (10⁻⁹ m²/s)", title="a liquid's property",
    )  # fmt: skip
    right.axhline(-1.0, color="#BBBBBB", linewidth=0.8)
    right.annotate("metal", (20.0, -1.0), ha="right", va="top", color="#777777", fontsize=8)
    right.set(
        xlabel="height of the ion (Å)", ylabel="image charge over the ion's", ylim=(-1.6, 0.3),
        title="the electrode's property",
    )  # fmt: skip
    right.legend(frameon=False, fontsize=8)
    figure.savefig(picture, dpi=200)


if __name__ == "__main__":
    main()
