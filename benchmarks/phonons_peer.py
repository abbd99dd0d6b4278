"""The Hessian of graphene by DFTB+, and by i-PI with polcouple's forces."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import yaml

from benchmarks.phonons import ACCURACY, LATTICE, STEP, TO_CM, Constants, of_columns, sheet
from polcouple.dftb.skf import DEFAULT_SLAKO
from polcouple.dftbplus.process import find_program
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM

_DFTBPLUS = """Geometry {{
  TypeNames = {{ "C" }}
  TypesAndCoordinates [Bohr] {{
{coordinates}
  }}
  Periodic = Yes
  LatticeVectors [Bohr] {{
{cell}
  }}
}}
Driver = SecondDerivatives {{
  Atoms = 1:-1
  MovedAtoms = 1:2
  Delta = {step}
}}
Hamiltonian = DFTB {{
  SCC = Yes
  SCCTolerance = {accuracy:g}
  MaxSCCIterations = 500
  EwaldTolerance = 1e-11
  SlaterKosterFiles = Type2FileNames {{
    Prefix = "{slako}/"
    Separator = "-"
    Suffix = ".skf"
  }}
  MaxAngularMomentum {{ C = "p" }}
  Filling = Fermi {{ Temperature [Kelvin] = {kelvin} }}
  KPointsAndWeights = SupercellFolding {{
    {k_points[0]} 0 0
    0 {k_points[1]} 0
    0 0 1
    {shifts[0]} {shifts[1]} 0
  }}
}}
ParserOptions {{ ParserVersion = 14 }}
"""
_IPI = """<simulation verbosity="low" threading="False">
  <output prefix="simulation"/>
  <total_steps> 1000 </total_steps>
  <ffsocket name="polcouple" mode="unix" pbc="False">
    <address> polcouple </address>
    <latency> 1e-4 </latency>
    <parameters> {{part: all}} </parameters>
  </ffsocket>
  <system>
    <initialize nbeads="1">
      <file mode="xyz"> init.xyz </file>
    </initialize>
    <forces>
      <force forcefield="polcouple"/>
    </forces>
    <motion mode="vibrations">
      <vibrations mode="fd">
        <pos_shift> {step} </pos_shift>
        <energy_shift> 0 </energy_shift>
        <output_shift> 0 </output_shift>
        <prefix> phonons </prefix>
        <asr> none </asr>
      </vibrations>
    </motion>
  </system>
</simulation>
"""


def dftbplus_constants(
    command: str, shape: tuple[int, int], k_points: tuple[int, int], kelvin: float
) -> Constants:
    """Force constants as :func:`benchmarks.phonons.constants`, of DFTB+."""
    side = LATTICE[kelvin] * ANGSTROM_TO_BOHR
    positions, cell = sheet(side, shape)
    text = _DFTBPLUS.format(
        coordinates="\n".join(f"1 {_row(place)}" for place in positions),
        cell="\n".join(map(_row, cell)),
        step=STEP, accuracy=ACCURACY, slako=DEFAULT_SLAKO, kelvin=kelvin, k_points=k_points,
        shifts=[0.0 if count % 2 else 0.5 for count in k_points],
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "dftb_in.hsd").write_text(text)
        with (folder / "out").open("w") as out:
            done = subprocess.run(find_program(command), cwd=folder, stdout=out, stderr=out)
        if done.returncode:
            raise RuntimeError((folder / "out").read_text()[-2000:])
        numbers = np.array((folder / "hessian.out.1-2").read_text().split(), dtype=float)
    return of_columns(shape, side, numbers.reshape(2, 3, -1, 3).transpose(2, 3, 0, 1))


def ipi_frequencies(kelvin: float, cells: int, mesh: int) -> np.ndarray:
    """Frequencies (6 cells^2,) in cm-1, rising, of i-PI's `vibrations` of a case with the `dftb` backend."""
    side = LATTICE[kelvin]
    positions = sheet(side * ANGSTROM_TO_BOHR, (cells, cells))[0] * BOHR_TO_ANGSTROM
    system = {
        "format": "polcouple-case-1",
        "topology": [{"species": "electrode", "count": len(positions)}],
        "force_field": {"cutoff_angstrom": 3.0, "ewald_tolerance": 1e-6},
        "electrodes": [
            {"name": "sheet", "first_atom": 0, "last_atom": len(positions) - 1, "total_charge_e": 0.0}
            | {"mobile": True}
        ],
        "backends": {
            "dftb": {"temperature_kelvin": kelvin, "k_points": [mesh, mesh, 1], "accuracy": ACCURACY}
        },
    }
    lengths = f"{cells * side:.10f} {cells * side:.10f} 30"
    header = f"# CELL(abcABC): {lengths} 90 90 60 positions{{angstrom}} cell{{angstrom}}"
    with tempfile.TemporaryDirectory() as name:
        case, run = Path(name) / "case", Path(name) / "run"
        case.mkdir()
        rows = [f"C {x:.10f} {y:.10f} {z:.10f}" for x, y, z in positions]
        (case / "init.xyz").write_text("\n".join([str(len(rows)), header, *rows]) + "\n")
        (case / "input.xml").write_text(_IPI.format(step=STEP))
        (case / "system.yaml").write_text(yaml.safe_dump(system))
        steps = str(3 * len(positions) + 1)
        command = ["polcouple", "run", str(case), "--backend", "dftb", "--steps", steps, "--output", str(run)]
        done = subprocess.run(command, capture_output=True, text=True)
        found = list(run.rglob("*phonons.eigval"))
        if done.returncode or not found:
            raise RuntimeError(done.stdout + done.stderr)
        squares = np.loadtxt(found[0])
    return np.sort(TO_CM * np.sign(squares) * np.sqrt(np.abs(squares)))


def _row(numbers: np.ndarray) -> str:
    return " ".join(f"{x:.14e}" for x in numbers)
