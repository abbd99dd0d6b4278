#!/usr/bin/env bash
# A response net for the sheets of ipi_inputs/graphene_capacitor_small, and that cell at 1 V with it.
#
#     examples/networks/capacitor.sh DIRECTORY
#
# One sheet in a cell of the same size is sampled: the network knows nothing of what else is in the cell but its
# potential. Both signs of charge are labelled, because one sheet of a capacitor is positive. About 40 minutes
# on two cores. Each step is skipped or resumed when it is repeated.
set -euo pipefail
work=${1:?name a directory to work in}
capacitor=$(cd "$(dirname "$0")/../../ipi_inputs/graphene_capacitor_small" && pwd)
mkdir -p "$work"
cd "$work"
[ -e sheet ] || polcouple build sheet --sheet 5 3 --water 90 --na 3 --cl 3 --total-charge 0 --gap 24 --vacuum 16 \
    --equilibration 5
polcouple sample sheet -o sheet.h5 --frames 100 --every 0.2 --skip 2 --backend metal --run-directory sampling
polcouple label sheet.h5 --backend dftb --total-charges -2 -1 0 1 2 --set 'k_points=[4, 4, 1]' --set accuracy=1e-7
polcouple train response sheet.h5 -o sheet_response --learning-rate 3e-3 --max-minutes 5
polcouple evaluate sheet.h5 --backend nn:model=./sheet_response --backend metal
polcouple run "$capacitor" --backend nn --set model="$PWD/sheet_response" --input input_nve.xml --steps 600 \
    --output "$work/capacitor_nn"
