"""Three temperatures that change places

One i-PI moves three replicas of the small case at 300, 310 and 320 K, and one driver gives each the charges
of its own positions. Every 50 steps or so two of them may exchange their temperatures: above, each line is a
replica, which steps to another temperature where it does. They can because the potential energies at the
three temperatures overlap (below). A bias by PLUMED goes into i-PI's input in the same way, where PLUMED's
library is installed (examples/plumed).
"""

import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from polcouple.ipi.output import read_properties
from polcouple.units import HARTREE_TO_EV

TEMPERATURES, STEPS, COLOURS = (300, 310, 320), 1500, ("#0072B2", "#009E73", "#D55E00")
for command in (
    "polcouple cases graphene_nacl_small -o case",
    "polcouple cases replica_exchange",
    "python replica_exchange/replicas.py case --temperatures 300 310 320 --every 50",
    f"polcouple run case --input input_remd.xml --backend response --steps {STEPS} --output run",
):
    subprocess.run(f"{command} > log", shell=True, check=True)

# a row for each step with an exchange: the step, and the number of the temperature that each replica has now;
# i-PI's first step is 0, and its outputs are those of step 1
rows = np.loadtxt("run/simulation.exchanges", dtype=int, ndmin=2)
rows[:, 0] += 1
rows = np.vstack([[0, 0, 1, 2], rows])
print(f"{len(rows) - 1} exchanges in {STEPS} steps")

figure, (above, below) = plt.subplots(2, 1, figsize=(6.5, 5.2), layout="constrained", height_ratios=(2, 3))
energies = {temperature: [] for temperature in TEMPERATURES}
for number, first in enumerate(TEMPERATURES):
    own = np.append(rows[:, 1 + number], rows[-1, 1 + number])
    lines = np.take(TEMPERATURES, own) + 0.5 * (number - 1)
    style = {"where": "post", "color": COLOURS[number], "label": f"replica {number + 1}"}
    above.step(np.append(rows[:, 0], STEPS), lines, **style)
    columns = read_properties(Path(f"run/T{first}_simulation.out"))
    now = own[np.searchsorted(rows[:, 0], columns["step"], side="right") - 1]
    for place, temperature in enumerate(TEMPERATURES):
        energies[temperature].extend(HARTREE_TO_EV * columns["potential"][now == place])
lowest = min(map(min, energies.values()))
edges = np.linspace(0.0, max(map(max, energies.values())) - lowest, 25)
for (temperature, values), colour in zip(energies.items(), COLOURS, strict=True):
    above_lowest = np.array(values) - lowest
    below.hist(above_lowest, edges, histtype="step", color=colour, lw=1.6, label=f"{temperature} K")
    print(
        f"{temperature} K: {above_lowest.mean():.2f} eV above the lowest, spread {above_lowest.std():.2f} eV"
    )
above.set(xlabel="step", ylabel="temperature (K)", yticks=TEMPERATURES, ylim=(295, 328))
below.set(xlabel="potential energy above the lowest (eV)", ylabel="frames")
above.legend(frameon=False, ncols=3, fontsize="small", loc="upper center")
below.legend(frameon=False)
figure.savefig("10_replica_exchange.png", dpi=110)
