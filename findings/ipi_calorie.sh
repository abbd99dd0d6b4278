#!/usr/bin/env bash
# i-PI's `kilocal/mol` is the international calorie of 4.1868 J, not the 4.184 J of molecular force fields.
#
# An energy that i-PI writes as potential{kilocal/mol} is 0.07 % smaller than in the kcal/mol of force fields, of LAMMPS,
# OpenMM and ASE: 3 kcal/mol of 4,500. Its `kilojoule` is right, so both units of the same energy disagree.
# What to do: write electronvolt or kilojoule (kiloj/mol); polcouple undoes i-PI's own factor.
#
# Seen with i-PI 3.3.1 and ASE 3.29.0:
#   1 Hartree: 627.0898 kilocal/mol and 2625.4996 kiloj/mol of i-PI, 4.1868 kJ a kcal; ASE has 627.5095 kcal/mol
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "ipi==3.3.1" "ase==3.29.0"
cat > "$work/calorie.py" <<'PYTHON'
import importlib.metadata
import sys

import ase
from ase.units import Hartree, kcal, mol
from ipi.utils.units import unit_to_user

print("i-PI", importlib.metadata.version("ipi"), "ASE", ase.__version__)
calories, joules = (unit_to_user("energy", unit, 1.0) for unit in ("kilocal/mol", "kiloj/mol"))
print(
    f"1 Hartree: {calories:.4f} kilocal/mol and {joules:.4f} kiloj/mol of i-PI, {joules / calories:.4f} kJ a kcal;"
    f" ASE has {Hartree / (kcal / mol):.4f} kcal/mol"
)
print("expected: 4.1840 kJ a kcal")
sys.exit(0 if abs(joules / calories - 4.1868) < 1e-4 else "i-PI has another calorie now")
PYTHON
"$work/env/bin/python" "$work/calorie.py"
