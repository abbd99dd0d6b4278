"""Where the electrons are at 3 V

Two graphene sheets seen from the side, salt water between them, after 3 ps at 3 V. Blue is where electrons
are missing, red where they are added: the source has taken them from the left sheet and brought them to the
right one. Where ions and water stand close to a sheet its electrons answer to them, so that neither is even.
One frame, the electrodes by linear response of DFTB.
"""

import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import polcouple
from polcouple.analysis.electron_density import mean_density
from polcouple.frames.reading import read_frames
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM

STEPS = 1500
subprocess.run("polcouple cases graphene_capacitor_small -o cell > log", shell=True, check=True)
system = Path("cell/system.yaml")
system.write_text(system.read_text().replace("voltage_volt: 1.0", "voltage_volt: 3.0"))
run = f"polcouple run cell --backend response --input input_mts.xml --steps {STEPS} --stride {STEPS}"
subprocess.run(f"{run} --output run > log", shell=True, check=True)

case = polcouple.read_case("cell")
*_, last = read_frames(Path("run/simulation.positions_0.xyz"), case)
found = mean_density(case, "response", [last], spacing=0.2 * ANGSTROM_TO_BOHR)
excess = found.array("excess")  # (n_x, n_y, n_z), electrons/bohr^3
width, depth, height = np.diag(case.cell)
for electrode, own in zip(case.system.electrodes, case.electrode_slices, strict=True):
    print(f"{electrode.name} sheet: {-found.charges.value[own].sum():+.4f} excess electrons")
print(f"all of the grid:  {excess.mean() * width * depth * height:+.4f}")

# electrons/nm^2 along the line of sight, at the heights found.z, which have the sheets in their middle
side = excess.sum(axis=1) * depth / excess.shape[1] * 100.0 / BOHR_TO_ANGSTROM**2
side = side[:, np.round(found.z / height * side.shape[1]).astype(int) % side.shape[1]]
z, x = BOHR_TO_ANGSTROM * found.z, BOHR_TO_ANGSTROM * width * np.arange(len(side)) / len(side)
limit = 0.7 * np.abs(side).max()

figure, axes = plt.subplots(figsize=(8.0, 3.6), layout="constrained")
seen = axes.pcolormesh(z, x, side, cmap="RdBu_r", vmin=-limit, vmax=limit, shading="gouraud")
figure.colorbar(seen, ax=axes, label="excess electrons (nm$^{-2}$)", extend="both")
places = BOHR_TO_ANGSTROM * (last - [0.0, 0.0, found.z[0]]) % (BOHR_TO_ANGSTROM * np.diag(case.cell))
symbols = np.array(case.symbols)
for symbol, colour, size, label in (
    ("C", "0.3", 6, "C"), ("O", "#56B4E9", 22, "water (O)"), ("Na", "#CC79A7", 90, "Na$^+$"),
    ("Cl", "#009E73", 130, "Cl$^-$"),
):  # fmt: skip
    own = places[symbols == symbol]
    axes.scatter(own[:, 2] + z[0], own[:, 0], s=size, c=colour, ec="k", lw=0.3, label=label)
axes.set(aspect="equal", xlim=(-6.0, 30.0), ylim=(x[0], x[-1]), xlabel="z (Å)", ylabel="x (Å)")
axes.set_title("+3 V: electrons are taken from here" + " " * 34 + "and added there", fontsize="medium")
axes.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False)
figure.savefig("07_electron_density.png", dpi=110)
