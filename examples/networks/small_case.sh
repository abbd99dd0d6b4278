#!/usr/bin/env bash
# The shipped response net of the small case: sample, label, train, score.
#
#     examples/networks/small_case.sh DIRECTORY
#
# About 20 minutes on two cores. Each step is skipped or resumed when it is repeated.
set -euo pipefail
work=${1:?name a directory to work in}
case=$(cd "$(dirname "$0")/../../ipi_inputs/graphene_nacl_small" && pwd)
mkdir -p "$work"
cd "$work"
polcouple sample "$case" -o small.h5 --frames 200 --every 0.2 --skip 2 --backend response --run-directory run
polcouple label small.h5 --backend dftb --total-charges 0 -1 -2 -4 --set accuracy=1e-8
polcouple train response small.h5 -o graphene_nacl_small_response \
    --learning-rate 3e-3 --max-minutes 5 --compare-splits --compare-minutes 2
