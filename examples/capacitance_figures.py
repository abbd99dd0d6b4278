"""Figures of docs/capacitance.md, from what examples/capacitance.sh has run.

python examples/capacitance_figures.py DIR OUTPUT
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import matplotlib.figure
import numpy as np

from polcouple.analysis.block_errors import Blocks, estimate
from polcouple.analysis.runs import read_run
from polcouple.builder.surfaces import GRAPHENE_CELL
from polcouple.capacitance.frames import evaluate
from polcouple.case.model import read_case
from polcouple.compare.models import Model
from polcouple.coupling.electrodes import create_coupled
from polcouple.dftb.bands import Bands
from polcouple.dftb.quantum_capacitance import QuantumCapacitance, cone_capacitance, rigid
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.electrode import Electrode
from polcouple.report.style import line_styles
from polcouple.units import (
    ANGSTROM_TO_BOHR,
    ATOMIC_TO_MICROFARAD_PER_CM2,
    EV_TO_HARTREE,
    HARTREE_TO_EV,
    KELVIN_TO_HARTREE,
)

CASE = Path(__file__).parent.parent / "ipi_inputs" / "graphene_capacitor_small"
#: of each run, for the comparison on the same frames
SKIPPED_PS = 5.0
NAMES = {"metal": "metal", "response": "graphene"}
UNIT = "µF/cm²"
ROOM = 300.0 * KELVIN_TO_HARTREE
#: what the slope of graphene's bands is often given as, m/s
TEXTBOOK_VELOCITY = 1e6
ATOMIC_VELOCITY = 2.18769126364e6
#: -4 e on the reference system's sheet
ANCHOR_PER_NM2 = 4.0 / 8.80


def main() -> None:
    """Draw the figures, and print what the page says beside the tables of the reports."""
    source, output = Path(sys.argv[1]), Path(sys.argv[2])
    sweep_figure(source).savefig(output / "capacitance_sweep.png", dpi=130)
    time_figure(source).savefig(output / "capacitance_time.png", dpi=130)
    same_frames(source)
    cone_figure().savefig(output / "capacitance_cone.png", dpi=130)


def rows(path: Path) -> list[dict[str, float]]:
    """A table of a report; what is unknown is NaN."""
    with path.open() as stream:
        return [
            {key: float(value or "nan") for key, value in row.items() if value not in ("yes", "no")}
            for row in csv.DictReader(stream)
        ]


def sweep_figure(source: Path) -> matplotlib.figure.Figure:
    """Charge, and total differential capacitance by both routes, of the metal and of graphene."""
    figure = matplotlib.figure.Figure(figsize=(5.2, 6.0), layout="constrained")
    charge, capacitance = figure.subplots(2, sharex=True)
    styles = line_styles(list(NAMES.values()))
    for shift, (backend, name) in zip((-0.02, 0.02), NAMES.items(), strict=True):
        style, tables = styles[name], source / backend / "tables"
        found = rows(tables / "charge.csv")
        volts = np.array([row["U (V)"] for row in found])
        values, errors = (np.array([row[key] for row in found]) for key in ("Q (e)", "error (e)"))
        charge.errorbar(volts + shift, values, errors, marker="o", ms=4, capsize=3, label=name, **style)
        found = rows(tables / "differential_fluctuations.csv")
        values, errors = (np.array([row[f"total ({UNIT}){end}"] for row in found]) for end in ("", " error"))
        capacitance.errorbar(
            volts + shift, values, errors, color=style["color"], fmt="o", ms=4, capsize=3,
            label=f"{name}, fluctuations",
        )  # fmt: skip
        for number, row in enumerate(rows(tables / "differential_sweep.csv")):
            ends, value = [row["from (V)"], row["to (V)"]], row[f"total ({UNIT})"]
            error = row[f"total ({UNIT}) error"]
            label = None if number else f"{name}, sweep"
            capacitance.plot(ends, [value, value], label=label, **style)
            capacitance.fill_between(
                ends, value - error, value + error, color=style["color"], alpha=0.18, lw=0
            )
    charge.set_ylabel("charge of the first sheet (e)")
    charge.legend(frameon=False)
    capacitance.set(xlabel="voltage (V)", ylabel=f"differential capacitance ({UNIT})")
    capacitance.set_ylim(bottom=0.0)
    capacitance.legend(frameon=False, fontsize="small")
    return figure


def time_figure(source: Path) -> matplotlib.figure.Figure:
    """Charge against time in every run, what is skipped included."""
    from polcouple.ipi.output import read_extras

    figure = matplotlib.figure.Figure(figsize=(5.2, 5.0), layout="constrained")
    panels = figure.subplots(len(NAMES), sharex=True, sharey=True)
    for axes, (backend, name) in zip(panels, NAMES.items(), strict=True):
        runs = sorted((source / f"{backend}.work" / "runs").iterdir(), key=lambda path: float(path.name[:-1]))
        styles = line_styles([run.name for run in runs])
        for run in runs:
            steps, charges = read_extras(run / backend / "simulation.electrode_charges_0")
            axes.plot(
                steps[::5] * 2e-3, charges[::5, 0], label=run.name, **styles[run.name] | {"linewidth": 0.8}
            )
        axes.set(ylabel="charge (e)", title=name)
    panels[-1].set_xlabel("time (ps)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    return figure


def same_frames(source: Path) -> None:
    """Print what a metal and graphene do on the frames of graphene's runs, whose liquid is then the same."""
    case = read_case(CASE)
    models = {name: Model(name, name, {}, case.backend_settings(name)) for name in NAMES}
    electrodes = {name: create_coupled(case, name, model.settings) for name, model in models.items()}
    unit = ATOMIC_TO_MICROFARAD_PER_CM2 / float(np.linalg.norm(np.cross(case.cell[0], case.cell[1])))
    for path in sorted((source / "response.work" / "runs").iterdir()):
        volts = float(path.name[:-1])
        run = read_run(path / "response", SKIPPED_PS)
        metal, graphene = (
            evaluate(run, volts, models[name], electrodes[name], source / "same") for name in NAMES
        )
        blocks = Blocks()
        for change in graphene.charges - metal.charges:
            blocks.add(change)
        found = estimate(blocks)
        print(
            f"{volts:g} V, frames of graphene: metal {metal.charges.mean():+.4f} e, graphene"
            f" {graphene.charges.mean():+.4f} e, difference {found.value:+.4f} +- {found.error:.4f} e;"
            f" dQ/dU at fixed nuclei {metal.charge_slopes.mean() * unit:.3f} and"
            f" {graphene.charge_slopes.mean() * unit:.3f} {UNIT}"
        )


