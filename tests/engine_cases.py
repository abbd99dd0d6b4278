"""Cases made at random for the engines: any cell, waters, ions and electrode atoms anywhere."""

import dataclasses
from pathlib import Path

import numpy as np

from polcouple.case.force_field import ION_CHARGES, LENNARD_JONES, SPC_FW
from polcouple.case.model import Case
from polcouple.case.schema import SystemSection
from polcouple.electrostatics.ewald import ewald_energy_forces, ewald_matrix
from polcouple.units import ANGSTROM_TO_BOHR, HARTREE_TO_KJ_PER_MOL, KCAL_TO_KJ

KCAL_TO_HARTREE = KCAL_TO_KJ / HARTREE_TO_KJ_PER_MOL


def random_case(rng, cell, cutoff, tolerance=5e-5, switch=True, n_waters=8, n_pairs=3, n_electrode=6):
    """A neutral case in ``cell`` (rows, Angstrom); cut-off in Angstrom; no two molecules overlap."""
    cell = np.asarray(cell, float)
    centres = []
    while len(centres) < n_waters + 2 * n_pairs + n_electrode:
        new = rng.random(3)
        apart = new - np.array(centres).reshape(-1, 3)
        distances = np.linalg.norm((apart - np.round(apart)) @ cell, axis=1)
        if (distances > 2.8).all():
            centres.append(new)
    centres = np.array(centres) @ cell
    symbols, positions = ["C"] * n_electrode, list(centres[:n_electrode])
    for centre in centres[n_electrode : n_electrode + n_waters]:
        axes = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        symbols += ["O", "H", "H"]
        positions += [centre, centre + axes[0], centre + 1.02 * (-0.35 * axes[0] + 0.93 * axes[1])]
    ions = ["Na"] * n_pairs + ["Cl"] * n_pairs
    symbols += ions
    positions += list(centres[n_electrode + n_waters :])
    images = np.array(positions) + rng.integers(-2, 3, (len(positions), 3)) @ cell
    system = SystemSection.model_validate(
        {
            "format": "polcouple-case-1",
            "topology": [
                {"species": "electrode", "count": n_electrode},
                {"species": "water", "count": n_waters},
                {"species": "Na", "count": n_pairs},
                {"species": "Cl", "count": n_pairs},
            ],
            "force_field": {
                "cutoff_angstrom": cutoff,
                "switch_angstrom": cutoff - 1.0 if switch else None,
                "ewald_tolerance": tolerance,
                "water": SPC_FW,
                "ion_charges_e": {"Na": ION_CHARGES["Na"], "Cl": ION_CHARGES["Cl"]},
                "lennard_jones": {
                    s: {"sigma_angstrom": LENNARD_JONES[s][0], "epsilon_kcal_per_mol": LENNARD_JONES[s][1]}
                    for s in ("C", "O", "H", "Na", "Cl")
                },
            },
            "electrodes": [
                {"name": "e", "first_atom": 0, "last_atom": n_electrode - 1, "total_charge_e": 0.0}
            ],
        }
    )
    return Case(Path(), system, tuple(symbols), images * ANGSTROM_TO_BOHR, cell * ANGSTROM_TO_BOHR)


def with_tolerance(case, tolerance):
    """The same case at another accuracy of the forces."""
    force_field = case.system.force_field.model_copy(update={"ewald_tolerance": tolerance})
    return dataclasses.replace(case, system=case.system.model_copy(update={"force_field": force_field}))


def liquid_alone(case):
    """The case without what ``part: electrode`` gives: charges are left at zero."""
    force_field = case.system.force_field
    lj = dict(force_field.lennard_jones)
    for symbol in set(case.electrode.symbols):
        lj[symbol] = lj[symbol].model_copy(update={"epsilon_kcal_per_mol": 0.0})
    force_field = force_field.model_copy(update={"lennard_jones": lj, "walls": None})
    system = case.system.model_copy(update={"force_field": force_field, "slab": None})
    return dataclasses.replace(case, system=system)


def reference_nonbonded(case, electrode_charges):
    """Energy in Hartree and forces: plain Ewald sum, Lennard-Jones over all images, none in molecules.

    Independent of every engine: sums over images instead of closest images.
    """
    charges = case.charges.copy()
    charges[case.electrode_indices] = electrode_charges
    energy, forces = ewald_energy_forces(case.positions, charges, case.cell)
    own = ewald_matrix(case.electrode.positions, case.cell)
    energy -= 0.5 * electrode_charges @ own @ electrode_charges
    molecule = np.arange(len(case))
    for oxygen in case.water_oxygens:
        molecule[oxygen : oxygen + 3] = oxygen
    frozen = np.zeros(len(case), bool)
    frozen[case.electrode_indices] = True
    force_field = case.system.force_field
    lj = [force_field.lennard_jones[s] for s in case.symbols]
    sigma = np.array([one.sigma_angstrom for one in lj]) * ANGSTROM_TO_BOHR
    epsilon = np.array([one.epsilon_kcal_per_mol for one in lj]) * KCAL_TO_HARTREE
    cutoff = force_field.cutoff_angstrom * ANGSTROM_TO_BOHR
    switch = (force_field.switch_angstrom or force_field.cutoff_angstrom) * ANGSTROM_TO_BOHR
    inverse = np.linalg.inv(case.cell)
    shifts = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ case.cell
    for i in range(len(case)):
        for j in range(i + 1, len(case)):
            separation = (case.positions[j] - case.positions[i]) @ inverse
            separation = (separation - np.round(separation)) @ case.cell
            images = separation + shifts
            distances = np.linalg.norm(images, axis=1)
            if molecule[i] == molecule[j]:
                k = distances.argmin()
                d, r = images[k], distances[k]
                energy -= charges[i] * charges[j] / r
                pull = -charges[i] * charges[j] * d / r**3
                forces[j] += pull
                forces[i] -= pull
                continue
            if frozen[i] and frozen[j]:
                continue
            for d, r in zip(images, distances, strict=True):
                if r >= cutoff:
                    continue
                e, s6 = np.sqrt(epsilon[i] * epsilon[j]), (0.5 * (sigma[i] + sigma[j]) / r) ** 6
                x = np.clip((r - switch) / (cutoff - switch), 0, 1) if switch < cutoff else 0.0
                smooth = 1 - 6 * x**5 + 15 * x**4 - 10 * x**3
                slope = (-30 * x**4 + 60 * x**3 - 30 * x**2) / (cutoff - switch) if switch < cutoff else 0.0
                energy += 4 * e * (s6**2 - s6) * smooth
                strength = 24 * e * (2 * s6**2 - s6) / r * smooth - 4 * e * (s6**2 - s6) * slope
                forces[j] += strength * d / r
                forces[i] -= strength * d / r
    forces[case.electrode_indices] = 0.0
    return energy, forces
