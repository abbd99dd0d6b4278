"""What system.yaml may hold: the sections of a case and their settings, validated one by one."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    model_serializer,
    model_validator,
)

from polcouple.settings import Settings, no_truth

#: name in a case of the file of the electrodes' atoms, where i-PI does not have them
ELECTRODE_FILE = "electrode.xyz"

_Positive = Annotated[float, Field(gt=0)]
_NotNegative = Annotated[float, Field(ge=0)]


class Water(Settings):
    """Three-site water: flexible with energy = k/2 (x - x0)^2, or ``model: rigid`` without constants k."""

    model: Literal["rigid"] | None = None
    bond_kcal_per_mol_angstrom2: _Positive | None = None
    bond_length_angstrom: _Positive
    angle_kcal_per_mol_rad2: _Positive | None = None
    angle_degree: Annotated[float, Field(gt=0, lt=180)]
    oxygen_charge_e: float

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

    sigma_angstrom: _NotNegative
    epsilon_kcal_per_mol: _NotNegative


class ElectrodeLennardJones(LennardJones):
    """Parameters of one element in the electrodes, and where they are from."""

    source: str = ""


class Walls(Settings):
    """Harmonic walls k/2 dz^2 for oxygens and ions below ``lower`` and above ``upper`` (z of the cell)."""

    lower_angstrom: float
    upper_angstrom: float
    spring_kcal_per_mol_angstrom2: _NotNegative

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

    cutoff_angstrom: _Positive
    switch_angstrom: _Positive | None = None
    ewald_tolerance: Annotated[float, Field(gt=0, lt=1e-2)]
    water: Water | None = None
    ion_charges_e: dict[str, Annotated[float, BeforeValidator(no_truth)]] = Field(default_factory=dict)
    lennard_jones: dict[str, LennardJones] = Field(default_factory=dict)
    electrode_lennard_jones: dict[str, ElectrodeLennardJones] = Field(default_factory=dict)
    walls: Walls | None = None

    @model_validator(mode="after")
    def _switch_below_cutoff(self) -> ForceField:
        if self.switch_angstrom is not None and self.switch_angstrom >= self.cutoff_angstrom:
            raise ValueError(
                f"switch_angstrom {self.switch_angstrom:g} must be below cutoff_angstrom"
                f" {self.cutoff_angstrom:g}"
            )
        return self


class Block(Settings):
    """Consecutive atoms of init.xyz: an electrode's, waters (O H H each) or ions (one atom each)."""

    species: str
    count: Annotated[int, Field(ge=0)]


class _Electrode(Settings):
    """``mobile``: i-PI moves its atoms, but for those that it is told to keep."""

    name: str
    total_charge_e: float
    mobile: StrictBool = False

    @model_serializer(mode="wrap")
    def _as_before(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without ``mobile`` where nothing moves, as the records of earlier versions have it."""
        content: dict[str, Any] = inner(self)
        if not self.mobile:
            del content["mobile"]
        return content

    @property
    def indices(self) -> np.ndarray:
        """(n,) of its atoms."""
        raise NotImplementedError


class ElectrodeSection(_Electrode):
    """One electrode: atoms ``first_atom`` to ``last_atom`` of init.xyz, both counted from 0.

    ``total_charge_e`` is its charge, or what it starts from where a potential is held.
    """

    first_atom: Annotated[int, Field(ge=0)]
    last_atom: Annotated[int, Field(ge=0)]

    @property
    def indices(self) -> np.ndarray:
        """(n,) of its atoms."""
        return np.arange(self.first_atom, self.last_atom + 1)


class GivenForceField(Settings):
    """Interactions as a file of OpenMM has them: cut-offs, switches and mixing rules are the file's.

    ``ewald_tolerance`` is the accuracy of the Coulomb interactions, whatever the file has. Terms between
    bonded atoms of an electrode are left out, or kept: a constant, unless the electrode moves.
    Walls act on all atoms of the liquid but hydrogens.
    """

    openmm_system: str
    ewald_tolerance: Annotated[float, Field(gt=0, lt=1e-2)]
    electrode_bonded: Literal["drop", "keep"] = "drop"
    walls: Walls | None = None


class Molecules(Settings):
    """Consecutive molecules of one kind: their atoms' elements, and names in the force field."""

    molecule: str
    count: Annotated[int, Field(ge=1)]
    elements: Annotated[list[str], Field(min_length=1)]
    labels: list[str]

    @model_validator(mode="after")
    def _as_many(self) -> Molecules:
        if len(self.labels) != len(self.elements):
            raise ValueError(
                f"{self.molecule} has {len(self.elements)} elements and {len(self.labels)} labels; give one"
                " of each for every atom"
            )
        return self


class ElectrodeAtoms(_Electrode):
    """One electrode anywhere in init.xyz: runs of atoms, [first, last] each, counted from 0."""

    atoms: Annotated[
        list[Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]],
        Field(min_length=1),
    ]

    @property
    def indices(self) -> np.ndarray:
        """(n,) of its atoms."""
        return np.concatenate([np.arange(first, last + 1) for first, last in self.atoms])


