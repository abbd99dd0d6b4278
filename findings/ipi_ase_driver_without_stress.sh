#!/usr/bin/env bash
# i-PI's ASE driver cannot do without stress, though it has an option that says so.
#
# ASEDriver(template, has_stress=False) is for calculators that give energy and forces alone. It then makes a stress of nine zeros
# itself, and refuses that, because it is not 3 x 3. What to do: give it zeros from the calculator and leave has_stress as it is.
#
# Seen with i-PI 3.3.1 and ASE 3.29.0, copper by EMT:
#   has_stress=True: energy and forces
#   has_stress=False: ValueError: The stress tensor should have shape (3,3) but it has shape (9,).
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "ipi==3.3.1" "ase==3.29.0"
cd "$work"
cat > stress.py <<'PYTHON'
import importlib.metadata
import sys

import ase
import ase.io
import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.units import Bohr
from ipi.pes._ase import ASEDriver


class Copper(ASEDriver):
    def check_parameters(self):
        super().check_parameters()
        self.ase_calculator = EMT()


print("i-PI", importlib.metadata.version("ipi"), "ASE", ase.__version__)
copper = bulk("Cu", cubic=True)
ase.io.write("template.xyz", copper)
seen = {}
for has_stress in (True, False):
    driver = Copper("template.xyz", has_stress=has_stress)
    try:
        driver.compute_structure(np.array(copper.cell).T / Bohr, copper.positions / Bohr)
        seen[has_stress] = "energy and forces"
    except ValueError as error:
        seen[has_stress] = f"ValueError: {error}"
    print(f"has_stress={has_stress}: {seen[has_stress].splitlines()[0]}")
sys.exit(0 if "shape (9,)" in seen[False] and seen[True] == "energy and forces" else "the behaviour has changed")
PYTHON
"$work/env/bin/python" stress.py
