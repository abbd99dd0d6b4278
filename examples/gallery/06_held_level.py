"""A held Fermi level: electrons come and go

24 carbons and 8 waters, all of them moved by DFTB, at three potentials and at a fixed charge. Where the
charge is held the Fermi level follows the atoms (left, orange); where the level is held, as a potentiostat
does, it is a straight line and electrons come and go instead (blue). On the right their mean: the higher the
potential, the fewer electrons. Four tenths of a picosecond each are short: errors, from block averages, are
lower bounds.
"""

import subprocess

import matplotlib.pyplot as plt
import numpy as np

from polcouple.analysis.held_level import at_levels
from polcouple.data.moving import MovingDataset
from polcouple.units import HARTREE_TO_EV, KELVIN_TO_HARTREE

#: valence electrons of 24 C and 8 H2O
NEUTRAL = 24 * 4 + 8 * 8

subprocess.run("polcouple cases graphene_water_qm > log", shell=True, check=True)
sample = (
    "polcouple sample graphene_water_qm --backend dftb --potentials -1 0 1 --total-charges 0"
    " --frames 40 --every 0.01 -o data.h5 > log"
)
subprocess.run(sample, shell=True, check=True)

dataset = MovingDataset("data.h5")
frames, labels = dataset.frames(), dataset.labels()
figure, panels = plt.subplot_mosaic("ac;bc", figsize=(9.0, 4.2), layout="constrained")
upper, lower, right = (panels[name] for name in "abc")
for number, one in enumerate(dataset.sets()):
    if one.potential not in (None, 0.0):
        continue
    rows = np.flatnonzero(frames.trajectory[labels.frame] == number)
    rows = rows[np.argsort(frames.time[labels.frame[rows]])]
    time = frames.time[labels.frame[rows]]
    held, colour = ("charge held", "#D55E00") if one.potential is None else ("level held", "#0072B2")
    upper.plot(time, HARTREE_TO_EV * labels.fermi_level[rows], color=colour, label=held)
    lower.plot(time, labels.electrons[rows] - NEUTRAL, color=colour, label=held)
upper.set(ylabel="Fermi level (eV)")
lower.set(xlabel="time (ps)", ylabel="electrons\nmore than neutral")
upper.legend(frameon=False)

found = at_levels(dataset, 300.0 * KELVIN_TO_HARTREE)
volts = [one.potential for one in found]
means, errors = [one.electrons.value - NEUTRAL for one in found], [one.electrons.error for one in found]
right.errorbar(volts, means, errors, fmt="o-", color="k", capsize=3)
right.set(xlabel="potential (V)", ylabel="mean electrons more than neutral")
right.axhline(0.0, color="0.6", lw=0.8)
for one in found:
    print(
        f"{one.potential:+.1f} V, level {HARTREE_TO_EV * one.level:.3f} eV:"
        f" {one.electrons.value:.3f} +- {one.electrons.error:.3f} electrons, spread {one.spread.value:.3f}"
    )
figure.savefig("06_held_level.png", dpi=110)
