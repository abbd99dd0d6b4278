#!/usr/bin/env bash
# i-PI: a row of the file of exchanges is one step earlier than the outputs that it belongs to.
#
# Replica exchange writes a row "step, ensemble of replica 0, of replica 1 ..." whenever two replicas have exchanged. One
# would read it beside the trajectories and properties, which have steps, too: from the outputs of that step on a replica
# has the new ensemble. The file counts i-PI's loop, whose first step is 0; outputs are numbered by the steps that are
# done, which is one more. The outputs of the row's own step are still of the old temperature. With outputs and attempts
# at random steps (<stride> is a probability), some frames get the wrong temperature, without a word.
# What to do: a row of step s holds from the outputs of step s + 1 on (i-pi-remdsort does it so), or write
# ensemble_temperature beside what is to be sorted.
#
# Seen with i-PI 3.3.1, two replicas at 300 and 600 K, outputs of every step:
#   rows of the file of exchanges: 18
#   ensembles by the rows, from step s on: wrong in the outputs of the steps of all 18 rows
#   ensembles by the rows, from step s + 1 on: right in all outputs
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "ipi==3.3.1"
cd "$work"
printf '1\n# CELL(abcABC): 10 10 10 90 90 90 positions{angstrom} cell{angstrom}\nH 0 0 0\n' > init.xyz
system() {
    cat <<XML
  <system prefix="$1">
    <initialize nbeads="1">
      <file mode="xyz"> init.xyz </file>
      <velocities mode="thermal" units="kelvin"> $2 </velocities>
    </initialize>
    <forces> <force forcefield="none"/> </forces>
    <motion mode="dynamics"> <dynamics mode="nve"> <timestep units="femtosecond"> 1 </timestep> </dynamics> </motion>
    <ensemble> <temperature units="kelvin"> $2 </temperature> </ensemble>
  </system>
XML
}
{
    cat <<'XML'
<simulation verbosity="quiet">
  <output prefix="out">
    <properties filename="props" stride="1"> [ step, ensemble_temperature{kelvin} ] </properties>
  </output>
  <total_steps> 60 </total_steps>
  <prng> <seed> 4 </seed> </prng>
  <ffdirect name="none"> <pes> dummy </pes> </ffdirect>
XML
    system a 300
    system b 600
    echo '  <smotion mode="remd"> <remd> <stride> 3 </stride> <swapfile> exchanges </swapfile> </remd> </smotion>'
    echo '</simulation>'
} > input.xml
"$work/env/bin/i-pi" input.xml > log 2>&1 || { cat log; exit 1; }
"$work/env/bin/pip" list 2>/dev/null | grep -i "^ipi "
cat > compare.py <<'PYTHON'
import sys

import numpy as np

rows = np.loadtxt("out.exchanges", dtype=int)
print(f"rows of the file of exchanges: {len(rows)}")
steps, kelvin = np.loadtxt("a_out.props").T
own = (kelvin > 450).astype(int)
told = np.concatenate([[0], rows[:, 1]])
wrong = {
    late: steps[told[np.searchsorted(rows[:, 0] + late, steps, side="right")] != own] for late in (0, 1)
}
print("from step s on: wrong in the outputs of steps", wrong[0].astype(int).tolist())
print("the steps of the rows:                       ", rows[:, 0].tolist())
print("from step s + 1 on: wrong in the outputs of steps", wrong[1].astype(int).tolist())
if len(rows) < 10 or wrong[0].tolist() != rows[:, 0].tolist() or len(wrong[1]):
    sys.exit("the behaviour has changed")
PYTHON
"$work/env/bin/python" compare.py
