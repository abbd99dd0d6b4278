#!/usr/bin/env bash
# The shipped response net of the reference system, and the same trained and tested on a random split.
#
#     examples/networks/reference_net.sh TRAJECTORY_DIRECTORY OUTPUT_DIRECTORY [TOTAL_CHARGE ...]
#
# TRAJECTORY_DIRECTORY is what reference_dataset.py reads; the total charges (e) are those of the shipped net
# unless others are given. About an hour on two cores for its ten, a third of it for the labels; labels and
# epochs, and with them the time, grow with their number. From -8 to +8 e:
#
#     examples/networks/reference_net.sh TRAJECTORY_DIRECTORY OUTPUT_DIRECTORY \
#         -8 -7 -6 -5 -4.5 -4 -3 -2 -1 0 1 2 3 4 4.5 5 6 7 8
#
# Each step is skipped or resumed when it is repeated.
set -euo pipefail
trajectory=${1:?name the directory of the reference trajectory}
work=${2:?name a directory to work in}
charges=("${@:3}")
[ ${#charges[@]} -gt 0 ] || charges=(0 -1 -2 -3 -4 -4.5 -5 -6 -7 -8)
mkdir -p "$work"

[ -e "$work/reference.h5" ] || python "$(dirname "$0")/reference_dataset.py" "$trajectory" "$work/reference.h5"
polcouple label "$work/reference.h5" --total-charges "${charges[@]}" --set accuracy=1e-8

train() {
    [ -e "$work/$1/model.yaml" ] || polcouple train response "$work/reference.h5" -o "$work/$1" "${@:2}"
}

for split in blocks random; do
    # charges and energies first: Fermi levels double the work of an epoch, which sees a frame at one charge
    train "charges_$split" --split "$split" --fermi-weight 0 --learning-rate 3e-3 --max-epochs $((100 * ${#charges[@]}))
    name=graphene_nacl_response
    [ "$split" = blocks ] || name=random_split
    train "$name" --split "$split" --start "$work/charges_$split" --learning-rate 1e-3 --max-epochs $((40 * ${#charges[@]}))
done
grep -q "random split" "$work/graphene_nacl_response/model.yaml" ||
    python "$(dirname "$0")/join_splits.py" "$work/graphene_nacl_response" "$work/random_split"
