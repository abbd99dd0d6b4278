"""Small cases to test engines and backends with, and their energies and forces from plain sums."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.builder.surfaces import graphene_sheet
from polcouple.case.force_field import ION_CHARGES, LENNARD_JONES, SPC_FW
from polcouple.case.force_field_schema import ElectrodeLennardJones
from polcouple.case.model import Case
from polcouple.case.schema import SystemSection
from polcouple.electrostatics.ewald import ewald_energy_forces, ewald_matrix
from polcouple.units import ANGSTROM_TO_BOHR, HARTREE_TO_KJ_PER_MOL, KCAL_TO_KJ

KCAL_TO_HARTREE = KCAL_TO_KJ / HARTREE_TO_KJ_PER_MOL


def random_case(
    rng: np.random.Generator,
    cell: Sequence[Sequence[float]] | np.ndarray,
    cutoff: float,
    tolerance: float = 5e-5,
    switch: bool = True,
    n_waters: int = 8,
    n_pairs: int = 3,
    n_electrode: int = 6,
) -> Case:
    """A neutral case in ``cell`` (rows, Angstrom); cut-off in Angstrom; no two molecules overlap."""
    cell = np.asarray(cell, float)
    centres = _apart(rng, cell, n_waters + 2 * n_pairs + n_electrode)
    liquid = _liquid(rng, centres[n_electrode:], n_waters)
    positions = np.concatenate([centres[:n_electrode], liquid])
    images = positions + rng.integers(-2, 3, positions.shape) @ cell
    return _case(images, cell, [n_electrode], n_waters, (n_pairs, n_pairs), cutoff, tolerance, switch)


def graphene_case(walls: dict[str, float] | None = None, **sections: Any) -> Case:
    """60 carbons of graphene with -1 e at z = 0, and 20 waters, 3 Na and 2 Cl above them, below 18 Angstrom.

    Args:
        walls: of the force field; the keys are those of system.yaml.
        sections: of system.yaml: ``potential``, ``slab``.
    """
    rng = np.random.default_rng(1)
    sheet, sides = graphene_sheet(5, 3)
    height = 26.0
    n_waters, ions = 20, (3, 2)
    centres = _apart(rng, np.diag([*sides, 12.0]), n_waters + sum(ions))
    centres[:, 2] += 4.0
    positions = np.concatenate([sheet, _liquid(rng, centres, n_waters)])
    cell = np.diag([*sides, height])
    charges = [-1.0]
    return _case(positions, cell, [len(sheet)], n_waters, ions, 6.0, 5e-5, True, charges, walls, **sections)


def _apart(rng: np.random.Generator, cell: np.ndarray, count: int) -> np.ndarray:
    """Random points (count, 3) in Angstrom, no two closer than two molecules may be."""
    centres: list[np.ndarray] = []
    while len(centres) < count:
        new = rng.random(3)
        apart = new - np.array(centres).reshape(-1, 3)
        distances = np.linalg.norm((apart - np.round(apart)) @ cell, axis=1)
        if (distances > 2.8).all():
            centres.append(new)
    return np.array(centres) @ cell


def _liquid(rng: np.random.Generator, centres: np.ndarray, n_waters: int) -> np.ndarray:
    """Positions of waters, turned at random, at the first centres, and of ions at the rest."""
    positions = []
    for centre in centres[:n_waters]:
        axes = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        positions += [centre, centre + axes[0], centre + 1.02 * (-0.35 * axes[0] + 0.93 * axes[1])]
    return np.array(positions + list(centres[n_waters:]))


def _case(
    positions: np.ndarray,
    cell: np.ndarray,
    electrodes: Sequence[int],
    n_waters: int,
    ions: tuple[int, int],
    cutoff: float,
    tolerance: float,
    switch: bool,
    charges: Sequence[float] | None = None,
    walls: dict[str, float] | None = None,
    **sections: Any,
) -> Case:
    """Electrodes of so many carbons, then waters, Na and Cl; lengths in Angstrom."""
    first = np.concatenate([[0], np.cumsum(electrodes)])
    named = zip(first, electrodes, charges or [0.0] * len(electrodes), strict=False)
    system = SystemSection.model_validate(
        {
            "format": "polcouple-case-1",
            "topology": [
                *({"species": "electrode", "count": count} for count in electrodes),
                {"species": "water", "count": n_waters},
                {"species": "Na", "count": ions[0]},
                {"species": "Cl", "count": ions[1]},
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
                "walls": walls,
            },
            "electrodes": [
                {
                    "name": f"electrode_{number}",
                    "first_atom": int(start),
                    "last_atom": int(start) + count - 1,
                    "total_charge_e": charge,
                }
                for number, (start, count, charge) in enumerate(named)
            ],
            **sections,
        }
    )
    symbols = ["C"] * sum(electrodes) + ["O", "H", "H"] * n_waters + ["Na"] * ions[0] + ["Cl"] * ions[1]
    return Case(Path(), system, tuple(symbols), positions * ANGSTROM_TO_BOHR, cell * ANGSTROM_TO_BOHR)


def derivative(energy: Callable[[float], float], step: float) -> float:
    """dE/dx at zero of ``energy(x)`` by differences over ``step`` (to its fourth power)."""
    near, far = ((energy(h) - energy(-h)) / (2.0 * h) for h in (step, 2.0 * step))
    return (4.0 * near - far) / 3.0


def with_tolerance(case: Case, tolerance: float) -> Case:
    """The same case at another accuracy of the forces."""
    force_field = case.parameters.model_copy(update={"ewald_tolerance": tolerance})
    return dataclasses.replace(case, system=case.system.model_copy(update={"force_field": force_field}))


def mobile(case: Case) -> Case:
    """The same case with an electrode that moves."""
    sections = [section.model_copy(update={"mobile": True}) for section in case.system.electrodes]
    return dataclasses.replace(case, system=case.system.model_copy(update={"electrodes": sections}))


def liquid_alone(case: Case) -> Case:
    """The case without what ``part: electrode`` gives: charges are left at zero."""
    force_field = case.parameters
    none = ElectrodeLennardJones(sigma_angstrom=0.0, epsilon_kcal_per_mol=0.0)
    lj = dict.fromkeys(case.electrode.symbols, none)
    force_field = force_field.model_copy(update={"electrode_lennard_jones": lj, "walls": None})
    system = case.system.model_copy(update={"force_field": force_field, "slab": None})
    return dataclasses.replace(case, system=system)


def reference_nonbonded(case: Case, electrode_charges: np.ndarray) -> tuple[float, np.ndarray]:
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
    force_field = case.parameters
    lj = case.lennard_jones
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
    if case.mobile:
        forces[case.electrode_indices] -= ewald_energy_forces(
            case.electrode.positions, electrode_charges, case.cell
        )[1]
    else:
        forces[case.electrode_indices] = 0.0
    return energy, forces


def reference_bonded(case: Case) -> tuple[float, np.ndarray]:
    """Energy in Hartree and forces inside flexible water, from the formulas of harmonic bonds and angles."""
    water = case.parameters.water
    assert water is not None
    bond, bend = water.springs or (0.0, 0.0)
    k_bond, k_angle = bond * KCAL_TO_HARTREE / ANGSTROM_TO_BOHR**2, bend * KCAL_TO_HARTREE
    length, angle = water.bond_length_angstrom * ANGSTROM_TO_BOHR, np.deg2rad(water.angle_degree)
    energy, forces = 0.0, np.zeros((len(case), 3))
    for oxygen in case.water_oxygens:
        arms = case.positions[oxygen + 1 : oxygen + 3] - case.positions[oxygen]
        arms = arms - np.round(arms @ np.linalg.inv(case.cell)) @ case.cell
        lengths = np.linalg.norm(arms, axis=1)
        units = arms / lengths[:, None]
        cosine = float(units[0] @ units[1])
        found = np.arccos(cosine)
        energy += 0.5 * k_bond * float(((lengths - length) ** 2).sum()) + 0.5 * k_angle * (found - angle) ** 2
        pulls = -k_bond * (lengths - length)[:, None] * units
        # d(angle)/d(arm) = -(other - cosine own) / (length sin(angle))
        pulls += (
            k_angle * (found - angle) * (units[::-1] - cosine * units) / (lengths[:, None] * np.sin(found))
        )
        forces[oxygen + 1 : oxygen + 3] += pulls
        forces[oxygen] -= pulls.sum(axis=0)
    return energy, forces
