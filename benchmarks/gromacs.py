"""GROMACS on a case's own liquid and sheet, with charges that stay: what plain molecular dynamics costs.

The force field is the case's, the electrode is frozen and has no Lennard-Jones interactions with itself, its
charge is spread evenly; walls are left out. Lennard-Jones interactions are switched off as the case does it.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.case.model import Case
from polcouple.units import BOHR_TO_NM, DALTON_TO_ELECTRON_MASS, KCAL_TO_KJ

#: nm to Angstrom, squared, for spring constants
_PER_NM2 = 100.0


@dataclass(frozen=True)
class MeshSettings:
    """GROMACS' particle mesh: order of the splines, spacing in nm, and ewald-rtol."""

    order: int
    spacing: float
    tolerance: float


DEFAULT_MESH = MeshSettings(4, 0.12, 1e-5)
TIGHT_MESH = MeshSettings(5, 0.10, 1e-6)


def installed() -> bool:
    """Whether ``gmx`` is on PATH."""
    return shutil.which("gmx") is not None


def processor_time(
    case: Case, mesh: MeshSettings, step_fs: float, directory: Path, threads: int = 1, steps: int = 300
) -> tuple[float, float]:
    """Processor time of all threads and wall time in ms a step: a run less another one of a fifth."""
    _prepare(case, mesh, step_fs, directory)
    spent = [_run(directory, threads, count) for count in (steps // 5, steps + steps // 5)]
    cpu, wall = np.subtract(spent[1], spent[0]) * 1e3 / steps
    return float(cpu), float(wall)


def forces(case: Case, mesh: MeshSettings, directory: Path) -> np.ndarray:
    """Forces (N, 3) in kJ/mol/nm of the first configuration."""
    from MDAnalysis.lib.formats.libmdaxdr import TRRFile

    _prepare(case, mesh, 0.5, directory, nstfout=1)
    _run(directory, 1, 0)
    with TRRFile(str(directory / "run.trr")) as trajectory:
        return np.array(trajectory.read().f, float)


def _prepare(case: Case, mesh: MeshSettings, step_fs: float, directory: Path, nstfout: int = 0) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "case.top").write_text(topology(case))
    (directory / "case.gro").write_text(_coordinates(case))
    (directory / "run.mdp").write_text(_settings(case, mesh, step_fs, nstfout))
    words = ["grompp", "-f", "run.mdp", "-c", "case.gro", "-p", "case.top", "-o", "run.tpr", "-maxwarn", "9"]
    _gmx(words, directory)


def _run(directory: Path, threads: int, steps: int) -> tuple[float, float]:
    """Processor time and wall time in s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = os.times().elapsed
    words = ["mdrun", "-s", "run.tpr", "-deffnm", "run", "-ntmpi", "1", "-ntomp", str(threads)]
    _gmx([*words, "-nsteps", str(steps), "-notunepme", "-pin", "off"], directory)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, os.times().elapsed - start


def _gmx(words: list[str], directory: Path) -> None:
    environment = {**os.environ, "GMX_MAXBACKUP": "-1"}
    environment.pop("OMP_NUM_THREADS", None)
    done = subprocess.run(["gmx", *words], cwd=directory, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"gmx {words[0]} failed in {directory}: {done.stderr[-2000:]}")


def _settings(case: Case, mesh: MeshSettings, step_fs: float, nstfout: int) -> str:
    force_field = case.system.force_field
    cutoff = 0.1 * force_field.cutoff_angstrom
    lines = [
        "integrator = md",
        f"dt = {1e-3 * step_fs:g}",
        "nsteps = 0",
        "comm-mode = none",
        "cutoff-scheme = Verlet",
        f"rcoulomb = {cutoff:g}",
        f"rvdw = {cutoff:g}",
        "coulombtype = PME",
        f"pme-order = {mesh.order}",
        f"fourierspacing = {mesh.spacing:g}",
        f"ewald-rtol = {mesh.tolerance:g}",
        "freezegrps = GRA",
        "freezedim = Y Y Y",
        "nstlog = 100",
        "nstenergy = 100",
        f"nstfout = {nstfout}",
    ]
    if force_field.switch_angstrom:
        lines += ["vdw-modifier = Potential-switch", f"rvdw-switch = {0.1 * force_field.switch_angstrom:g}"]
    if nstfout:
        return "\n".join([*lines, "continuation = yes"]) + "\n"
    bath = ["tcoupl = v-rescale", "tc-grps = System", "tau-t = 1", "ref-t = 300"]
    return "\n".join([*lines, *bath, "gen-vel = yes", "gen-temp = 300", "gen-seed = 1"]) + "\n"


def topology(case: Case) -> str:
    """A .top file: the electrode's atoms, water, and ions."""
    parameters = case.system.force_field
    sheet = case.electrode.symbols
    lines = ["[ defaults ]", "1 2 no 1.0 1.0", "", "[ atomtypes ]"]
    for symbol in sorted(set(case.symbols)):
        own = parameters.lennard_jones[symbol]
        mass = case.topology.masses[case.symbols.index(symbol)] / DALTON_TO_ELECTRON_MASS
        lines.append(
            f"{symbol} {mass:.5f} 0.0 A {0.1 * own.sigma_angstrom:.8f}"
            f" {own.epsilon_kcal_per_mol * KCAL_TO_KJ:.8f}"
        )
    charge = case.total_charge / len(sheet)
    kinds = sorted(set(sheet))
    lines += ["", "[ nonbond_params ]", *(f"{a} {b} 1 0.1 0.0" for a in kinds for b in kinds if a <= b)]
    for kind in kinds:
        atom = f"1 {kind} 1 GRA {kind} 1 {charge:.10f}"
        lines += ["", "[ moleculetype ]", f"GRA_{kind} 1", "", "[ atoms ]", atom]
    lines += [*_water(case)]
    ions = [s for s in dict.fromkeys(case.symbols) if s in parameters.ion_charges_e]
    for ion in ions:
        value = parameters.ion_charges_e[ion]
        lines += ["", "[ moleculetype ]", f"{ion} 1", "", "[ atoms ]", f"1 {ion} 1 {ion} {ion} 1 {value:g}"]
    lines += ["", "[ system ]", "case", "", "[ molecules ]"]
    lines += [*(f"GRA_{kind} 1" for kind in sheet), f"SOL {len(case.water_oxygens)}"]
    return "\n".join([*lines, *(f"{ion} {case.symbols.count(ion)}" for ion in ions)]) + "\n"


def _water(case: Case) -> list[str]:
    water = case.system.force_field.water
    oxygen = water.oxygen_charge_e
    length, angle = 0.1 * water.bond_length_angstrom, water.angle_degree
    lines = ["", "[ moleculetype ]", "SOL 2", "", "[ atoms ]", f"1 O 1 SOL O 1 {oxygen:g}"]
    lines += [f"{n} H 1 SOL H 1 {-0.5 * oxygen:g}" for n in (2, 3)]
    if water.springs is None:
        base = 2.0 * length * np.sin(0.5 * np.deg2rad(angle))
        return [*lines, "[ settles ]", f"1 1 {length:.8f} {base:.8f}", "[ exclusions ]", "1 2 3", "2 3"]
    bond, bend = (KCAL_TO_KJ * k for k in water.springs)
    lines += ["[ bonds ]", *(f"1 {n} 1 {length:.8f} {bond * _PER_NM2:.6f}" for n in (2, 3))]
    return [*lines, "[ angles ]", f"2 1 3 1 {angle:.8f} {bend:.6f}"]


def _coordinates(case: Case) -> str:
    """A .gro file with ten digits; atoms of a water are together in the case."""
    names = ["GRA"] * len(case.electrode)
    waters = set(case.water_oxygens.tolist())
    lines = [f"case\n{len(case)}"]
    residue, left = 1, 0
    for n, (symbol, place) in enumerate(zip(case.symbols, case.positions * BOHR_TO_NM, strict=True)):
        if n >= len(names):
            left = 3 if n in waters else left
            name = "SOL" if left else symbol
            residue += 0 if name == "SOL" and n not in waters else 1
            left = max(left - 1, 0)
        else:
            name = "GRA"
        x, y, z = place
        lines.append(
            f"{residue % 100000:5d}{name:<5s}{symbol:>5s}{(n + 1) % 100000:5d}{x:14.9f}{y:14.9f}{z:14.9f}"
        )
    a, b, c = np.diag(case.cell) * BOHR_TO_NM
    return "\n".join([*lines, f"{a:.9f} {b:.9f} {c:.9f}"]) + "\n"