def cone_figure() -> matplotlib.figure.Figure:
    """Quantum capacitance of graphene by DFTB, beside Dirac cones; what the anchor is in each."""
    sheet = primitive()
    area = float(sheet.cell[0, 0] * sheet.cell[1, 1])
    bands = Bands(sheet, load_parameters(DEFAULT_SLAKO, sheet.symbols))
    fillings = np.linspace(-1.2, 1.2, 241) * EV_TO_HARTREE
    found = rigid(bands.levels((360, 208, 1)), ROOM, fillings)
    own = bands.cone_velocity(np.array([1.0 / 3.0, 0.0, 0.0]))
    velocities = {
        f"cone, {own * ATOMIC_VELOCITY / 1e6:.2f}·10⁶ m/s": own,
        "cone, 1.00·10⁶ m/s": TEXTBOOK_VELOCITY / ATOMIC_VELOCITY,
    }
    figure = matplotlib.figure.Figure(figsize=(5.2, 3.8), layout="constrained")
    axes = figure.subplots()
    names = ["DFTB", *velocities]
    styles = line_styles(names)
    unit = ATOMIC_TO_MICROFARAD_PER_CM2 / area
    axes.plot(fillings * HARTREE_TO_EV, found.differential * unit, label="DFTB", **styles["DFTB"])
    report("DFTB", found, area)
    for name, velocity in velocities.items():
        differential = cone_capacitance(fillings, ROOM, velocity, area)
        axes.plot(fillings * HARTREE_TO_EV, differential * unit, label=name, **styles[name])
        charges = -np.concatenate([[0.0], np.cumsum(0.5 * (differential[1:] + differential[:-1]) * 0.01)])
        charges = (charges - charges[len(charges) // 2]) * EV_TO_HARTREE
        report(name, QuantumCapacitance(fillings, charges, differential), area)
    axes.set(xlabel="filling (eV)", ylabel=f"quantum capacitance ({UNIT})")
    axes.set_ylim(bottom=0.0)
    axes.legend(frameon=False)
    return figure


def primitive() -> Electrode:
    """The rectangular cell of four atoms."""
    a, b = (length * ANGSTROM_TO_BOHR for length in GRAPHENE_CELL)
    places = np.array([[0.0, 0.0], [0.5, 1.0 / 6.0], [0.5, 0.5], [0.0, 2.0 / 3.0]]) * (a, b)
    positions = np.column_stack([places, np.zeros(4)])
    return Electrode(("C",) * 4, positions, np.diag([a, b, 60.0]))


def report(name: str, curve: QuantumCapacitance, area: float) -> None:
    """Print the anchor: filling, differential and integral capacitance of either sign of the charge."""
    unit = ATOMIC_TO_MICROFARAD_PER_CM2 / area
    charge = ANCHOR_PER_NM2 * 1e-2 / ANGSTROM_TO_BOHR**2 * area
    for sign, which in ((-1.0, "-4 e"), (1.0, "+4 e")):
        filling = float(np.interp(-sign * charge, -curve.charges, curve.fillings))
        differential = float(np.interp(filling, curve.fillings, curve.differential))
        print(
            f"{name}, {which} on 8.80 nm2: {filling * HARTREE_TO_EV:+.3f} eV, differential"
            f" {differential * unit:.1f}, integral {charge / abs(filling) * unit:.1f} {UNIT}"
        )


if __name__ == "__main__":
    main()
