#!/usr/bin/env bash
# QM/MD against NN/MD against fixed charges, for the reference system: every figure of docs/ab_validation.md.
#
#     examples/ab_validation/reproduce.sh DIRECTORY
#
# Under 20 minutes on two quiet cores. Every step is skipped or resumed when the script is repeated.
# STEPS (1000) of 2 fs are done with each backend.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
work=${1:?name a directory to work in}
steps=${STEPS:-1000}
mkdir -p "$work"
work=$(cd "$work" && pwd)

# a copy of the case with something in its i-PI inputs changed
variant() {
    [ -d "$work/$1" ] || { cp -r "$here/ipi_inputs/graphene_nacl" "$work/$1" && sed -i "$2" "$work/$1"/input*.xml; }
}

# 1. Two classifiers that differ in one thing, the weight of the total charge in the loss; trained on a trajectory
#    of its own (other velocities)
variant other_velocities 's|<seed> 1 </seed>|<seed> 2 </seed>|'
polcouple sample "$work/other_velocities" -o "$work/train.h5" --frames 100 --every 0.02 --skip 1 --backend response
polcouple label "$work/train.h5" --backend dftb --total-charges -4
for weight in 1 0; do
    [ -e "$work/lambda_$weight/model.yaml" ] || polcouple train classifier "$work/train.h5" -o "$work/lambda_$weight" \
        --features site_potentials --augmentation --hidden-layers 512 512 --batch-size 16 --folds 5 \
        --max-epochs 800 --learning-rate 1e-3 --sum-weight "$weight"
done

# 2. Frames at every step and over 10 ps, for charges held for a few steps and for 5 ps
variant every_step 's|stride="100*" extra_type="charges"|stride="1" extra_type="charges"|
    s|filename="positions" stride="1000"|filename="positions" stride="1"|'
[ -e "$work/fine/RESTART" ] ||
    polcouple run "$work/every_step" --backend response --steps 300 --output "$work/fine"
variant every_100fs 's|filename="positions" stride="1000"|filename="positions" stride="50"|'
[ -e "$work/long/RESTART" ] || polcouple run "$work/every_100fs" --input input_mts.xml \
    --backend response --steps 5000 --output "$work/long"

# 3. Runs with five backends: their charges on the same frames, their liquids
polcouple compare "$here/ipi_inputs/graphene_nacl" -o "$work/report" \
    --input input_mts.xml --steps "$steps" --every 5 --replay-frames 50 \
    --backend dftb --backend nn --backend response --backend nn:model=graphene_nacl_classifier --backend fixed

# 4. The constraint in the loss, the paper's network on ions, stale charges
polcouple compare "$work/long" -o "$work/constraint" --replay-frames 50 --fine-run "$work/fine" \
    --backend dftb --backend nn:model="$work/lambda_1" --backend nn:model="$work/lambda_0" \
    --backend nn:model=graphene_nacl_classifier_ions
