"""The reference run, and how good its charges are

Graphene of 336 carbons with -4 e below 2,065 waters, 90 Na+ and 86 Cl-: fifty steps of 0.5 fs with charges
from linear response, then the last frame once more with SCC-DFTB. The left picture is the sheet from above:
blue carbons have more electrons than their share of the charge, red ones fewer, and the pattern is that of
the water and the ions above them. On the right every dot is a carbon; the dashed line is what fixed charges
would give.
"""

import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import polcouple
from polcouple.frames.reading import read_frames
from polcouple.units import BOHR_TO_ANGSTROM

subprocess.run("polcouple cases graphene_nacl > log", shell=True, check=True)
run = "polcouple run graphene_nacl --backend response --steps 50 --stride 50 --output run > log"
subprocess.run(run, shell=True, check=True)

case = polcouple.read_case("graphene_nacl")
*_, last = read_frames(Path("run/simulation.positions_0.xyz"), case)
charges, levels = {}, {}
for backend in ("response", "dftb"):
    answer = polcouple.ChargeSolver(case, polcouple.create_electrodes(case, backend))(last)
    charges[backend], levels[backend] = 1e3 * answer.charges, answer.fermi_level

share = charges["dftb"].mean()
error = charges["response"] - charges["dftb"]
spread = charges["dftb"] - share
print(f"{len(case)} atoms, total charge {1e-3 * charges['response'].sum():+.6f} e")
print(f"charges of SCC-DFTB      {charges['dftb'].min():7.2f} to {charges['dftb'].max():.2f} me")
print(f"error of linear response {np.sqrt(np.mean(error**2)):7.3f} me (root mean square)")
print(f"error of fixed charges   {np.sqrt(np.mean(spread**2)):7.3f} me")
print(f"Fermi level off by       {1e3 * abs(levels['response'] - levels['dftb']):7.3f} mHartree")

figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 4.0), layout="constrained")
x, y = BOHR_TO_ANGSTROM * case.electrode.positions[:, :2].T
limit = np.abs(spread).max()
dots = left.scatter(
    x, y, c=charges["response"] - share, cmap="RdBu_r", vmin=-limit, vmax=limit, s=55, ec="0.5", lw=0.3
)
figure.colorbar(dots, ax=left, label="charge less the mean (me)")
left.set(aspect="equal", xlabel="x (Å)", ylabel="y (Å)", title="charges on the sheet")
right.plot(charges["dftb"], charges["response"], "o", color="#0072B2", ms=3, label="linear response")
right.axhline(share, color="0.5", ls="--", label="fixed charges, Q/N")
right.axline((share, share), slope=1.0, color="k", lw=0.8, label="equal")
right.set(xlabel="charge by SCC-DFTB (me)", ylabel="charge by the backend (me)", title="carbon by carbon")
right.legend(frameon=False)
figure.savefig("01_reference_run.png", dpi=110)
