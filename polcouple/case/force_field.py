"""Force-field parameters that ship with the builder; a case holds its own copy in system.yaml.

Sources: SPC/Fw water, Wu, Tepper and Voth, J. Chem. Phys. 124, 024503 (2006); SPC/E, Berendsen, Grigera and
Straatsma, J. Phys. Chem. 91, 6269 (1987); TIP3P, Jorgensen et al., J. Chem. Phys. 79, 926 (1983), as Amber
has it; ions, :mod:`polcouple.case.ions`, those for SPC/E with SPC/Fw, too; graphene carbon, Cornell et al.,
JACS 117, 5179 (1995). Cross terms by Lorentz-Berthelot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polcouple.case.ions import ION_CHARGES, IONS

#: flexible water; energy = k/2 (x - x0)^2
SPC_FW = {
    "bond_kcal_per_mol_angstrom2": 1059.162,
    "bond_length_angstrom": 1.012,
    "angle_kcal_per_mol_rad2": 75.90,
    "angle_degree": 113.24,
    "oxygen_charge_e": -0.82,
}

_SPC_E = {
    "model": "rigid",
    "bond_length_angstrom": 1.0,
    "angle_degree": 109.47122063449069,
    "oxygen_charge_e": -0.8476,
}

_TIP3P = {
    "model": "rigid",
    "bond_length_angstrom": 0.9572,
    "angle_degree": 104.52,
    "oxygen_charge_e": -0.834,
}

#: sigma in Angstrom, epsilon in kcal/mol; of SPC/Fw
LENNARD_JONES = {
    "O": (3.165492, 0.1554253),
    "H": (0.0, 0.0),
    "C": (3.39967, 0.0860),
    **IONS["spc_e"],
}


@dataclass(frozen=True)
class WaterModel:
    """The ``water`` section of system.yaml, and the Lennard-Jones parameters that go with it."""

    water: dict[str, Any]
    lennard_jones: dict[str, tuple[float, float]]

    @property
    def is_rigid(self) -> bool:
        """Whether i-PI must keep the molecules' shapes."""
        return self.water.get("model") == "rigid"

    @property
    def shape(self) -> tuple[float, float]:
        """Bond length in Angstrom and angle in degrees."""
        return self.water["bond_length_angstrom"], self.water["angle_degree"]


#: by the names that the builder knows
WATER_MODELS = {
    "spc_fw": WaterModel(SPC_FW, LENNARD_JONES),
    "spc_e": WaterModel(_SPC_E, LENNARD_JONES | {"O": (3.16557, 0.1554)}),
    "tip3p": WaterModel(_TIP3P, LENNARD_JONES | {"O": (3.150752, 0.1520)} | IONS["tip3p"]),
}


def default_force_field(
    ions: tuple[str, ...],
    cutoff_angstrom: float,
    z_walls: tuple[float, float],
    model: WaterModel = WATER_MODELS["spc_fw"],
    electrode: Mapping[str, tuple[float, float, str]] | None = None,
) -> dict[str, Any]:
    """The ``force_field`` section of system.yaml for a water, the named ions and an electrode.

    ``electrode`` has sigma in Angstrom, epsilon in kcal/mol and the source of each of its elements; None is
    carbon alone. ``z_walls`` are the heights in Angstrom below and above which oxygens and ions feel a
    harmonic wall.
    """
    carbon = LENNARD_JONES["C"]
    only_carbon = electrode is None or [(s, p[:2]) for s, p in electrode.items()] == [("C", carbon)]
    species = ("C", "O", "H", *ions) if only_carbon else ("O", "H", *ions)
    section: dict[str, Any] = {
        "cutoff_angstrom": cutoff_angstrom,
        "switch_angstrom": cutoff_angstrom - 1.0,
        "ewald_tolerance": 5e-5,
        "water": dict(model.water),
        "ion_charges_e": {ion: ION_CHARGES[ion] for ion in ions},
        "lennard_jones": {
            s: {
                "sigma_angstrom": model.lennard_jones[s][0],
                "epsilon_kcal_per_mol": model.lennard_jones[s][1],
            }
            for s in species
        },
        "electrode_lennard_jones": {
            s: {"sigma_angstrom": sigma, "epsilon_kcal_per_mol": epsilon, "source": source}
            for s, (sigma, epsilon, source) in (electrode or {}).items()
        },
        "walls": walls_section(z_walls),
    }
    if only_carbon:  # as cases of graphene have it
        del section["electrode_lennard_jones"]
    return section


def walls_section(heights: tuple[float, float]) -> dict[str, float]:
    """The ``walls`` section of system.yaml for heights in Angstrom."""
    return {
        "lower_angstrom": heights[0],
        "upper_angstrom": heights[1],
        "spring_kcal_per_mol_angstrom2": 10.0,
    }
