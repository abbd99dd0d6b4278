#!/usr/bin/env bash
# mace-torch trains a network that depends on the total charge, and evaluates it at charge 0, silently.
#
# `mace_run_train --embedding_specs` with total_charge reads the charges in atoms.info["total_charge"]. On the very
# frames of the training, mace_eval_configs reads no such key, and MACECalculator by default reads info["charge"]:
# both take 0 for every frame and say nothing. The same holds for total_spin (1) and elec_temp (0). A feature that
# mace-torch has no default for is a KeyError, which is why polcouple names its own `potential`.
# What to do: MACECalculator(..., info_keys={"total_charge": "total_charge"}); do without mace_eval_configs.
#
# Seen with mace-torch 0.3.16 and torch 2.13.0: energies of one water whose label is its charge in eV
#   charge -1  0  1 as trained on, told by info_keys: three energies
#   the same by mace_eval_configs, and by MACECalculator without info_keys: one energy
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
# the build for the CPU where it is to be had
"$work/env/bin/pip" install --quiet "torch==2.13.0+cpu" 2>/dev/null || "$work/env/bin/pip" install --quiet "torch==2.13.0"
"$work/env/bin/pip" install --quiet "mace-torch==0.3.16"
cd "$work"
export PYTHONWARNINGS=ignore OMP_NUM_THREADS=1
cat > frames.py <<'PYTHON'
import numpy as np
from ase.build import molecule
from ase.io import write

random, frames = np.random.default_rng(0), []
for number in range(30):
    atoms = molecule("H2O")
    atoms.rattle(0.02, seed=number)
    charge = number % 3 - 1
    atoms.info = {"REF_energy": float(charge), "total_charge": charge}
    atoms.arrays["REF_forces"] = np.zeros((3, 3))
    frames.append(atoms)
write("frames.xyz", frames, format="extxyz")
PYTHON
env/bin/python frames.py
env/bin/mace_run_train --name net --train_file frames.xyz --valid_fraction 0.1 --E0s average --hidden_irreps 8x0e \
    --max_ell 1 --correlation 1 --r_max 3 --batch_size 9 --valid_batch_size 3 --max_num_epochs 30 --lr 0.02 \
    --forces_weight 0 --energy_weight 10 --error_table PerAtomMAE --plot False --default_dtype float64 --seed 1 \
    --embedding_specs "{'total_charge': {'type': 'continuous', 'per': 'graph', 'in_dim': 1, 'emb_dim': 8}}" \
    > train.log 2>&1
grep "train_Default" train.log | tail -1
env/bin/mace_eval_configs --configs frames.xyz --model net.model --output evaluated.xyz > eval.log 2>&1
cat > compare.py <<'PYTHON'
import importlib.metadata
import logging
import sys

import ase.io
from mace.calculators import MACECalculator

logging.disable(logging.CRITICAL)
print("mace-torch", importlib.metadata.version("mace-torch"))
frames, evaluated = ase.io.read("frames.xyz", ":3"), ase.io.read("evaluated.xyz", ":3")
same = frames[0].positions
rows = {"told by info_keys": [], "without info_keys": []}
for atoms in frames:
    atoms.positions = same
    for name, keys in (("told by info_keys", {"total_charge": "total_charge"}), ("without info_keys", None)):
        atoms.calc = MACECalculator("net.model", info_keys=keys, default_dtype="float64")
        rows[name].append(atoms.get_potential_energy())
rows["mace_eval_configs (rattled by 0.02 A)"] = [atoms.info["MACE_energy"] for atoms in evaluated]
for name, energies in rows.items():
    print(f"{name}: " + " ".join(f"{energy:.4f}" for energy in energies) + " eV at charges -1 0 1")
spreads = [max(energies) - min(energies) for energies in rows.values()]
sys.exit(0 if spreads[0] > 0.5 and spreads[1] == 0.0 and spreads[2] < 0.2 else "the charge is read now")
PYTHON
env/bin/python compare.py 2>/dev/null
