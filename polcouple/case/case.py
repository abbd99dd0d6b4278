"""A case in memory: what its files say, and what follows from it for everything that computes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.case.force_field_schema import ForceField, LennardJones
from polcouple.case.given_system import GivenSystem
from polcouple.case.schema import GivenSystemSection, SystemSection
from polcouple.case.topology import Topology, topology_of_system, water_and_ions
from polcouple.case.virtual_sites import whole_parents
from polcouple.electrode import Electrode, Electrolyte
from polcouple.electrostatics.slab import SlabField
from polcouple.lattice.cell import reduced_cell
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE

#: what stands for a virtual site among chemical symbols
VIRTUAL_SITE = "X"


@dataclass(frozen=True, eq=False)
class Case:
    """A validated case.

    Attributes:
        directory: where it was read from.
        system: the content of system.yaml.
        symbols: chemical symbol of each of the N atoms, in the topology's order.
        positions: (N, 3) initial positions in bohr.
        cell: (3, 3) lattice vectors in bohr, one per row.
        given: the force field of a file, where the case has one.
    """

    directory: Path
    system: SystemSection | GivenSystemSection
    symbols: tuple[str, ...]
    positions: np.ndarray
    cell: np.ndarray
    given: GivenSystem | None = None

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def lattice(self) -> np.ndarray:
        """(3, 3) the same lattice as ``cell`` with the most upright vectors, for closest images; bohr."""
        return reduced_cell(self.cell)

    @cached_property
    def electrode_indices(self) -> np.ndarray:
        """Indices of the atoms of all electrodes, one electrode after the other."""
        return np.concatenate([section.indices for section in self.system.electrodes])

    @cached_property
    def mobile(self) -> bool:
        """Whether the electrode's atoms move; it is then the only one."""
        return any(section.mobile for section in self.system.electrodes)

    @cached_property
    def electrolyte_indices(self) -> np.ndarray:
        """Indices of all other atoms, ascending."""
        return np.setdiff1d(np.arange(len(self)), self.electrode_indices)

    @cached_property
    def ipi_indices(self) -> np.ndarray:
        """Indices of the atoms that i-PI has, in its order: all, or those of the liquid."""
        return self.electrolyte_indices if self.system.ipi_atoms == "liquid" else np.arange(len(self))

    @cached_property
    def _ipi_rows(self) -> slice | np.ndarray:
        """The same as a slice, where they follow one another."""
        own = self.ipi_indices
        first, last = int(own[0]), int(own[-1])
        return slice(first, last + 1) if last - first + 1 == len(own) else own

    def of_ipi(self, values: np.ndarray) -> np.ndarray:
        """Rows of ``values`` (N, ...) of the atoms that i-PI has, (n, ...)."""
        return values if self.system.ipi_atoms == "all" else values[self._ipi_rows]

    def whole(self, positions: np.ndarray) -> np.ndarray:
        """(N, 3) from ``positions`` (n, 3) of i-PI's atoms, in bohr; electrodes it lacks are put back."""
        if self.system.ipi_atoms == "all":
            return positions
        everything = self.positions.copy()
        everything[self._ipi_rows] = positions
        return everything

    @cached_property
    def topology(self) -> Topology:
        """Labels, charges, masses, molecules and virtual sites of all atoms."""
        if isinstance(self.system, SystemSection):
            return water_and_ions(self.system, self.symbols)
        assert self.given is not None
        return topology_of_system(self.system.topology, self.given, self.electrode_indices)

    @property
    def parameters(self) -> ForceField:
        """The force field of waters and ions, of a case that has none in a file."""
        assert isinstance(self.system, SystemSection)
        return self.system.force_field

    @cached_property
    def lennard_jones(self) -> tuple[LennardJones, ...]:
        """Parameters of each of the N atoms, of a case that has no force field in a file."""
        force_field = self.parameters
        electrode = {**force_field.lennard_jones, **force_field.electrode_lennard_jones}
        fixed = set(self.electrode_indices.tolist())
        return tuple(
            electrode[symbol] if atom in fixed else force_field.lennard_jones[symbol]
            for atom, symbol in enumerate(self.symbols)
        )

    @cached_property
    def charges(self) -> np.ndarray:
        """(N,) fixed charges in e; zero on the electrode."""
        return self.topology.charges

    @cached_property
    def water_oxygens(self) -> np.ndarray:
        """Index of the oxygen of each water; its hydrogens follow it."""
        starts, sizes = self._molecules()
        elements = np.array(self.symbols)
        starts = starts[sizes == 3]
        is_water = (elements[starts] == "O") & (elements[starts + 1] == "H") & (elements[starts + 2] == "H")
        return np.asarray(np.setdiff1d(starts[is_water], self.electrode_indices))

    @cached_property
    def ion_indices(self) -> np.ndarray:
        """Indices of the monatomic ions."""
        starts, sizes = self._molecules()
        alone = np.setdiff1d(starts[sizes == 1], self.electrode_indices)
        return np.asarray(alone[self.charges[alone] != 0.0])

    @cached_property
    def wall_atoms(self) -> np.ndarray:
        """Indices of the atoms that walls hold: all of the liquid but bound hydrogens."""
        heavy = [i for i in self.electrolyte_indices.tolist() if self.symbols[i] != "H"]
        return np.union1d(np.array(heavy, int), self.ion_indices)

    @cached_property
    def cutoff(self) -> float:
        """Of pairs in real space, in bohr; the longest where there are several."""
        if self.given is not None:
            return self.given.cutoff
        return self.parameters.cutoff_angstrom * ANGSTROM_TO_BOHR

    @property
    def constraints(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of atoms (c, 2) whose distances never change, and these distances (c,) in bohr."""
        return self.topology.constraints, self.topology.constraint_lengths

    @cached_property
    def electrode(self) -> Electrode:
        """The atoms of all electrodes at their initial positions."""
        return self._electrode(self.electrode_indices)

    @cached_property
    def electrodes(self) -> tuple[Electrode, ...]:
        """The electrodes one by one."""
        return tuple(self._electrode(section.indices) for section in self.system.electrodes)

    @cached_property
    def electrode_slices(self) -> tuple[slice, ...]:
        """Where each electrode's atoms are among those of all electrodes."""
        ends = np.cumsum([len(electrode) for electrode in self.electrodes])
        return tuple(slice(int(end) - len(e), int(end)) for end, e in zip(ends, self.electrodes, strict=True))

    @cached_property
    def slab_field(self) -> SlabField | None:
        """What the slab adds to the periodic sum, if the case is one."""
        slab = self.system.slab
        if slab is None:
            return None
        unit = EV_TO_HARTREE / ANGSTROM_TO_BOHR
        displacement, electric = slab.displacement_volt_per_angstrom, slab.field_volt_per_angstrom
        return SlabField(
            self.lattice,
            self.positions,
            None if displacement is None else displacement * unit,
            0.0 if electric is None else electric * unit,
        )

    def _electrode(self, indices: np.ndarray) -> Electrode:
        return Electrode(tuple(self.symbols[i] for i in indices), self.positions[indices], self.cell)

    @cached_property
    def electrolyte(self) -> Electrolyte:
        """All charges that move: the liquid's atoms, and its virtual sites after them."""
        indices, sites = self.electrolyte_indices, self.topology.sites
        return Electrolyte(
            tuple(self.symbols[i] for i in indices) + (VIRTUAL_SITE,) * len(sites),
            np.concatenate([self.charges[indices], sites.charges]),
            np.searchsorted(indices, self.ion_indices),
        )

    def electrolyte_positions(self, positions: np.ndarray) -> np.ndarray:
        """(m, 3) of all charges that move, when the atoms are at ``positions`` (N, 3); in bohr."""
        sites = self.topology.sites
        liquid = positions.take(self.electrolyte_indices, axis=0)
        if not len(sites):
            return liquid
        return np.concatenate([liquid, sites.positions(whole_parents(sites, positions, self.lattice))])

    def electrolyte_fingerprint(self) -> str:
        """SHA-256 of the charges that electrodes see, and of how their sites lie in the molecules."""
        digest, sites = hashlib.sha256(self.electrolyte.charges.tobytes()), self.topology.sites
        if len(sites):
            for array in (sites.parents, sites.weights, sites.cross, sites.places):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def backend_settings(self, backend: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Settings of a backend, ``given`` ones over those of system.yaml, not yet validated."""
        return dict(self.system.backends.get(backend, {})) | dict(given or {})

    @property
    def total_charge(self) -> float:
        """Charge of all electrodes together in e; where a Fermi level is held, what it starts from."""
        return float(sum(section.total_charge_e for section in self.system.electrodes))

    def _molecules(self) -> tuple[np.ndarray, np.ndarray]:
        """First atom of each molecule, and how many it has."""
        _, starts, sizes = np.unique(self.topology.molecules, return_index=True, return_counts=True)
        return starts, sizes
