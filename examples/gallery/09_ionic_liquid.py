"""An ionic liquid at 2 V

58 pairs of EMIM+ and BF4- between two sheets of graphene, imported from files of GROMACS, with 2 V between
the sheets from the first step on. Above, the charge that the source has brought to the positive sheet: it
grows while the ions move. Below, where they are in the second half: anions stand denser than cations at the
positive sheet. The liquid is thick, and a picosecond is the beginning: docs/import.md goes on to ten.
"""

import csv
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from polcouple.ipi.output import read_extras

STEPS, STEP_FS = 2400, 0.5
IMPORT = (
    "polcouple import case ionic_liquid/il.top ionic_liquid/il.gro --electrode 'resname GRA and prop z < 10'"
    " --electrode 'resname GRA and prop z > 10' --voltage 2 --temperature 400"
)
RUN = f"polcouple run case --backend metal --steps {STEPS} --stride 20 --output run"
for command in (
    "polcouple cases ionic_liquid",
    IMPORT,
    RUN,
    "polcouple density run --skip 0.6 -o density.png",
):
    subprocess.run(f"{command} > log", shell=True, check=True)

steps, charges = read_extras(Path("run/simulation.electrode_charges_0"))
time = 1e-3 * STEP_FS * steps
for start, end in ((0.0, 0.0), (0.2, 0.4), (1.0, 1.2)):
    own = (time >= start) & (time <= end)
    print(f"{start:.1f} to {end:.1f} ps: charge of the positive sheet {charges[own, 0].mean():+.3f} e")

figure, (above, below) = plt.subplots(2, 1, figsize=(6.5, 5.6), layout="constrained")
above.plot(time, charges[:, 0], color="k", lw=1.0)
above.set(xlabel="time (ps)", ylabel="charge of the positive sheet (e)", xlim=(0.0, time[-1]))
above.axhline(0.0, color="0.6", lw=0.8)
with open("density.csv") as file:
    rows = list(csv.DictReader(file))
for species, colour in zip(
    dict.fromkeys(row["species"] for row in rows), ("#0072B2", "#D55E00"), strict=True
):
    own = [(row["distance_angstrom"], row["density_per_nm3"]) for row in rows if row["species"] == species]
    heights, density = np.array(own, dtype=float).T
    # bins of 2 instead of 0.5 Angstrom: there are 58 ions of each kind
    wide = density[: len(density) // 4 * 4].reshape(-1, 4).mean(axis=1)
    below.step(heights[: 4 * len(wide) : 4] + 0.75, wide, where="mid", color=colour, label=species)
below.set_ylim(0.0, 10.0)
for height, sign in ((0.0, "+"), (38.0, "-")):
    below.axvline(height, color="0.5", lw=4, alpha=0.5)
    below.annotate(f"${sign}$", (height, 8.8), (8, 0), textcoords="offset points", size=16)
below.set(xlabel="distance from the positive sheet (Å)", ylabel="ions per nm$^3$", xlim=(-3.0, 43.0))
below.legend(frameon=False, ncols=2, loc="upper center")
figure.savefig("09_ionic_liquid.png", dpi=110)
