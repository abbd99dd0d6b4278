#!/bin/bash
#SBATCH --job-name=md
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --open-mode=append

# MD of one case on one node; submitted again, it goes on.
#
#     sbatch md.sh CASE RUN STEPS [BACKEND]
#
# STEPS is the step to go on to. Five minutes before the time is up SLURM says TERM: i-PI finishes its step and
# writes RESTART.

set -euo pipefail
case=${1:?CASE} run=${2:?RUN} steps=${3:?STEPS} backend=${4:-nn}

words=(--backend "$backend")
if [ -e "$run/RESTART" ]; then words=(--restart); fi
polcouple run "$case" --output "$run" --until "$steps" --threads "$SLURM_CPUS_PER_TASK" "${words[@]}" &
trap 'kill -TERM $!; wait $!' TERM
wait $!
