#!/bin/sh
# Charge and capacitance of the small capacitor cell, as a metal and as graphene: 15 ps at each of three voltages.
# Interrupted, it goes on where it stopped; with larger STEPS it makes the runs longer.
#
#     STEPS=7500 SKIP=5 sh examples/capacitance.sh [DIR]
set -e
out=${1:-capacitance}
here=$(dirname "$0")

for backend in metal response; do
    polcouple capacitance "$here/../ipi_inputs/graphene_capacitor_small" --backend "$backend" \
        --voltages 0 1 2 --input input_mts.xml --steps "${STEPS:-7500}" --skip "${SKIP:-5}" --every 10 \
        --output "$out/$backend"
done
python "$here/capacitance_figures.py" "$out" "$out"
