# Capacitance from a sweep and from fluctuations
#
# The same small capacitor at 0, 1 and 2 V, 4 ps each, by one command that runs, averages and reports. The
# picture is the differential capacitance by two routes: lines from the difference of charge between
# neighbouring voltages, points from the fluctuations of the charge at one voltage. In equilibrium both agree
# within their errors. Runs as short as these are not there yet, and `polcouple capacitance` says so of its
# errors.
set -e
polcouple cases graphene_capacitor_small > log
polcouple capacitance graphene_capacitor_small --backend metal --voltages 0 1 2 --input input_mts.xml \
    --steps 2000 --skip 1 --every 10 -o report > log
awk -F , 'NR > 1 {printf "%g V: charge %.3f +- %.3f e\n", $1, $3, $4}' report/tables/charge.csv
awk -F , 'NR > 1 {printf "%g V: capacitance by fluctuations %.1f +- %.1f uF/cm2\n", $1, $2, $3}' \
    report/tables/differential_fluctuations.csv
awk -F , 'NR > 1 {printf "%g to %g V: capacitance by the sweep %.1f +- %.1f uF/cm2\n", $2, $3, $4, $5}' \
    report/tables/differential_sweep.csv
cp report/figures/capacitance.png 04_capacitance.png
