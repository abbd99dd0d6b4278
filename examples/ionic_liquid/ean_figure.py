"""Densities, charges and energy of ethylammonium nitrate between two sheets: a table and a figure.

python examples/ionic_liquid/ean_figure.py CASE RUN --potential ean_gfn1 --output ean.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import openmm

from polcouple.analysis.block_errors import Blocks, estimate
from polcouple.analysis.conserved import read_conserved
from polcouple.analysis.drift import drift
from polcouple.case.case import Case
from polcouple.case.model import read_case
from polcouple.frames.reading import read_frames
from polcouple.ipi.output import read_extras, read_properties
from polcouple.nn.model_files import find_model
from polcouple.nn.potential.potential import load_potential
from polcouple.units import (
    ATOMIC_TIME_TO_FS,
    BOHR_TO_ANGSTROM,
    DALTON_TO_ELECTRON_MASS,
    KELVIN_TO_HARTREE,
)

matplotlib.use("Agg")
BIN = 1.0  # Angstrom
U_PER_ANGSTROM3 = 1.66053907  # g/cm3
MET = 2.5  # kJ/mol: a frame with more of the guard's energy meets it
CHARGE_PER_AREA = 1602.1766  # microcoulomb/cm2 of 1 e/Angstrom2


def profiles(
    case: Case, run: Path, window: Sequence[float]
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Of the frames with numbers in ``window``, by distance from the lower sheet.

    Returns:
        Edges (b + 1,) in Angstrom, ions per nm^3 by name (f, b), and mass density (f, b) in g/cm3.
    """
    liquid, topology = case.electrolyte_indices, case.topology
    names = [topology.names[topology.molecules[i]] for i in liquid]
    masses = np.asarray(topology.masses)[liquid] / DALTON_TO_ELECTRON_MASS
    sheets = [electrode.positions[:, 2].mean() * BOHR_TO_ANGSTROM for electrode in case.electrodes]
    edges = np.arange(0.0, sheets[1] - sheets[0] + 0.5 * BIN, BIN)
    lattice = case.lattice * BOHR_TO_ANGSTROM
    volume = float(np.linalg.norm(np.cross(lattice[0], lattice[1]))) * BIN
    mass, ions = [], {"EAM": [], "NIT": []}
    for number, positions in enumerate(read_frames(run / "simulation.positions_0.xyz", case)):
        if not window[0] <= number <= window[1]:
            continue
        z = positions[liquid, 2] * BOHR_TO_ANGSTROM - sheets[0]
        mass.append(np.histogram(z, edges, weights=masses)[0] * U_PER_ANGSTROM3 / volume)
        for name, found in ions.items():
            own = np.array([one == name for one in names])
            # an ion is where its nitrogen is
            nitrogen = own & np.array([case.symbols[i] == "N" for i in liquid])
            found.append(1e3 * np.histogram(z[nitrogen], edges)[0] / volume)
    return edges, {name: np.array(found) for name, found in ions.items()}, np.array(mass)


def trust(case: Case, run: Path, model: str) -> tuple[np.ndarray, np.ndarray]:
    """How far a committee can be followed in every frame.

    Returns:
        Root mean square over the liquid's atoms of its members' disagreement, meV/Angstrom, and the energy of
        the guard (ean_guard.py) in kJ/mol, both (f,).
    """
    potential = load_potential(find_model(Path(model) if Path(model).is_dir() else model))
    liquid = case.electrolyte_indices
    kinds = potential.architecture.kinds([case.symbols[i] for i in liquid])
    lattice = case.lattice * BOHR_TO_ANGSTROM
    guard = guard_alone(case)
    disagreement, energy = [], []
    for positions in read_frames(run / "simulation.positions_0.xyz", case):
        positions = positions * BOHR_TO_ANGSTROM
        spread = potential.evaluate(
            kinds, positions[liquid], lattice, (True,) * 3, disagreement=True
        ).disagreement
        disagreement.append(1e3 * np.sqrt((spread**2).mean()))
        guard.setPositions(0.1 * positions)
        energy.append(guard.getState(energy=True).getPotentialEnergy()._value)
    return np.array(disagreement), np.array(energy)


def guard_alone(case: Case) -> openmm.Context:
    """Of the case's force field, what ean_guard.py has added."""
    system = openmm.XmlSerializer.deserialize((case.directory / "system.xml").read_text())
    for number in reversed(range(system.getNumForces())):
        if system.getForce(number).getName() != "Guard":
            system.removeForce(number)
    if system.getNumForces() != 1:
        raise SystemExit("ean_figure.py: the case has no guard: ean_guard.py was not run")
    platform = openmm.Platform.getPlatformByName("Reference")
    return openmm.Context(system, openmm.VerletIntegrator(0.001), platform)


