"""Phonons of a sheet that moves

DFTB gives forces on the carbons, too, so that a sheet can move. Here ASE displaces the two atoms of
graphene's cell in a supercell of 5 x 5, and makes phonons of polcouple's forces. Three acoustic branches
start at zero; the lowest, ZA, is the sheet that ripples, and rises with the square of the wave vector.
Between the 25 wave vectors of the supercell the lines are interpolated (K is). The crosses are measured: by
the set mio-1-1 bonds are too stiff in the plane and too soft out of it (DFTB+ has the same numbers, see
docs/moving.md, where the same sheet moves under i-PI, too).
"""

import matplotlib.pyplot as plt
import numpy as np
from ase.build import graphene
from ase.phonons import Phonons
from ase.units import invcm

import polcouple

CELLS, KELVIN = 5, 3000.0
sheet = graphene("C2", a=2.471527, vacuum=10.0)
sheet.pbc = True
calculator = polcouple.DftbCalculator(
    polcouple.TotalCharge(0.0), temperature_kelvin=KELVIN, k_points=(3, 3, 1), accuracy=1e-8
)
phonons = Phonons(sheet, calculator, supercell=(CELLS, CELLS, 1), delta=0.003, center_refcell=True)
phonons.run()
phonons.read(acoustic=True)

path = sheet.cell.bandpath("GMKG", npoints=120, pbc=(True, True, False))
bands = phonons.band_structure(path.kpts, verbose=False) / invcm
ticks, where, labels = path.get_linear_kpoint_axis()
at_gamma = np.sort(bands[0])
print(f"at Gamma: ZO {at_gamma[3]:.0f} 1/cm (measured 868), E2g {at_gamma[5]:.0f} 1/cm (measured 1582)")

figure, axes = plt.subplots(figsize=(6.0, 4.2), layout="constrained")
axes.plot(ticks, bands, color="#0072B2", lw=1.5)
for measured in (868, 1582):
    axes.plot(0.0, measured, "x", color="#D55E00", ms=9, mew=2, clip_on=False)
    style = {"color": "#D55E00", "bbox": {"fc": "w", "ec": "none", "pad": 1.0}}
    axes.annotate(f"measured: {measured}", (0.0, measured), (9, -3), textcoords="offset points", **style)
axes.set_xticks(where, [{"G": "Γ"}.get(label, label) for label in labels])
for place in where:
    axes.axvline(place, color="0.8", lw=0.8, zorder=0)
axes.axhline(0.0, color="0.6", lw=0.8)
axes.set(xlim=(0.0, ticks[-1]), ylabel="wave number (1/cm)", title="phonons of graphene by DFTB")
figure.savefig("05_phonons.png", dpi=110)
