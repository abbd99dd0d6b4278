"""What system.yaml may hold: the sections of a case and their settings, validated one by one.

The tables of docs/cases.md are made of the descriptions here (docs/case_keys.py).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    model_serializer,
    model_validator,
)

from polcouple.case.force_field_schema import ForceField, GivenForceField
from polcouple.settings import Settings

#: name in a case of the file of the electrodes' atoms, where i-PI does not have them
ELECTRODE_FILE = "electrode.xyz"


class Block(Settings):
    """Consecutive atoms of init.xyz: an electrode's, waters (O H H each) or ions (one atom each)."""

    species: str = Field(
        description="`electrode`, `water` (O H H each), or an ion of `ion_charges_e` (one atom each)"
    )
    count: Annotated[int, Field(ge=0)] = Field(description="electrode atoms, molecules or ions")


class _Electrode(Settings):
    """``mobile``: i-PI moves its atoms, but for those that it is told to keep."""

    name: str = Field(description="for messages and names of files")
    total_charge_e: float = Field(
        description="charge of the electrode, or what it starts from where a potential is held; electrolyte"
        " and electrodes must be neutral together"
    )
    mobile: StrictBool = Field(
        default=False, description="i-PI moves its atoms, see [there](moving.md#under-i-pi)"
    )

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

    first_atom: Annotated[int, Field(ge=0)] = Field(description="of init.xyz, counted from 0")
    last_atom: Annotated[int, Field(ge=0)] = Field(
        description="the last one that belongs to it; the atoms of one `electrode` block"
    )

    @property
    def indices(self) -> np.ndarray:
        """(n,) of its atoms."""
        return np.arange(self.first_atom, self.last_atom + 1)


class Molecules(Settings):
    """Consecutive molecules of one kind: their atoms' elements, and names in the force field."""

    molecule: str = Field(description="name of the kind")
    count: Annotated[int, Field(ge=1)] = Field(description="molecules of it, one after the other")
    elements: Annotated[list[str], Field(min_length=1)] = Field(description="of one molecule's atoms")
    labels: list[str] = Field(description="the atoms' names in the force field, as many")

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
    ] = Field(description="runs of atoms of init.xyz, first and last of each, counted from 0")

    @property
    def indices(self) -> np.ndarray:
        """(n,) of its atoms."""
        return np.concatenate([np.arange(first, last + 1) for first, last in self.atoms])


class Potential(Settings):
    """What is held in place of the electrodes' charges.

    Of two electrodes the difference of their potentials, first minus second: charge flows between them. Of
    one electrode its Fermi level: a uniform background takes what its charge misses to neutrality.
    """

    voltage_volt: float | None = Field(
        default=None, description="of two electrodes: the first one's potential less the second one's"
    )
    fermi_level_ev: float | None = Field(
        default=None, description="of one electrode; in place of `voltage_volt`"
    )
    counter_charge: Literal["background"] | None = Field(
        default=None,
        description="with `fermi_level_ev`, and with nothing else: a uniform background takes what the"
        " electrode's charge misses to neutrality",
    )

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

    displacement_volt_per_angstrom: float | None = Field(
        default=None, description="displacement field D; 0 takes the field of the slab's periodic images away"
    )
    field_volt_per_angstrom: float | None = Field(
        default=None, description="electric field E, in place of D; the images' field stays"
    )

    @model_validator(mode="after")
    def _one_field(self) -> Slab:
        if (self.displacement_volt_per_angstrom is None) == (self.field_volt_per_angstrom is None):
            raise ValueError("give displacement_volt_per_angstrom or field_volt_per_angstrom")
        return self


class Refresh(Settings):
    """When the electrode charges are computed anew: every ``interval`` force evaluations of a replica."""

    interval: Annotated[int, Field(ge=1)] = Field(
        default=1,
        description="force evaluations of a replica between refreshes of its charges; 1 conserves energy",
    )


class _CaseSection(Settings):
    """What system.yaml has in every format.

    ``ipi_atoms: liquid``: i-PI has the liquid alone, and the electrodes' atoms stand in electrode.xyz.
    ``fast_backend``: of ``part: fast``, by name; its settings are those under ``backends``.
    """

    ipi_atoms: Literal["all", "liquid"] = Field(
        default="all", description="with `liquid` i-PI does not have the electrodes, see above"
    )
    potential: Potential | None = Field(
        default=None, description="held in place of the electrodes' charges ([potentials](potential.md))"
    )
    slab: Slab | None = Field(
        default=None, description="vacuum along z, in one of two fields along z ([potentials](potential.md))"
    )
    refresh: Refresh = Field(default=Refresh(), description="when charges are computed anew")
    fast_backend: str | None = Field(
        default=None,
        description="name of the backend of `part: fast`, see"
        " [multiple time stepping](moving.md#multiple-time-stepping)",
    )
    backends: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="settings of each backend by its name; `--set KEY=VALUE` on the command line goes before"
        " them",
    )


class SystemSection(_CaseSection):
    """The whole of system.yaml for waters, ions and electrodes of known force fields."""

    format: Literal["polcouple-case-1"] = Field(description="which keys the file has")
    topology: list[Block] = Field(description="blocks of atoms in the order of init.xyz")
    force_field: ForceField = Field(description="classical interactions")
    electrodes: Annotated[list[ElectrodeSection], Field(min_length=1)] = Field(
        description="in the order of the topology; with a voltage two"
    )


class GivenSystemSection(_CaseSection):
    """The whole of system.yaml for a liquid whose force field is in a file of OpenMM."""

    format: Literal["polcouple-case-2"] = Field(description="which keys the file has")
    topology: Annotated[list[Molecules], Field(min_length=1)] = Field(
        description="kinds of molecules in the order of init.xyz, electrodes among them"
    )
    force_field: GivenForceField = Field(description="classical interactions")
    electrodes: Annotated[list[ElectrodeAtoms], Field(min_length=1)] = Field(
        description="in the order of the topology; with a voltage two"
    )


#: format -> what system.yaml holds
FORMATS: dict[str, type[SystemSection] | type[GivenSystemSection]] = {
    "polcouple-case-1": SystemSection,
    "polcouple-case-2": GivenSystemSection,
}
