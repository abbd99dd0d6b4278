# Your own system in ten minutes: files of GROMACS, two electrodes, a voltage
#
# Acetonitrile with Li+ and PF6- between two sheets of graphene comes as acn.top and acn.gro, as GROMACS has
# it. One command makes a case of it: which atoms are the two electrodes is said in MDAnalysis' words, and 2
# V are held between them. The next looks for faults, the third runs 1 ps, the last draws where the liquid
# is: layers of acetonitrile at both sheets (above), the ions between them (below). Of eight ions in a
# picosecond this is a first look, no mean.
set -e
polcouple cases acetonitrile > log
polcouple import case acetonitrile/acn.top acetonitrile/acn.gro \
    --electrode 'resname GRA and prop z < 15' --electrode 'resname GRA and prop z > 15' \
    --voltage 2 --cutoff 9 > log
polcouple check case --backend metal --steps 2000
polcouple run case --backend metal --steps 2000 --stride 20 --output run > log
polcouple density run --skip 0.25 -o 02_own_system.png | cut -c 10-
