#!/usr/bin/env bash
# i-PI: the property `temperature` counts fixed atoms, at the set temperature where there is one and at 0 K where there is none.
#
# Half the atoms are fixed (<fixatoms>). One would expect 2 K/(3 N_moving k_B) of the moving atoms, whatever the ensemble section
# holds. With <temperature> T0 in <ensemble> i-PI prints (N_moving T + N_fixed T0)/N, without it N_moving T/N: the same motion has
# two temperatures, and neither is the moving atoms' own.
#
# Seen with i-PI 3.3.1: two atoms move at 300 K, two are fixed
#   with <temperature> 500 K: 400.0 K; without: 150.0 K
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "ipi==3.3.1"
cd "$work"
cell='# CELL(abcABC): 20 20 20 90 90 90 positions{angstrom} cell{angstrom}'
printf '4\n%s\nO 0 0 0\nO 5 0 0\nO 0 5 0\nO 0 0 5\n' "$cell" > start.xyz
# p^2/(2 m) = 3/2 k_B T of each moving atom at 300 K: p = sqrt(3 m k_B T) along x
p=$(python3 -c "print((3 * 15.9994 * 1822.8885 * 300 * 3.1668152e-6) ** 0.5)")
for ensemble in "<ensemble> <temperature units='kelvin'> 500 </temperature> </ensemble>" "<ensemble/>"; do
cat > input.xml <<XML
<simulation verbosity="quiet">
  <output prefix="out"> <properties filename="props" stride="1"> [ step, temperature{kelvin} ] </properties> </output>
  <total_steps> 1 </total_steps>
  <ffdirect name="none"> <pes> dummy </pes> </ffdirect>
  <system>
    <initialize nbeads="1">
      <file mode="xyz"> start.xyz </file>
      <momenta mode="manual"> [ $p, 0, 0, -$p, 0, 0, 0, 0, 0, 0, 0, 0 ] </momenta>
    </initialize>
    <forces> <force forcefield="none"/> </forces>
    $ensemble
    <motion mode="dynamics">
      <fixcom> False </fixcom> <fixatoms> [ 2, 3 ] </fixatoms>
      <dynamics mode="nve"> <timestep> 1e-9 </timestep> </dynamics>
    </motion>
  </system>
</simulation>
XML
"$work/env/bin/i-pi" input.xml > log 2>&1 || { cat log; exit 1; }
grep -v '^#' out.props | head -1 | awk '{printf "%.1f\n", $2}' >> seen
done
"$work/env/bin/pip" list 2>/dev/null | grep -i "^ipi "
echo "with <temperature> 500 K: $(sed -n 1p seen) K; without: $(sed -n 2p seen) K"
[ "$(tr '\n' ' ' < seen)" = "400.0 150.0 " ] || { echo "the behaviour has changed"; exit 1; }
