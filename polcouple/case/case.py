"""A case in memory: what its files say, and what follows from it for everything that computes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from polcouple.case.schema import SystemSection
from polcouple.electrode import Electrode, Electrolyte
from polcouple.electrostatics.slab import SlabField
from polcouple.lattice.cell import reduced_cell
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE


@dataclass(frozen=True, eq=False)
class Case:
    """A validated case.

    Attributes:
        directory: where it was read from.
        system: the content of system.yaml.
        symbols: chemical symbol of each of the N atoms, in i-PI's order.
        positions: (N, 3) initial positions in bohr.
        cell: (3, 3) lattice vectors in bohr, one per row.
    """

    directory: Path
    system: SystemSection
    symbols: tuple[str, ...]
    positions: np.ndarray
    cell: np.ndarray

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def lattice(self) -> np.ndarray:
        """(3, 3) the same lattice as ``cell`` with the most upright vectors, for closest images; bohr."""
        return reduced_cell(self.cell)

    @cached_property
    def electrode_indices(self) -> np.ndarray:
        """Indices of the atoms of all electrodes, one electrode after the other."""
        return np.concatenate([np.arange(s.first_atom, s.last_atom + 1) for s in self.system.electrodes])

    @cached_property
    def electrolyte_indices(self) -> np.ndarray:
        """Indices of all other atoms, ascending."""
        return np.setdiff1d(np.arange(len(self)), self.electrode_indices)

    @cached_property
    def water_oxygens(self) -> np.ndarray:
        """Index of the oxygen of each water; its hydrogens follow it."""
        return np.concatenate(
            [np.arange(start, stop, 3) for species, start, stop in self._blocks() if species == "water"]
            or [np.empty(0, int)]
        )

    @cached_property
    def ion_indices(self) -> np.ndarray:
        """Indices of the monatomic ions."""
        ions = self.system.force_field.ion_charges_e
        return np.concatenate(
            [np.arange(start, stop) for species, start, stop in self._blocks() if species in ions]
            or [np.empty(0, int)]
        )

    @cached_property
    def charges(self) -> np.ndarray:
        """(N,) fixed charges in e; zero on the electrode."""
        force_field = self.system.force_field
        charges = np.zeros(len(self))
        oxygen_charge = force_field.water.oxygen_charge_e
        charges[self.water_oxygens] = oxygen_charge
        for hydrogen in (1, 2):
            charges[self.water_oxygens + hydrogen] = -0.5 * oxygen_charge
        for index in self.ion_indices:
            charges[index] = force_field.ion_charges_e[self.symbols[index]]
        return charges

    @cached_property
    def electrode(self) -> Electrode:
        """The frozen atoms of all electrodes at their initial positions."""
        return self._electrode(self.electrode_indices)

    @cached_property
    def electrodes(self) -> tuple[Electrode, ...]:
        """The electrodes one by one."""
        return tuple(
            self._electrode(np.arange(s.first_atom, s.last_atom + 1)) for s in self.system.electrodes
        )

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
        """Everything that moves."""
        indices = self.electrolyte_indices
        return Electrolyte(
            tuple(self.symbols[i] for i in indices),
            self.charges[indices],
            np.searchsorted(indices, self.ion_indices),
        )

    @property
    def total_charge(self) -> float:
        """Charge of all electrodes together in e; where a Fermi level is held, what it starts from."""
        return float(sum(section.total_charge_e for section in self.system.electrodes))

    def _blocks(self) -> list[tuple[str, int, int]]:
        """(species, first atom, one past the last atom) of each topology block."""
        blocks, start = [], 0
        for block in self.system.topology:
            stop = start + block.count * (3 if block.species == "water" else 1)
            blocks.append((block.species, start, stop))
            start = stop
        return blocks
