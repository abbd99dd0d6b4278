#!/usr/bin/env bash
# The shipped response net of the reference system, and one trained and tested on a random split.
#
#     examples/networks/reference_net.sh TRAJECTORY_DIRECTORY OUTPUT_DIRECTORY
#
# TRAJECTORY_DIRECTORY is what reference_dataset.py reads. Labels from -8 to +8 e: 7,600, some 25 minutes of
# processor time. Nets: four hours of processor time. Each step is skipped or resumed when it is repeated.
set -euo pipefail
trajectory=${1:?name the directory of the reference trajectory}
work=${2:?name a directory to work in}
mkdir -p "$work"

[ -e "$work/reference.h5" ] || python "$(dirname "$0")/reference_dataset.py" "$trajectory" "$work/reference.h5"

train() {
    [ -e "$work/$1/model.yaml" ] || polcouple train response "$work/reference.h5" -o "$work/$1" "${@:2}"
}

# first the negative charges, of which the first shipped net was made: 1,000 epochs on charges and energies
# at a constant step size, and 400 with the Fermi levels
polcouple label "$work/reference.h5" --total-charges 0 -1 -2 -3 -4 -4.5 -5 -6 -7 -8
train negative_charges --split blocks --fermi-weight 0 --learning-rate 3e-3 --max-epochs 1000
train negative_blocks --split blocks --start "$work/negative_charges" --learning-rate 1e-3 --max-epochs 400

# then all charges, twice with a step size that falls
polcouple label "$work/reference.h5" --total-charges 1 2 3 4 4.5 5 6 7 8
falling() {
    train "$1" --final-learning-rate "$2" --max-epochs "$3" --validate-every 5 --patience "$3" "${@:4}"
}
falling all_blocks 3e-5 600 --split blocks --learning-rate 2e-3 --start "$work/negative_blocks"
falling graphene_nacl_response 1e-5 800 --split blocks --learning-rate 3e-3 --start "$work/all_blocks"

# of random frames from random weights: the net of blocks has seen the frames that test here
falling all_random 3e-5 600 --split random --learning-rate 3e-3
falling random_split 1e-5 800 --split random --learning-rate 3e-3 --start "$work/all_random"

grep -q "random split" "$work/graphene_nacl_response/model.yaml" ||
    python "$(dirname "$0")/join_splits.py" "$work/graphene_nacl_response" "$work/random_split"
