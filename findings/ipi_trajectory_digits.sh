#!/usr/bin/env bash
# i-PI writes xyz trajectories with five decimals, whatever <simulation floatformat=...> asks for.
#
# `floatformat` is described as the format of the numbers in the outputs. Properties and extras obey it; positions are always
# %12.5e, which leaves 1e-5 of a coordinate of tens of Angstrom: some 5e-5 Hartree/bohr in forces along a stiff O-H bond that are
# computed again from the file. What to do: take positions from checkpoints, or from what a driver records.
#
# Seen with i-PI 3.3.1, one atom at x = 41.23456789 and floatformat "%20.12e":
#   properties: 7.792203997000e+01   trajectory: 4.12346e+01
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "ipi==3.3.1"
cd "$work"
printf '1\n# CELL(abcABC): 50 50 50 90 90 90 positions{angstrom} cell{angstrom}\nAr 41.23456789 0 0\n' > start.xyz
cat > input.xml <<'XML'
<simulation verbosity="quiet" threading="False" floatformat="%20.12e">
  <output prefix="out">
    <properties filename="props" stride="1"> [ atom_x(atom=0) ] </properties>
    <trajectory filename="pos" stride="1"> positions{angstrom} </trajectory>
  </output>
  <total_steps> 1 </total_steps>
  <ffdirect name="none"> <pes> dummy </pes> </ffdirect>
  <system>
    <initialize nbeads="1"> <file mode="xyz"> start.xyz </file> </initialize>
    <forces> <force forcefield="none"/> </forces>
    <ensemble> <temperature units="kelvin"> 300 </temperature> </ensemble>
    <motion mode="dynamics"> <dynamics mode="nve"> <timestep> 1 </timestep> </dynamics> </motion>
  </system>
</simulation>
XML
"$work/env/bin/i-pi" input.xml > log 2>&1 || { tail -3 log; exit 1; }
"$work/env/bin/pip" list 2>/dev/null | grep -i "^ipi "
property=$(grep -v '^#' out.props | head -1 | awk '{print $1}')
position=$(awk 'NR == 3 {print $2}' out.pos_0.xyz)
echo "properties: $property   trajectory: $position   expected: 4.123456789000e+01 in both files' own units"
[ "$position" = "4.12346e+01" ] || { echo "the behaviour has changed"; exit 1; }
