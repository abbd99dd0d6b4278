#!/usr/bin/env bash
# The shipped response net on electrolytes it has never seen: build, sample, label, evaluate.
#
#     examples/networks/transfer.sh DIRECTORY
#
# About 15 minutes on two cores. Each step is skipped or resumed when it is repeated.
set -euo pipefail
work=${1:?name a directory to work in}
mkdir -p "$work"

try() {
    local name=$1
    shift
    [ -e "$work/$name/system.yaml" ] || polcouple build "$work/$name" --water-model spc_fw --equilibration 4 "$@"
    polcouple sample "$work/$name" -o "$work/$name.h5" --frames 12 --every 0.5 --skip 2 --backend response
    polcouple label "$work/$name.h5" --backend dftb --total-charges -4 --set accuracy=1e-7
    polcouple evaluate "$work/$name.h5" --labels dftb@-4 --all-frames -o "$work/$name.evaluation" \
        --backend nn --backend response --backend fixed
}

try nacl_0.5M --gap 80 --water 2150 --na 25 --cl 21
try nacl_3M --gap 80 --water 2000 --na 131 --cl 127
try kcl_2M --gap 80 --water 2065 --k 90 --cl 86
