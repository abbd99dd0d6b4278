#!/usr/bin/env bash
# OpenMM's GromacsTopFile: atoms three bonds apart interact (scaled) although [ pairs ] does not list them.
#
# With nrexcl 3 GROMACS excludes atoms up to three bonds apart, and [ pairs ] lists those that interact all the same;
# gen-pairs = yes only says where the parameters of listed pairs come from (GROMACS Reference Manual, "Pair
# interactions"). GromacsTopFile excludes two bonds where gen-pairs is yes and makes a scaled exception of every pair
# three bonds apart. United-atom force fields and partial pair lists then get other forces without a word.
# What to do: make the exceptions anew from nrexcl, [ exclusions ] and [ pairs ] (polcouple/importing/gromacs.py).
#
# Seen with OpenMM 8.6.1, a chain of four atoms without [ pairs ]:
#   atoms 0 and 3: charge product 0.0025, epsilon 0.25 (GROMACS 2022.5: LJ-14 and Coulomb-14 are not even there)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "openmm==8.6.1" numpy
cat > "$work/chain.top" <<'TOP'
[ defaults ]
1 2 yes 0.5 0.25
[ atomtypes ]
C 6 12.011 0.1 A 0.35 0.5
[ moleculetype ]
CHAIN 3
[ atoms ]
1 C 1 CHN C1 1  0.1
2 C 1 CHN C2 2 -0.1
3 C 1 CHN C3 3 -0.1
4 C 1 CHN C4 4  0.1
[ bonds ]
1 2 1 0.15 250000
2 3 1 0.15 250000
3 4 1 0.15 250000
[ system ]
a chain
[ molecules ]
CHAIN 1
TOP
cat > "$work/pairs.py" <<'PYTHON'
import sys

import openmm
import openmm.app as app

system = app.GromacsTopFile(sys.argv[1]).createSystem()
force = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
for index in range(force.getNumExceptions()):
    i, j, product, _, epsilon = force.getExceptionParameters(index)
    if {i, j} == {0, 3}:
        print(f"atoms {i} and {j}: charge product {product._value:g}, epsilon {epsilon._value:g}")
PYTHON
"$work/env/bin/python" "$work/pairs.py" "$work/chain.top"