def blocked(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the first axis and its error by blocks."""
    blocks = Blocks()
    for one in series:
        blocks.add(one)
    found = estimate(blocks)
    return found.value, found.error


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--skip", type=float, default=0.0, metavar="PS", help="left out")
    parser.add_argument("--until", type=float, default=np.inf, metavar="PS", help="the end (that of the run)")
    parser.add_argument("--potential", required=True, metavar="MODEL", help="that of the run")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    case = read_case(args.case)
    rows = read_properties(args.run / "simulation.out")
    time = rows["time"] * ATOMIC_TIME_TO_FS / 1e3
    step_ps = time[-1] / rows["step"][-1]
    stride = frame_stride(args.run)
    edges, ions, mass = profiles(case, args.run, [p / (stride * step_ps) for p in (args.skip, args.until)])
    middle = np.abs(0.5 * (edges[1:] + edges[:-1]) - 0.5 * edges[-1]) <= 2.0
    bulk, bulk_error = blocked(mass[:, middle].mean(axis=1))
    steps, charges = read_extras(args.run / "simulation.electrode_charges_0")
    charge_time = steps * step_ps
    charge, charge_error = blocked(charges[(charge_time >= args.skip) & (charge_time <= args.until), 0])
    lattice = case.lattice * BOHR_TO_ANGSTROM
    area = float(np.linalg.norm(np.cross(lattice[0], lattice[1])))
    volt = case.system.potential.voltage_volt
    conserved = read_conserved(args.run)
    atoms = len(case.electrolyte_indices)
    used = (conserved.time >= args.skip) & (conserved.time <= args.until)
    energy = conserved.corrected[used] / atoms
    slope = drift(conserved.time[used], energy)
    kelvin = 1e3 * 2.0 / 3.0 / 8.31446e-3  # of 1 kJ/mol/ps an atom as kinetic energy, K/ns
    temperature, temperature_error = blocked(
        rows["temperature"][(time >= args.skip) & (time <= args.until)] / KELVIN_TO_HARTREE
    )
    print(f"{args.skip:g} to {min(args.until, time[-1]):.2f} ps, {len(mass)} frames, {atoms} moving atoms")
    print(f"temperature: {temperature:.1f} +- {temperature_error:.1f} K")
    print(f"density within 2 A of the middle: {bulk:.3f} +- {bulk_error:.3f} g/cm3")
    print(f"charge of the first sheet: {charge:+.4f} +- {charge_error:.4f} e")
    scale = CHARGE_PER_AREA / area / volt
    print(f"charge over area and voltage: {scale * charge:.3f} +- {scale * charge_error:.3f} uF/cm2")
    joule = f"{1e3 * slope.value:+.4f} +- {1e3 * slope.error:.4f} J/mol/ps an atom"
    print(f"drift: {joule}, {slope.value * kelvin:+.2f} +- {slope.error * kelvin:.2f} K/ns")
    disagreement, guard = trust(case, args.run, args.potential)
    frame_time = np.arange(len(guard)) * stride * step_ps
    inside = (frame_time >= args.skip) & (frame_time <= args.until)
    print(f"disagreement: {disagreement[inside].mean():.0f} meV/A, at most {disagreement[inside].max():.0f}")
    met = (guard[inside] > MET).mean()
    print(f"guard: {guard[inside].mean():.2f} kJ/mol in all, above {MET} in {met:.0%} of the frames")
    series = {
        "charge of the\npositive sheet (e)": (charge_time, charges[:, 0]),
        "temperature (K)": (time, rows["temperature"] / KELVIN_TO_HARTREE),
        "conserved energy\n(J/mol an atom)": (
            conserved.time[used],
            1e3 * (energy - energy.mean()),
        ),
        "disagreement\n(meV/Å)": (frame_time, disagreement),
    }
    draw(args.output, edges, ions, mass, series)


def frame_stride(run: Path) -> int:
    """Steps between two frames of positions."""
    text = (run / "simulation.positions_0.xyz").read_text()
    first, second = (int(part.split()[0]) for part in text.split("Step:")[1:3])
    return second - first


def draw(
    output: Path,
    edges: np.ndarray,
    ions: dict[str, np.ndarray],
    mass: np.ndarray,
    series: dict[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    """The density, and what goes over time by its label: times in ps, values."""
    import matplotlib.pyplot as plt

    figure, (above, *below) = plt.subplots(
        1 + len(series),
        1,
        figsize=(6.5, 9.0),
        layout="constrained",
        height_ratios=[1.6, *[1.0] * len(series)],
    )
    centres = 0.5 * (edges[1:] + edges[:-1])
    for name, label, colour in (
        ("EAM", "ethylammonium (N)", "#0072B2"),
        ("NIT", "nitrate (N)", "#D55E00"),
    ):
        value, error = blocked(ions[name])
        above.step(centres, value, where="mid", color=colour, label=label)
        above.errorbar(centres, value, error, fmt="none", color=colour, lw=0.8)
    above.set(xlabel="distance from the positive sheet (Å)", ylabel="ions per nm$^3$", xlim=(0.0, edges[-1]))
    value, error = blocked(mass)
    right = above.twinx()
    right.plot(centres, value, color="k", lw=1.0, ls=":", label="mass")
    right.set_ylabel("density (g cm$^{-3}$), dotted")
    right.set_ylim(0.0, 1.35 * value.max())
    above.set_ylim(bottom=0.0)
    above.legend(frameon=False, loc="upper center", ncols=2)
    above.set_ylim(top=1.35 * above.get_ylim()[1])
    for axes, (label, values) in zip(below, series.items(), strict=True):
        axes.plot(*values, color="k", lw=0.7)
        axes.set_ylabel(label)
        axes.sharex(below[-1])
        axes.tick_params(labelbottom=axes is below[-1])
    below[-1].set_xlabel("time (ps)")
    figure.savefig(output, dpi=130)


if __name__ == "__main__":
    main()
