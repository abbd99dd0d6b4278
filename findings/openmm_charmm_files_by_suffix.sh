#!/usr/bin/env bash
# OpenMM's CharmmParameterSet: files are read by suffix, whatever their order, and NBFIX of types not seen yet is dropped.
#
# CHARMM reads files one after the other, and the last line for the same types counts. CharmmParameterSet("ions.str",
# "own.prm") reads own.prm first, and the parameters in it are lost to those of the stream. With a file of NBFIX for
# ions whose MASS stands in the stream (as in toppar_water_ions.str) its lines are left out without a word: 1.64 kcal/mol
# of an ion pair at 2.5 Angstrom. A type whose MASS comes again forgets its NBFIX, which then stands with the other type alone:
# so it is with 46 of 99 pairs of CHARMM36's own files where par_all36_cgenff.prm is named before par_all36m_prot.prm.
# What to do: begin with an empty CharmmParameterSet, let readTopologyFile read the lines of MASS of all files, and then
# readParameterFile the others of one file after the other (polcouple/importing/charmm_files.py).
#
# Seen with OpenMM 8.6.1:
#   by one file: NBFIX of SOD and CLA: (0.083875, 3.731)
#   by a stream and a file after it: NBFIX of SOD and CLA: None; Rmin/2 of SOD: 1.41075 (the last file has 1.6)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "openmm==8.6.1" numpy
cd "$work"
cat > ions.str <<'STR'
* ions
*
read rtf card append
* ions
*
36 1
MASS 101 SOD 22.98977
MASS 102 CLA 35.45
end

read para card flex append
* ions
*
NONBONDED
SOD 0.0 -0.0469 1.41075
CLA 0.0 -0.1500 2.27
end
return
STR
cat > own.prm <<'PRM'
* of my own
*
NBFIX
SOD CLA -0.083875 3.731
END
PRM
cat > radius.prm <<'PRM'
* of my own
*
ATOMS
MASS 101 SOD 22.98977

NONBONDED
SOD 0.0 -0.0469 1.6
END
PRM
cat > all.prm <<'PRM'
* all of it
*
ATOMS
MASS 101 SOD 22.98977
MASS 102 CLA 35.45

NONBONDED
SOD 0.0 -0.0469 1.41075
CLA 0.0 -0.1500 2.27

NBFIX
SOD CLA -0.083875 3.731
END
PRM
cat > read.py <<'PYTHON'
from openmm.app import CharmmParameterSet


def nbfix(*files):
    found = CharmmParameterSet(*files).atom_types_str["SOD"].nbfix.get("CLA")
    return found and (found[1], found[0])


one, several = nbfix("all.prm"), nbfix("ions.str", "own.prm")
radius = CharmmParameterSet("ions.str", "radius.prm").atom_types_str["SOD"].rmin
print(f"by one file: NBFIX of SOD and CLA: {one}")
print(
    f"by a stream and a file after it: NBFIX of SOD and CLA: {several};"
    f" Rmin/2 of SOD: {radius} (the last file has 1.6)"
)
assert one == (0.083875, 3.731) and several is None and radius == 1.41075, "this has changed"
PYTHON
"$work/env/bin/python" read.py
