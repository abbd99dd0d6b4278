#!/bin/bash
#SBATCH --job-name=replicas
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=2
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --open-mode=append

# Replicas (beads, or temperatures that are exchanged) of one case: i-PI on this job's first node, and a driver a
# task on all nodes, over the network. Submitted again, it goes on from RUN's RESTART.
#
#     sbatch replicas.sh CASE RUN [INPUT] [BACKEND]
#
# Run it from this folder. RUN is a copy of CASE that is made here. One preparation of the electrode serves all
# drivers: the first computes it, the others wait for it and read it, from a cache that all nodes see.

set -euo pipefail
case=${1:?CASE} run=${2:?RUN} input=${3:-input.xml} backend=${4:-response}
here=$PWD host=$(hostname) port=$((20000 + SLURM_JOB_ID % 20000))
export POLCOUPLE_CACHE=${POLCOUPLE_CACHE:-$here/cache}

[ -d "$run" ] || cp -r "$case" "$run"
cd "$run"
rm -f EXIT
from=$input
if [ -e RESTART ]; then from=RESTART; fi
python "$here/inet_input.py" "$from" input_inet.xml --host "$host" --port "$port"

polcouple i-pi input_inet.xml >> i-pi.log 2>&1 &
ipi=$!
srun polcouple-driver --input input_inet.xml --backend "$backend" --refresh 1 \
    --threads "$SLURM_CPUS_PER_TASK" --wait 600 >> drivers.log 2>&1 &
drivers=$!
trap 'kill -TERM $ipi; wait $ipi' TERM
trap 'kill $(jobs -p) 2> /dev/null || true' EXIT
wait $ipi
wait $drivers
