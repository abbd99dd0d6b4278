#!/bin/sh
# Charge and capacitance of the small capacitor cell, as a metal and as graphene, and the quantum capacitance
# of graphene alone: about 15 minutes on two cores. Interrupted, it goes on where it stopped.
#
#     sh examples/capacitance.sh [DIR]
set -e
out=${1:-capacitance}
case=$(dirname "$0")/../ipi_inputs/graphene_capacitor_small

for backend in metal response; do
    polcouple capacitance "$case" --backend "$backend" --voltages 0 1 2 --input input_mts.xml \
        --steps 7500 --skip 5 --every 10 --output "$out/$backend"
done
