"""A capacitor at a voltage: the potential across the cell

Two graphene sheets 24 Angstrom apart, salt water between them, run for 4 ps at 0 V and for 4 ps at 2 V with
the classical constant-potential electrode. The upper picture is the electrostatic potential, averaged over 3
Angstrom: flat outside, where there is no field. Most of it drops in the first layers of the liquid at each
sheet. The voltage is held at the atoms, each inside its own charge, and the text below has it; between the
flat sides it is a little more, for a charged layer has a drop of its own. The lower picture is the charge of
the first sheet in time: it takes the liquid picoseconds to charge the sheets.
"""

import json
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import polcouple
from polcouple.ipi.output import read_extras
from polcouple.units import BOHR_TO_ANGSTROM

STEPS, STEP_FS = 2000, 2.0
figure, (above, below) = plt.subplots(2, 1, figsize=(6.5, 6.0), layout="constrained")
for volts, colour in ((0, "#0072B2"), (2, "#D55E00")):
    name = f"at_{volts}V"
    subprocess.run(f"polcouple cases graphene_capacitor_small -o {name} > log", shell=True, check=True)
    system = Path(name, "system.yaml")
    system.write_text(system.read_text().replace("voltage_volt: 1.0", f"voltage_volt: {volts}.0"))
    run = f"polcouple run {name} --backend metal --input input_mts.xml --steps {STEPS} --stride 50 > log"
    frames = f"{name}/run_metal/simulation.positions_0.xyz"
    density = f"polcouple electron-density {name} {frames} --backend metal --grids -o {name}/density > log"
    subprocess.run(run, shell=True, check=True)
    subprocess.run(density, shell=True, check=True)

    profile = np.genfromtxt(f"{name}/density/profiles.csv", delimiter=",", names=True)
    above.plot(profile["z_angstrom"], profile["macroscopic_potential_volt"], color=colour, label=f"{volts} V")
    steps, charges = read_extras(Path(name, "run_metal", "simulation.electrode_charges_0"))
    below.plot(1e-3 * STEP_FS * steps, charges[:, 0], color=colour, label=f"{volts} V")
    drop = json.loads(Path(name, "density", "summary.json").read_text())["drop_volt"]["value"]
    late = charges[len(charges) // 2 :, 0].mean()
    print(
        f"{volts} V: potential drop {drop:.4f} V, charge of the first sheet in the second half {late:+.3f} e"
    )

case = polcouple.read_case("at_2V")
for electrode in case.electrodes:
    above.axvline(BOHR_TO_ANGSTROM * electrode.positions[:, 2].mean(), color="0.5", lw=4, alpha=0.4)
above.set(xlabel="z (Å)", ylabel="potential (V)", title="potential across the cell; grey: the sheets")
below.set(xlabel="time (ps)", ylabel="charge of the first sheet (e)")
for panel in (above, below):
    panel.legend(frameon=False)
figure.savefig("03_capacitor.png", dpi=110)
