"""Rigid water under i-PI against OpenMM's SETTLE and Verlet integrator: energy, temperatures, diffusion."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import openmm
import pytest
from openmm import unit
from run_cases import properties

from polcouple.builder.build import build_case
from polcouple.builder.electrodes import ElectrodeOptions
from polcouple.builder.options import BuildOptions
from polcouple.engines.openmm import InsideCell, build_system, create_context, set_electrode_charges
from polcouple.rigid.constraints import Constraints
from polcouple.units import (
    BOHR_TO_NM,
    FS_TO_ATOMIC_TIME,
    HARTREE_TO_KJ_PER_MOL,
    KELVIN_TO_HARTREE,
    NM_TO_BOHR,
)

STEPS, STRIDE, STEP_FS = 5000, 10, 2.0
OPTIONS = BuildOptions(
    electrode=ElectrodeOptions(repeat=(6, 4)),
    n_water=158, water_model="spc_e", ions={"Na": 5, "Cl": 4}, total_charge=-1.0, gap=22.0,
    vacuum=30.0, equilibration=20.0,
)  # fmt: skip


def xyz(path):
    """(frames, atoms, 3) of an xyz trajectory of i-PI."""
    lines = path.read_text().splitlines()
    n = int(lines[0])
    rows = np.array([line.split()[1:] for k, line in enumerate(lines) if k % (n + 2) > 1], float)
    return rows.reshape(-1, n, 3)


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A run of 10 ps of NVE at 2 fs: case, and its directory."""
    case = build_case(tmp_path_factory.mktemp("rigid") / "case", OPTIONS, lambda *_: None)
    path = case.directory / "input_nve.xml"
    text = path.read_text()
    text = re.sub(r'<trajectory filename="positions".*?</trajectory>', "", text, flags=re.S)
    more = "".join(
        f'<trajectory filename="{what}" stride="{STRIDE}"> {what} </trajectory>\n'
        for what in ("positions", "momenta")
    )
    more += '<checkpoint filename="start" stride="100000" overwrite="False"/>\n'
    text = text.replace("<checkpoint ", f"{more}<checkpoint ", 1)
    path.write_text(text)
    command = [sys.executable, "-m", "polcouple.cli", "run", str(case.directory), "--backend", "fixed"]
    command += ["--input", "input_nve.xml", "--steps", str(STEPS), "--threads", "1"]
    subprocess.run(command, check=True, capture_output=True)
    return case, case.directory / "run_fixed"


