#!/usr/bin/env bash
# i-PI does not read back the PDB files that it writes where a coordinate is -100 Angstrom or below: x loses its sign.
#
# The format has coordinates in columns 31-38, 39-46 and 47-54. i-PI writes them there and reads columns 32-39, 40-47
# and 48-55: of `-123.456` the minus is cut off, without a word. Where the next coordinate begins with a minus or a
# digit, too, the number cannot be parsed. Starting from such a file puts the atom at +123.456.
# What to do: start from xyz; polcouple reads PDB frames by the format's columns.
#
# Seen with i-PI 3.3.1:
#   ATOM      1    O   1     1    -123.456   1.000   2.000  0.00  0.00             0
#   written x = -123.456, read x = 123.456
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "ipi==3.3.1"
cat > "$work/sign.py" <<'PYTHON'
import importlib.metadata
import io
import sys

import numpy as np
from ipi.engine.atoms import Atoms
from ipi.engine.cell import Cell
from ipi.utils.io import print_file, read_file_raw

print("i-PI", importlib.metadata.version("ipi"))
angstrom = 1.8897261
atoms = Atoms(1)
atoms.names[:] = ["O"]
atoms.q[:] = np.array([-123.456, 1.0, 2.0]) * angstrom
stream = io.StringIO()
print_file("pdb", atoms, Cell(np.eye(3) * 300 * angstrom), stream, key="positions")
print(stream.getvalue().split("\n")[2])
stream.seek(0)
read = read_file_raw("pdb", stream)["data"][0]
print(f"written x = -123.456, read x = {read:.3f}")
print("expected: read x = -123.456")
sys.exit(0 if abs(read - 123.456) < 1e-6 else "i-PI reads it otherwise now")
PYTHON
"$work/env/bin/python" "$work/sign.py"
