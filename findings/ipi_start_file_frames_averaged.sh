#!/usr/bin/env bash
# i-PI: a start file with several frames and one bead starts from their average, in the last frame's cell.
#
# A trajectory as the start file is a common slip. One would expect the first frame, the last one, or a refusal. i-PI takes the
# frames for beads of a ring polymer and contracts them to the beads that are asked for: one bead is the centroid, a
# structure that no frame has (atoms in between, bonds too short), in the cell of the last frame. Nothing is said about it.
#
# Seen with i-PI 3.3.1: frames with the atom at x = 1 and x = 5 Angstrom, cells of 20 and 30 Angstrom
#   starts at x = 3.0000 Angstrom in a cell of 30.0000 Angstrom
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "ipi==3.3.1"
cd "$work"
for frame in "1 20" "5 30"; do
    set -- $frame
    printf '1\n# CELL(abcABC): %s %s %s 90 90 90 positions{angstrom} cell{angstrom}\nO %s 0 0\n' "$2" "$2" "$2" "$1"
done > start.xyz
cat > input.xml <<'XML'
<simulation verbosity="quiet">
  <output prefix="out">
    <properties filename="props" stride="1"> [ step, atom_x(0){angstrom}, cell_h{angstrom} ] </properties>
  </output>
  <total_steps> 1 </total_steps>
  <ffdirect name="none"> <pes> dummy </pes> </ffdirect>
  <system>
    <initialize nbeads="1"> <file mode="xyz"> start.xyz </file> </initialize>
    <forces> <force forcefield="none"/> </forces>
    <motion mode="dynamics"> <dynamics mode="nve"> <timestep> 1e-9 </timestep> </dynamics> </motion>
  </system>
</simulation>
XML
"$work/env/bin/i-pi" input.xml > log 2>&1 || { cat log; exit 1; }
"$work/env/bin/pip" list 2>/dev/null | grep -i "^ipi "
row=$(grep -v '^#' out.props | head -1)
echo "$row" | awk '{printf "starts at x = %.4f Angstrom in a cell of %.4f Angstrom\n", $2, $5}'
echo "$row" | awk '{exit !($2 > 2.999 && $2 < 3.001 && $5 > 29.999)}' || { echo "the behaviour has changed"; exit 1; }
