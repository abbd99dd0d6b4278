#!/usr/bin/env bash
# i-PI: <motion mode="constrained_dynamics"> cannot start, with any input.
#
# A rigid water at rest, in i-PI's own XML for it. One would expect a step. The input layer passes `fixatoms_dof`, which the class
# does not take; with that mended by hand, Motion.__init__ no longer takes `fixatoms`; and with that mended, too, the integrator
# asks for Forces.forces_mts, which is now mts_forces[level].f.
#
# Seen with i-PI 3.3.1, the last line of each traceback:
#   as it is: TypeError: ConstrainedDynamics.__init__() got an unexpected keyword argument 'fixatoms_dof'
#   fixatoms_dof taken: TypeError: Motion.__init__() got an unexpected keyword argument 'fixatoms'
#   and not passed on: AttributeError: 'Forces' object has no attribute 'forces_mts'
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "ipi==3.3.1"
cd "$work"
printf '3\n# CELL(abcABC): 20 20 20 90 90 90 positions{angstrom} cell{angstrom}\nO 0 0 0\nH 1 0 0\nH 0 1 0\n' > start.xyz
cat > input.xml <<'XML'
<simulation verbosity="quiet" threading="False">
  <output prefix="out"> <properties filename="props" stride="1"> [ step ] </properties> </output>
  <total_steps> 2 </total_steps>
  <ffdirect name="none"> <pes> dummy </pes> </ffdirect>
  <system>
    <initialize nbeads="1"> <file mode="xyz"> start.xyz </file> </initialize>
    <forces> <force forcefield="none"/> </forces>
    <ensemble> <temperature units="kelvin"> 300 </temperature> </ensemble>
    <motion mode="constrained_dynamics">
      <fixcom> False </fixcom>
      <constrained_dynamics mode="nve">
        <timestep units="femtosecond"> 1 </timestep>
        <csolver> <tolerance> 1e-8 </tolerance> </csolver>
        <constraint mode="distance">
          <atoms> [ 0, 1, 0, 2, 1, 2 ] </atoms>
          <values units="angstrom"> [ 1, 1, 1.4142135623730951 ] </values>
        </constraint>
      </constrained_dynamics>
    </motion>
  </system>
</simulation>
XML
source=$(echo "$work"/env/lib/python3*/site-packages/ipi/engine/motion/constrained_dynamics.py)
try() {
    if "$work/env/bin/i-pi" input.xml > log 2>&1; then echo "the behaviour has changed: it starts"; exit 1; fi
    echo "$1: $(grep -E '^[A-Za-z]+Error' log | tail -1)" | tee -a seen
}
try "as it is"
sed -i 's/fixatoms=None/fixatoms_dof=None, fixatoms=None/' "$source"
try "fixatoms_dof taken"
sed -i 's/(fixcom=fixcom, fixatoms=fixatoms)/(fixcom=fixcom, fixatoms_dof=fixatoms_dof)/' "$source"
try "and not passed on"
"$work/env/bin/pip" list 2>/dev/null | grep -i "^ipi "
grep -q "as it is: TypeError.*fixatoms_dof" seen || { echo "the behaviour has changed"; exit 1; }
