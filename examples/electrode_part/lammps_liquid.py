"""LAMMPS as the liquid's force field: writes liquid.data and liquid.lammps beside a case.

    python examples/electrode_part/lammps_liquid.py CASE [--accuracy 1e-5] [--address liquid] [--port N]

LAMMPS gets the liquid's atoms alone, in the case's order: flexible water, ions, Lennard-Jones truncated at
the cut-off, particle mesh in the periodic cell. Electrode, walls and a slab's field are left to polcouple.
Start it after i-PI, with as many ranks as there are cores: mpiexec -n 2 lmp -in liquid.lammps
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.lammps_electrode import force_field_lines, write_data
from polcouple.case.model import Case, read_case

#: LAMMPS stops after so many evaluations, or when i-PI does
_EVALUATIONS = 1_000_000_000


def write_liquid(case: Case, directory: Path, accuracy: float, address: str, port: int | None = None) -> None:
    """The two files.

    Args:
        accuracy: of LAMMPS' mesh: the root mean square error of a force over that between two unit charges
            1 Angstrom apart.
        address: of i-PI's unix socket, or the host that i-PI listens on where there is a ``port``.
    """
    if np.abs(case.cell - np.diag(np.diag(case.cell))).max() > 1e-9:
        raise SystemExit("lammps_liquid.py: the cell must be orthorhombic")
    write_data(case, directory / "liquid.data", liquid_alone=True)
    lines = [
        "units real",
        "atom_style full",
        "boundary p p p",
        *force_field_lines(case, f"pppm {accuracy:g}", "liquid.data"),
        # the same forces, and an energy that does not jump when a pair crosses the cut-off
        "pair_modify shift yes",
        "neighbor 2.0 bin",
        "neigh_modify every 1 delay 0 check yes",
        "thermo 1000",
        f"fix ipi all ipi {address} 1 unix" if port is None else f"fix ipi all ipi {address} {port}",
        f"run {_EVALUATIONS}",
    ]
    (directory / "liquid.lammps").write_text("\n".join(lines) + "\n")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("--accuracy", type=float, default=1e-5)
    parser.add_argument("--address", default="liquid", help="unix socket, or with --port a host (liquid)")
    parser.add_argument("--port", type=int, help="of an internet socket")
    args = parser.parse_args()
    write_liquid(read_case(args.case), args.case, args.accuracy, args.address, args.port)


if __name__ == "__main__":
    main()
