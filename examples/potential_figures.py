"""Figures of docs/potential.md: graphene against a classical metal, and the vacuum of a capacitor cell.

python examples/potential_figures.py [docs/figures]

The configurations are the two recorded ones of the reference electrode in tests/data/dftbplus.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from dftb_figures import ROOT, load_configuration

from polcouple.backends.base import ChargeBackend, Environment, create_backend
from polcouple.case.model import read_case
from polcouple.case.schema import Slab
from polcouple.coupling.charges import Surroundings
from polcouple.coupling.electrodes import create_electrodes
from polcouple.electrode import Electrode, Electrolyte
from polcouple.units import ANGSTROM_TO_BOHR, HARTREE_TO_EV

NOTHING = Electrolyte((), np.empty(0), np.empty(0, int))
#: colours that differ for every eye (Okabe and Ito)
BLUE, ORANGE, GREEN, BLACK = "#0072B2", "#E69F00", "#009E73", "#000000"
#: exponent in 1/Angstrom at which a Gaussian charge repels itself as DFTB's carbon does, U = 0.3647 Hartree
SOFT = 0.3647 / np.sqrt(2.0 / np.pi) * ANGSTROM_TO_BOHR


def main(folder: Path) -> None:
    """Write ``potential_metal.png`` and ``potential_vacuum.png``, and print what they show."""
    folder.mkdir(parents=True, exist_ok=True)
    draw_metal(folder / "potential_metal.png")
    draw_vacuum(folder / "potential_vacuum.png")


def charges(backend: ChargeBackend, potentials: np.ndarray, total: float) -> np.ndarray:
    """Charges (n,) in e at ``potentials`` (n,) in Hartree/e and the total charge ``total`` in e."""
    return backend.solve(Environment(NOTHING, np.empty((0, 3)), potentials), total).charges


def response_to_waves(
    backend: ChargeBackend, electrode: Electrode, total: float
) -> tuple[np.ndarray, np.ndarray]:
    """|k| in 1/Angstrom, and the charge per potential that a wave of that k induces, e^2/Hartree per atom.

    The wave is small, 1e-4 Hartree/e, and the same on both sublattices.
    """
    waves, answers = [], []
    for numbers in np.ndindex(6, 6):
        if 0 < sum(numbers) < 7:
            k = 2.0 * np.pi * np.array(numbers) / np.diag(electrode.cell)[:2]
            wave = 1e-4 * np.cos(electrode.positions[:, :2] @ k)
            induced = charges(backend, wave, total) - charges(backend, -wave, total)
            waves.append(np.linalg.norm(k) * ANGSTROM_TO_BOHR)
            answers.append(-0.5 * induced @ wave / (wave @ wave))
    order = np.argsort(waves)
    return np.array(waves)[order], np.array(answers)[order]


def draw_metal(path: Path) -> None:
    """Charges of both on the same configurations, and their response to waves of potential."""
    configurations = [load_configuration(name) for name in ("nacl336_0005", "nacl336_0040")]
    electrode = configurations[0][0]
    models = {
        "metal, η = 1.979 Å⁻¹": ("metal", {}, -4.0, ORANGE),
        "metal with DFTB's U": ("metal", {"gaussian_exponent_per_angstrom": SOFT}, -4.0, GREEN),
        "graphene, -4 e": ("dftb", {}, -4.0, BLUE),
        "graphene, 0 e": ("response", {}, 0.0, BLACK),
    }
    backends = {
        label: create_backend(name, electrode, NOTHING, settings)
        for label, (name, settings, _, _) in models.items()
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 4.0), layout="constrained")
    answers = {
        label: np.concatenate([charges(backend, potential, -4.0) for _, potential in configurations])
        for label, backend in backends.items()
    }
    graphene = answers["graphene, -4 e"]
    spread = graphene - graphene.mean()
    ends = 1e3 * np.array([graphene.min(), graphene.max()])
    left.plot(ends, ends, "k-", lw=0.8, label="equal")
    for label in list(models)[:2]:
        deviation = answers[label] - graphene
        slope = float(spread @ answers[label] / (spread @ spread))
        print(f"{label}: slope {slope:.3f}, rms difference from dftb {np.std(deviation):.2e} e")
        left.plot(1e3 * graphene, 1e3 * answers[label], ".", ms=3, color=models[label][3], label=label)
    print(f"uniform Q/N: rms difference {spread.std():.2e} e")
    left.set(xlabel="charge, dftb / me", ylabel="charge, metal / me")
    left.legend(frameon=False)
    for label, (_, _, total, color) in models.items():
        waves, induced = response_to_waves(backends[label], electrode, total)
        right.plot(waves, induced, "o-", ms=4, lw=0.8, color=color, label=label)
        print(label, " ".join(f"{k:.2f}:{a:.3f}" for k, a in zip(waves[::4], induced[::4], strict=True)))
    right.set(xlabel="wave number / Å⁻¹", ylabel="induced charge per potential and atom / e² Ha⁻¹")
    right.legend(frameon=False)
    figure.savefig(path, dpi=110)


def draw_vacuum(path: Path) -> None:
    """Voltage of a charged capacitor against its vacuum, with and without its images."""
    case = read_case(ROOT / "ipi_inputs" / "graphene_capacitor_small")
    sections = [
        section.model_copy(update={"total_charge_e": charge})
        for section, charge in zip(case.system.electrodes, (0.2, -0.2), strict=True)
    ]
    lengths = np.array([10.0, 16.0, 26.0, 46.0, 96.0, 196.0])
    voltages: dict[str, list[float]] = {"D = 0": [], "periodic images": []}
    for vacuum in lengths:
        cell = case.cell.copy()
        cell[2, 2] = (24.0 + vacuum) * ANGSTROM_TO_BOHR
        for label, slab in (("D = 0", Slab(displacement_volt_per_angstrom=0.0)), ("periodic images", None)):
            system = case.system.model_copy(update={"potential": None, "slab": slab, "electrodes": sections})
            here = replace(case, cell=cell, system=system)
            environment = Surroundings(here).environment(case.positions)
            result = create_electrodes(here, "metal").solve(environment, 0.0)
            lower, upper = result.fermi_levels * HARTREE_TO_EV
            voltages[label].append(upper - lower)
    figure, axes = plt.subplots(figsize=(5.0, 3.6), layout="constrained")
    for (label, values), color in zip(voltages.items(), (BLUE, ORANGE), strict=True):
        axes.plot(lengths, values, "o-", color=color, label=label)
        print(
            label, " ".join(f"{length:g}:{value:.5f}" for length, value in zip(lengths, values, strict=True))
        )
    axes.set(xlabel="vacuum / Å", ylabel="voltage at ± 0.2 e / V", xscale="log")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/figures"))
