#!/bin/bash
#SBATCH --job-name=potentials
#SBATCH --ntasks=8
#SBATCH --cpus-per-task=2
#SBATCH --time=24:00:00

# Frames and labels of an electrode that moves, a run at each potential, on Dask workers, one a task, of all nodes.
# Submitted again, it goes on. CASE, DATASET and the runs must be on a file system that all nodes see.
#
#     sbatch potentials.sh CASE DATASET.h5 FRAMES POTENTIAL...

set -euo pipefail
case=${1:?CASE} dataset=${2:?DATASET.h5} frames=${3:?FRAMES} port=$((20000 + SLURM_JOB_ID % 20000))
scheduler=tcp://$(hostname):$port
export OMP_NUM_THREADS=1 POLCOUPLE_CACHE=${POLCOUPLE_CACHE:-$PWD/cache}

dask scheduler --port "$port" --no-dashboard > scheduler.log 2>&1 &
srun dask worker "$scheduler" --nthreads 1 --no-dashboard --local-directory "${TMPDIR:-/tmp}" > workers.log 2>&1 &
trap 'kill $(jobs -p) 2> /dev/null || true' EXIT
polcouple sample "$case" -o "$dataset" --frames "$frames" --every 0.05 --skip 0.5 --backend dftb \
    --threads "$SLURM_CPUS_PER_TASK" --potentials "${@:4}" --scheduler "$scheduler"