class Potential(Settings):
    """What is held in place of the electrodes' charges.

    Of two electrodes the difference of their potentials, first minus second: charge flows between them. Of
    one electrode its Fermi level: a uniform background takes what its charge misses to neutrality.
    """

    voltage_volt: float | None = None
    fermi_level_ev: float | None = None
    counter_charge: Literal["background"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Potential:
        if (self.voltage_volt is None) == (self.fermi_level_ev is None):
            raise ValueError("give voltage_volt (two electrodes) or fermi_level_ev (one)")
        if (self.fermi_level_ev is None) != (self.counter_charge is None):
            raise ValueError("fermi_level_ev, and nothing else, needs counter_charge: background")
        return self


class Slab(Settings):
    """A slab with vacuum along z, in a displacement field D or in an electric field E along z.

    With D the field of the slab's periodic images is taken away; D = 0 is the correction of I.-C. Yeh and
    M. L. Berkowitz, J. Chem. Phys. 111, 3155 (1999). With E the images' field stays.
    """

    displacement_volt_per_angstrom: float | None = None
    field_volt_per_angstrom: float | None = None

    @model_validator(mode="after")
    def _one_field(self) -> Slab:
        if (self.displacement_volt_per_angstrom is None) == (self.field_volt_per_angstrom is None):
            raise ValueError("give displacement_volt_per_angstrom or field_volt_per_angstrom")
        return self


class Refresh(Settings):
    """When the electrode charges are computed anew: every ``interval`` force evaluations of a replica."""

    interval: Annotated[int, Field(ge=1)] = 1


class _CaseSection(Settings):
    """What system.yaml has in every format.

    ``ipi_atoms: liquid``: i-PI has the liquid alone, and the electrodes' atoms stand in electrode.xyz.
    ``fast_backend``: of ``part: fast``, by name; its settings are those under ``backends``.
    """

    ipi_atoms: Literal["all", "liquid"] = "all"
    potential: Potential | None = None
    slab: Slab | None = None
    refresh: Refresh = Refresh()
    fast_backend: str | None = None
    backends: dict[str, dict[str, Any]] = Field(default_factory=dict)


class SystemSection(_CaseSection):
    """The whole of system.yaml for waters, ions and electrodes of known force fields."""

    format: Literal["polcouple-case-1"]
    topology: list[Block]
    force_field: ForceField
    electrodes: Annotated[list[ElectrodeSection], Field(min_length=1)]


class GivenSystemSection(_CaseSection):
    """The whole of system.yaml for a liquid whose force field is in a file of OpenMM."""

    format: Literal["polcouple-case-2"]
    topology: Annotated[list[Molecules], Field(min_length=1)]
    force_field: GivenForceField
    electrodes: Annotated[list[ElectrodeAtoms], Field(min_length=1)]


#: format -> what system.yaml holds
FORMATS: dict[str, type[SystemSection] | type[GivenSystemSection]] = {
    "polcouple-case-1": SystemSection,
    "polcouple-case-2": GivenSystemSection,
}
