"""Force-field parameters that ship with the builder; a case holds its own copy in system.yaml.

Sources: SPC/Fw water, Wu, Tepper and Voth, J. Chem. Phys. 124, 024503 (2006); ions for SPC/E, Joung and
Cheatham, J. Phys. Chem. B 112, 9020 (2008); graphene carbon, Cornell et al., JACS 117, 5179 (1995).
Lennard-Jones cross terms by Lorentz-Berthelot.
"""

from __future__ import annotations

from typing import Any

#: flexible water; energy = k/2 (x - x0)^2
SPC_FW = {
    "bond_kcal_per_mol_angstrom2": 1059.162,
    "bond_length_angstrom": 1.012,
    "angle_kcal_per_mol_rad2": 75.90,
    "angle_degree": 113.24,
    "oxygen_charge_e": -0.82,
}

#: sigma in Angstrom, epsilon in kcal/mol
LENNARD_JONES = {
    "O": (3.165492, 0.1554253),
    "H": (0.0, 0.0),
    "C": (3.39967, 0.0860),
    "Li": (1.409401, 0.3367344),
    "Na": (2.1595, 0.3526418),
    "K": (2.838403, 0.4297054),
    "Cl": (4.8305, 0.0127850),
}

#: in e
ION_CHARGES = {"Li": 1.0, "Na": 1.0, "K": 1.0, "Cl": -1.0}


def default_force_field(
    ions: tuple[str, ...], cutoff_angstrom: float, z_walls: tuple[float, float]
) -> dict[str, Any]:
    """The ``force_field`` section of system.yaml for water, the named ions and a carbon electrode.

    ``z_walls`` are the heights in Angstrom below and above which oxygens and ions feel a harmonic wall.
    """
    species = ("C", "O", "H", *ions)
    return {
        "cutoff_angstrom": cutoff_angstrom,
        "switch_angstrom": cutoff_angstrom - 1.0,
        "ewald_tolerance": 5e-5,
        "water": dict(SPC_FW),
        "ion_charges_e": {ion: ION_CHARGES[ion] for ion in ions},
        "lennard_jones": {
            s: {"sigma_angstrom": LENNARD_JONES[s][0], "epsilon_kcal_per_mol": LENNARD_JONES[s][1]}
            for s in species
        },
        "walls": {
            "lower_angstrom": z_walls[0],
            "upper_angstrom": z_walls[1],
            "spring_kcal_per_mol_angstrom2": 10.0,
        },
    }
