#!/bin/bash
#SBATCH --job-name=lammps
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=30
#SBATCH --cpus-per-task=1
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --open-mode=append

# The liquid by LAMMPS on all tasks, `part: electrode` by one driver, i-PI: the two last on cores of the first node
# that the tasks leave free (here two of 32 on every node). Submitted again, it goes on from RUN's RESTART.
#
#     sbatch lammps.sh CASE RUN [BACKEND] [THREADS OF THE DRIVER]
#
# Run it from this folder, beside electrode_part/.

set -euo pipefail
case=${1:?CASE} run=${2:?RUN} backend=${3:-response} threads=${4:-1}
here=$PWD host=$(hostname) port=$((20000 + SLURM_JOB_ID % 20000))
export OMP_NUM_THREADS=1 POLCOUPLE_CACHE=${POLCOUPLE_CACHE:-$here/cache}

[ -d "$run" ] || cp -r "$case" "$run"
[ -e "$run/input_electrode.xml" ] || python "$here/../electrode_part/share_input.py" "$run"
python "$here/../electrode_part/lammps_liquid.py" "$run" --address "$host" --port $((port + 1))
cd "$run"
rm -f EXIT
from=input_electrode.xml
if [ -e RESTART ]; then from=RESTART; fi
python "$here/inet_input.py" "$from" input_inet.xml --host "$host" --port "$port"

polcouple i-pi input_inet.xml >> i-pi.log 2>&1 &
ipi=$!
log=driver-$SLURM_JOB_ID.log
polcouple-driver --input input_inet.xml --backend "$backend" --threads "$threads" --wait 600 > "$log" 2>&1 &
driver=$!
trap 'kill -TERM $ipi; wait $ipi' TERM
trap 'kill $(jobs -p) 2> /dev/null || true' EXIT
until grep -q 'connected to' "$log"; do kill -0 $ipi; kill -0 $driver; sleep 1; done  # LAMMPS does not wait for i-PI
srun lmp -in liquid.lammps >> lammps.log 2>&1 || true &                       # it calls i-PI's end an error
wait $ipi
wait $driver
