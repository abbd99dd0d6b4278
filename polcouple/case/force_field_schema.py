"""The sections of system.yaml that say how atoms interact, validated one by one.

The tables of docs/cases.md are made of the descriptions here (docs/case_keys.py).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from polcouple.settings import Settings, no_truth

_Positive = Annotated[float, Field(gt=0)]
_NotNegative = Annotated[float, Field(ge=0)]
_Tolerance = Annotated[
    float,
    Field(
        gt=0,
        lt=1e-2,
        description="relative error of the forces, see [forces](forces.md); for OpenMM's platforms as OpenMM"
        " defines it; as built 5e-5",
    ),
]


class Water(Settings):
    """Three-site water: flexible with energy = k/2 (x - x0)^2, or ``model: rigid`` without constants k."""

    model: Literal["rigid"] | None = Field(
        default=None,
        description="`rigid`: bonds and angle never change and have no *k*; left out, water is flexible",
    )
    bond_kcal_per_mol_angstrom2: _Positive | None = Field(
        default=None, description="*k* of E = k/2 (r - r0)^2, of flexible water; SPC/Fw 1059.162"
    )
    bond_length_angstrom: _Positive = Field(description="r0; SPC/Fw 1.012, SPC/E 1")
    angle_kcal_per_mol_rad2: _Positive | None = Field(
        default=None, description="*k* of E = k/2 (theta - theta0)^2, of flexible water; SPC/Fw 75.90"
    )
    angle_degree: Annotated[float, Field(gt=0, lt=180)] = Field(
        description="theta0; SPC/Fw 113.24, SPC/E 109.47"
    )
    oxygen_charge_e: float = Field(
        description="each hydrogen has minus half of it; SPC/Fw -0.82, SPC/E -0.8476"
    )

    @model_validator(mode="after")
    def _springs_or_none(self) -> Water:
        for name in ("bond_kcal_per_mol_angstrom2", "angle_kcal_per_mol_rad2"):
            if self.model == "rigid" and getattr(self, name) is not None:
                raise ValueError(f"rigid water has no {name}; leave it out")
            if self.model is None and getattr(self, name) is None:
                raise ValueError(f"flexible water needs {name}; give it, or write model: rigid")
        return self

    @property
    def springs(self) -> tuple[float, float] | None:
        """Of bonds in kcal/mol/Angstrom^2 and of the angle in kcal/mol/rad^2; None for rigid water."""
        bond, angle = self.bond_kcal_per_mol_angstrom2, self.angle_kcal_per_mol_rad2
        return None if bond is None or angle is None else (bond, angle)

    @property
    def sides_angstrom(self) -> tuple[float, float, float]:
        """Distances O-H, O-H and H-H."""
        bond = self.bond_length_angstrom
        return bond, bond, 2.0 * bond * math.sin(math.radians(0.5 * self.angle_degree))


class LennardJones(Settings):
    """Parameters of one element; Lorentz-Berthelot mixing."""

    sigma_angstrom: _NotNegative = Field(description="where the energy of a pair of this element is zero")
    epsilon_kcal_per_mol: _NotNegative = Field(description="depth of the well")


class ElectrodeLennardJones(LennardJones):
    """Parameters of one element in the electrodes, and where they are from."""

    source: str = Field(default="", description="where the parameters are from")


class Walls(Settings):
    """Harmonic walls k/2 dz^2 for oxygens and ions below ``lower`` and above ``upper`` (z of the cell)."""

    lower_angstrom: float = Field(description="height z below which the wall acts; as built 1")
    upper_angstrom: float = Field(description="height z above which it does; as built gap + 5")
    spring_kcal_per_mol_angstrom2: _NotNegative = Field(description="*k* of E = k/2 dz^2; as built 10")

    @model_validator(mode="after")
    def _ordered(self) -> Walls:
        if self.lower_angstrom >= self.upper_angstrom:
            raise ValueError(
                f"lower_angstrom {self.lower_angstrom} must be below upper_angstrom {self.upper_angstrom}"
            )
        return self


class ForceField(Settings):
    """Classical interactions; the electrode's own pairs carry no Lennard-Jones (they never move).

    An electrode's atoms take their parameters from ``electrode_lennard_jones``, and from ``lennard_jones``
    where it has no entry for their element. ``water`` is of a liquid that has any.

    Lennard-Jones energies go smoothly to zero between ``switch_angstrom`` and ``cutoff_angstrom``; without a
    switch they are truncated, and each pair that crosses the cut-off makes the energy jump.
    """

    cutoff_angstrom: _Positive = Field(
        description="of Lennard-Jones and of the real-space part of particle-mesh Ewald; as built 10, or half"
        " the cell's shortest side"
    )
    switch_angstrom: _Positive | None = Field(
        default=None,
        description="from here Lennard-Jones energies go smoothly to zero at the cut-off; without it they are"
        " truncated, and jump whenever a pair crosses it; as built cut-off - 1",
    )
    ewald_tolerance: _Tolerance
    water: Water | None = Field(default=None, description="of a liquid that has any")
    ion_charges_e: dict[str, Annotated[float, BeforeValidator(no_truth)]] = Field(
        default_factory=dict,
        description="charge of each ion by its symbol; as built alkali metals +1, halogens -1, Mg, Ca, Sr,"
        " Ba, Zn +2",
    )
    lennard_jones: dict[str, LennardJones] = Field(
        default_factory=dict,
        description="by element X; Lorentz-Berthelot mixing; none between atoms of the electrodes",
    )
    electrode_lennard_jones: dict[str, ElectrodeLennardJones] = Field(
        default_factory=dict,
        description="the same of an electrode's element X, in place of `lennard_jones`; as built from"
        " [tables](electrodes.md#lennard-jones-parameters)",
    )
    walls: Walls | None = Field(default=None, description="for oxygens and ions beyond two heights")

    @model_validator(mode="after")
    def _switch_below_cutoff(self) -> ForceField:
        if self.switch_angstrom is not None and self.switch_angstrom >= self.cutoff_angstrom:
            raise ValueError(
                f"switch_angstrom {self.switch_angstrom:g} must be below cutoff_angstrom"
                f" {self.cutoff_angstrom:g}"
            )
        return self


class GivenForceField(Settings):
    """Interactions as a file of OpenMM has them: cut-offs, switches and mixing rules are the file's.

    ``ewald_tolerance`` is the accuracy of the Coulomb interactions, whatever the file has. Terms between
    bonded atoms of an electrode are left out, or kept: a constant, unless the electrode moves.
    Walls act on all atoms of the liquid but hydrogens.
    """

    openmm_system: str = Field(description="file of the case that holds a serialised System of OpenMM")
    ewald_tolerance: _Tolerance
    electrode_bonded: Literal["drop", "keep"] = Field(
        default="drop", description="terms between bonded atoms of an electrode: left out, or kept"
    )
    walls: Walls | None = Field(
        default=None, description="for all atoms of the liquid but hydrogens, beyond two heights"
    )
