#!/usr/bin/env bash
# ASE: a column `charges` of an extended xyz file is not an array of the atoms that are read.
#
# One would look for it in `atoms.arrays["charges"]`, where every other column is found, or in
# `atoms.get_initial_charges()`. It is in `atoms.calc.results` alone, as are forces, magmoms, stress and energy: they are
# lost with the calculator, whenever the atoms are copied. And an array of that name is written as a column `charge`,
# which is read into the calculator's results as `charges`, too.
# What to do: give such a column another name (`site_charge`), or read `atoms.calc.results`. polcouple reads symbols,
# positions and cell of such files, and writes charges as NumPy arrays.
#
# Seen with ASE 3.29.0:
#   written: Properties=species:S:1:pos:R:3:charge:R:1:site_charge:R:1
#   read: arrays numbers, positions, site_charge; calculator's results charges; initial charges [0. 0.]
#   a copy: arrays numbers, positions, site_charge; calculator None
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "ase==3.29.0"
cat > "$work/columns.py" <<'PYTHON'
import sys

import ase
import ase.io
import numpy as np

print("ASE", ase.__version__)
path = sys.argv[1] + "/frame.extxyz"
atoms = ase.Atoms("OH", [[0, 0, 0], [0, 0, 1]], cell=[5, 5, 5], pbc=True)
for name in ("charges", "site_charge"):
    atoms.arrays[name] = np.array([-0.5, 0.5])
ase.io.write(path, atoms)
with open(path) as stream:
    header = stream.read().split("\n")[1]
print("written:", next(word for word in header.split() if word.startswith("Properties")))
read = ase.io.read(path)
found = ", ".join(read.arrays), ", ".join(read.calc.results), read.get_initial_charges()
print("read: arrays {}; calculator's results {}; initial charges {}".format(*found))
copy = read.copy()
print("a copy: arrays {}; calculator {}".format(", ".join(copy.arrays), copy.calc))
print("expected: the array charges as written, in every one")
moved = "charges" not in read.arrays and "charges" in read.calc.results and copy.calc is None
sys.exit(0 if moved else "ASE behaves otherwise now")
PYTHON
"$work/env/bin/python" "$work/columns.py" "$work"
