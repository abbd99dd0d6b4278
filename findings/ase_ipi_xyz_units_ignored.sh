#!/usr/bin/env bash
# ASE and MDAnalysis read i-PI's xyz trajectories as Angstrom, without a cell, whatever i-PI writes of both.
#
# i-PI names the units of positions and cell in the comment line of every frame, and its default is bohr. A reader that
# knows the xyz format alone takes the numbers for Angstrom: all lengths are 1.89 times too long, and the cell is gone.
# Related report: i-pi/i-pi issue 443.
# What to do: write <trajectory format="xyz" cell_units="angstrom"> positions{angstrom} </trajectory>, or format="ase",
# or read them with ipi.read_trajectory. polcouple reads i-PI's comment.
#
# Seen with ASE 3.29.0, MDAnalysis 2.11.0 and i-PI 3.3.1, two atoms 1.0 Angstrom apart in a cell of 10 Angstrom:
#   # CELL(abcABC):   18.89726    18.89726    18.89726    90.00000    90.00000    90.00000  positions{atomic_unit}  cell{atomic_unit}
#   i-PI itself: distance 1.0000 Angstrom, cell 10.0000
#   ASE: distance 1.8897 Angstrom, cell 0.0000
#   MDAnalysis: distance 1.8897 Angstrom, cell none
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "ase==3.29.0" "ipi==3.3.1" "MDAnalysis==2.11.0"
cat > "$work/units.py" <<'PYTHON'
import contextlib
import importlib.metadata
import io
import sys
import warnings

warnings.simplefilter("ignore")
import ase.io
import MDAnalysis
import numpy as np
from ipi.engine.atoms import Atoms
from ipi.engine.cell import Cell
from ipi.utils.io import print_file, read_file
from ipi.utils.units import unit_to_internal

print("ASE", ase.__version__, "MDAnalysis", MDAnalysis.__version__, "i-PI", importlib.metadata.version("ipi"))
path = sys.argv[1] + "/frame.xyz"
angstrom = unit_to_internal("length", "angstrom", 1.0)
atoms = Atoms(2)
atoms.names[:] = ["O", "H"]
atoms.q[:] = np.array([0, 0, 0, 0, 0, 1.0]) * angstrom
with open(path, "w") as stream:
    # as i-PI does for <trajectory> positions </trajectory>
    print_file("xyz", atoms, Cell(np.eye(3) * 10 * angstrom), stream, key="positions")
with open(path) as stream:
    print(stream.read().split("\n")[1])
with open(path) as stream, contextlib.redirect_stdout(io.StringIO()):
    own = read_file("xyz", stream)
places, side = own["atoms"].q.reshape(2, 3) / angstrom, own["cell"].h[0, 0] / angstrom
print(f"i-PI itself: distance {np.linalg.norm(places[1] - places[0]):.4f} Angstrom, cell {side:.4f}")
by_ase = ase.io.read(path)
print(f"ASE: distance {by_ase.get_distance(0, 1):.4f} Angstrom, cell {by_ase.cell.lengths()[0]:.4f}")
universe = MDAnalysis.Universe(path)
distance = np.linalg.norm(universe.atoms.positions[1] - universe.atoms.positions[0])
cell = "none" if universe.dimensions is None else universe.dimensions[0]
print(f"MDAnalysis: distance {distance:.4f} Angstrom, cell {cell}")
print("expected: 1.0000 Angstrom and 10.0000 of each, or a refusal")
ignored = abs(by_ase.get_distance(0, 1) - 1.8897) < 1e-3 and abs(distance - 1.8897) < 1e-3 and cell == "none"
sys.exit(0 if ignored and not by_ase.cell.any() else "one of them reads i-PI's units now")
PYTHON
"$work/env/bin/python" "$work/units.py" "$work"
