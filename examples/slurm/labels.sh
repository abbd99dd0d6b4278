#!/bin/bash
#SBATCH --job-name=labels
#SBATCH --ntasks=64
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=4G
#SBATCH --time=04:00:00

# Labels of a dataset by Dask workers, one a task, within one job. What is done is in the file every few seconds:
# submitted again, it does the rest. (drivers/slurm_labels.py has Dask submit a job for each worker instead.)
#
#     sbatch labels.sh DATASET.h5 CHARGE...
#
# Only this script's process writes the dataset; workers need the environment, not the file.

set -euo pipefail
dataset=${1:?DATASET.h5} port=$((20000 + SLURM_JOB_ID % 20000))
scheduler=tcp://$(hostname):$port
export OMP_NUM_THREADS=1 POLCOUPLE_CACHE=${POLCOUPLE_CACHE:-$PWD/cache}

dask scheduler --port "$port" --no-dashboard > scheduler.log 2>&1 &
srun dask worker "$scheduler" --nthreads 1 --no-dashboard --local-directory "${TMPDIR:-/tmp}" > workers.log 2>&1 &
trap 'kill $(jobs -p) 2> /dev/null || true' EXIT
polcouple label "$dataset" --total-charges "${@:2}" --backend dftb --scheduler "$scheduler"