@pytest.fixture(scope="module")
def openmm_run(ours):
    """The same from OpenMM: total energies in Hartree, oxygens' positions in bohr, every STRIDE steps."""
    case, directory = ours
    root = ElementTree.parse(directory / "simulation.start_0").getroot()
    texts = [root.find(f".//beads/{tag}").text for tag in ("q", "p", "m")]
    q, p, m = (np.array(re.findall(r"[-+.\deE]+", text), float) for text in texts)
    system, _ = build_system(case)
    for (i, j), length in zip(*case.constraints, strict=True):
        system.addConstraint(int(i), int(j), float(length) * BOHR_TO_NM)
    integrator = openmm.VerletIntegrator(1e-3 * STEP_FS)
    context = create_context(system, integrator, "CPU", 1)
    set_electrode_charges(context, np.full(len(case.electrode), case.total_charge / len(case.electrode)))
    images = InsideCell(case)
    whole = Constraints(*case.constraints, m).whole(images(q.reshape(-1, 3)), images.cell)
    context.setPositions(whole * BOHR_TO_NM)
    velocities = p.reshape(-1, 3) / m[:, None] * BOHR_TO_NM * FS_TO_ATOMIC_TIME * 1e3
    context.setVelocities(velocities)
    energies, frames = [], []
    for _ in range(STEPS // STRIDE + 1):
        state = context.getState(getEnergy=True, getPositions=True)
        total = state.getPotentialEnergy() + state.getKineticEnergy()
        energies.append(total.value_in_unit(unit.kilojoule_per_mole) / HARTREE_TO_KJ_PER_MOL)
        positions = state.getPositions(asNumpy=True)._value * NM_TO_BOHR
        frames.append(positions[case.water_oxygens])
        integrator.step(STRIDE)
    return np.array(energies), np.array(frames)


def drift(energies, n_atoms):
    """Slope of the energy in K per ns and atom, and its standard error from how the energy fluctuates."""
    times = np.arange(len(energies)) * STRIDE * STEP_FS * 1e-6
    (slope, _), covariance = np.polyfit(times, energies / n_atoms / KELVIN_TO_HARTREE, 1, cov=True)
    return slope, float(np.sqrt(covariance[0, 0]))


@pytest.mark.slow
def test_nve_drifts_no_more_than_openmm(ours, openmm_run):
    case, directory = ours
    conserved = properties(directory / "simulation.out")[:, 2]
    n = len(case.electrolyte)
    own, other = drift(conserved, n), drift(openmm_run[0], n)
    fluctuations = [np.std(e[1:]) / n / KELVIN_TO_HARTREE for e in (conserved, openmm_run[0])]
    print(f"drift K/ns/atom: {own[0]:.1f} +- {own[1]:.1f}, OpenMM {other[0]:.1f} +- {other[1]:.1f};", end=" ")
    print(f"fluctuation K/atom: {fluctuations[0]:.4f}, OpenMM {fluctuations[1]:.4f}")
    assert abs(own[0]) < abs(other[0]) + 3 * np.hypot(own[1], other[1])
    assert fluctuations[0] < 1.2 * fluctuations[1]


@pytest.mark.slow
def test_translation_and_rotation_have_one_temperature(ours):
    case, directory = ours
    p = xyz(directory / "simulation.momenta_0.xyz")[50:]
    oxygens = case.water_oxygens
    momenta = np.stack([p[:, oxygens + k] for k in range(3)], axis=2)
    masses = np.array([15.9994, 1.00794, 1.00794]) * 1822.888486
    kinetic = 0.5 * ((momenta**2).sum(-1) / masses).sum(-1)
    translation = 0.5 * (momenta.sum(2) ** 2).sum(-1) / masses.sum()
    kelvin = [e.mean(1) / (1.5 * KELVIN_TO_HARTREE) for e in (translation, kinetic - translation)]
    # block averages of 1 ps, over which the two are correlated
    blocks = np.array([series[: len(series) // 50 * 50].reshape(-1, 50).mean(1) for series in kelvin])
    means, errors = blocks.mean(1), blocks.std(1, ddof=1) / np.sqrt(blocks.shape[1])
    print(f"translation {means[0]:.1f} +- {errors[0]:.1f} K, rotation {means[1]:.1f} +- {errors[1]:.1f} K")
    # what a step of 2 fs takes from the momenta of librations is less than these errors (docs/rigid.md)
    assert abs(means[0] - means[1]) < 4 * np.hypot(*errors)
    # what i-PI prints counts the ions, too
    printed = properties(directory / "simulation.out")[50:, 3]
    assert printed.mean() == pytest.approx(means.mean(), rel=0.01)


def lateral_diffusion(frames, cell):
    """From displacements in the sheet's plane over 1 to 2 ps: coefficient and error in 1e-9 m^2/s."""
    steps = np.diff(frames, axis=0)
    steps -= np.round(steps @ np.linalg.inv(cell)) @ cell
    path = np.concatenate([np.zeros_like(frames[:1]), np.cumsum(steps, axis=0)])[:, :, :2]
    early, late = (int(ps * 1e3 / (STRIDE * STEP_FS)) for ps in (1.0, 2.0))
    squares = [((path[lag:] - path[:-lag]) ** 2).sum(-1).mean(0) for lag in (early, late)]
    per_molecule = (squares[1] - squares[0]) / 4.0  # bohr^2/ps
    scale = (BOHR_TO_NM * 1e-9) ** 2 / 1e-12 * 1e9
    return scale * per_molecule.mean(), scale * per_molecule.std(ddof=1) / np.sqrt(len(per_molecule))


@pytest.mark.slow
def test_water_diffuses_as_openmms(ours, openmm_run):
    case, directory = ours
    own = lateral_diffusion(xyz(directory / "simulation.positions_0.xyz")[:, case.water_oxygens], case.cell)
    other = lateral_diffusion(openmm_run[1], case.cell)
    print(
        f"lateral diffusion 1e-9 m2/s: {own[0]:.2f} +- {own[1]:.2f}, OpenMM {other[0]:.2f} +- {other[1]:.2f}"
    )
    assert 0.5 < own[0] < 8.0
    assert abs(own[0] - other[0]) < 3 * np.hypot(own[1], other[1])
