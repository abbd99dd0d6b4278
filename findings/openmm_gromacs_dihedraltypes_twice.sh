#!/usr/bin/env bash
# OpenMM's GromacsTopFile: a line of [ dihedraltypes ] (function type 9) that stands twice counts twice.
#
# GROMACS ignores the same line once more, and so force fields have some: charmm27.ff, as GROMACS ships it, defines
# torsions of histidine's ring in two of its files. GromacsTopFile adds the term again wherever it stands, so that
# torsions of histidine are twice as stiff: 12 kJ/mol and a relative force error of 3.3e-2 for a peptide of 35 residues.
# What to do: leave out repeated lines that do not follow one another (polcouple/importing/gromacs_dihedrals.py).
#
# Seen with OpenMM 8.6.1:
#   2 terms of 1 kJ/mol (GROMACS 2022.5: 1 term)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "openmm==8.6.1" numpy
cat > "$work/chain.top" <<'TOP'
[ defaults ]
1 2 yes 0.5 0.5
[ atomtypes ]
A 6 12.011 0.0 A 0.3 0.2
B 6 12.011 0.0 A 0.3 0.2
[ dihedraltypes ]
A B B A 9 0 1.0 3
X B B X 9 0 2.0 3
A B B A 9 0 1.0 3
[ moleculetype ]
CHAIN 3
[ atoms ]
1 A 1 CHN A1 1 0.0
2 B 1 CHN B2 2 0.0
3 B 1 CHN B3 3 0.0
4 A 1 CHN A4 4 0.0
[ bonds ]
1 2 1 0.15 250000
2 3 1 0.15 250000
3 4 1 0.15 250000
[ dihedrals ]
1 2 3 4 9
[ system ]
a chain
[ molecules ]
CHAIN 1
TOP
cat > "$work/terms.py" <<'PYTHON'
import sys

import openmm
import openmm.app as app

system = app.GromacsTopFile(sys.argv[1]).createSystem()
force = next(f for f in system.getForces() if isinstance(f, openmm.PeriodicTorsionForce))
terms = [force.getTorsionParameters(i)[6]._value for i in range(force.getNumTorsions())]
print(f"{len(terms)} terms of {terms[0]:g} kJ/mol")
PYTHON
"$work/env/bin/python" "$work/terms.py" "$work/chain.top"
