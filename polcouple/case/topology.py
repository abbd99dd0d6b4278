"""What the coupling needs to know of a liquid and its electrodes, whatever its force field is from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.case.given_system import GivenSystem
from polcouple.case.schema import Molecules, SystemSection
from polcouple.case.virtual_sites import VirtualSites, no_sites
from polcouple.units import ANGSTROM_TO_BOHR


@dataclass(frozen=True, eq=False)
class Topology:
    """The N atoms in i-PI's order, and what belongs to them.

    Attributes:
        labels: name of each atom in its force field, such as HW1; the element is another thing.
        charges: (N,) in e; zero on the electrodes, whose charges the backends give.
        masses: (N,) in electron masses.
        molecules: (N,) number of the molecule that each atom belongs to, ascending.
        names: name of each molecule.
        bonds: (b, 2) atoms at a distance that the force field keeps, or of water that is rigid.
        bond_lengths: (b,) that distance in bohr.
        constraints: (c, 2) atoms at a distance that nothing but the integrator keeps.
        constraint_lengths: (c,) that distance in bohr.
        sites: charges between atoms that i-PI knows nothing of.
    """

    labels: tuple[str, ...]
    charges: np.ndarray
    masses: np.ndarray
    molecules: np.ndarray
    names: tuple[str, ...]
    bonds: np.ndarray
    bond_lengths: np.ndarray
    constraints: np.ndarray
    constraint_lengths: np.ndarray
    sites: VirtualSites

    @property
    def flexible(self) -> np.ndarray:
        """(N,) whether springs alone hold an atom in its molecule: it has neighbours and no constraint."""
        flexible: np.ndarray = np.bincount(self.molecules)[self.molecules] > 1
        flexible[self.constraints.ravel()] = False
        return flexible


def blocks(system: SystemSection) -> list[tuple[str, int, int]]:
    """(species, first atom, one past the last atom) of each topology block."""
    found, start = [], 0
    for block in system.topology:
        stop = start + block.count * (3 if block.species == "water" else 1)
        found.append((block.species, start, stop))
        start = stop
    return found


def water_and_ions(system: SystemSection, symbols: tuple[str, ...]) -> Topology:
    """Of waters (O H H each), monatomic ions and electrodes, whose atoms are molecules of their own."""
    from ipi.utils.units import Elements

    force_field = system.force_field
    charges = np.zeros(len(symbols))
    starts, names = [], []
    for species, start, stop in blocks(system):
        size = 3 if species == "water" else 1
        starts.append(np.arange(start, stop, size))
        names += ["HOH" if species == "water" else species] * len(starts[-1])
        if species == "water":
            assert force_field.water is not None
            oxygen = force_field.water.oxygen_charge_e
            charges[start:stop] = np.tile([oxygen, -0.5 * oxygen, -0.5 * oxygen], (stop - start) // 3)
        elif species in force_field.ion_charges_e:
            charges[start:stop] = force_field.ion_charges_e[species]
    heads = np.concatenate([*starts, np.empty(0, int)])
    molecules = np.zeros(len(symbols), int)
    molecules[heads[1:]] = 1
    waters = heads[np.array([name == "HOH" for name in names], bool)]
    sides = np.array([[0, 1], [0, 2], [1, 2]])
    water = force_field.water
    lengths = np.zeros(3) if water is None else np.array(water.sides_angstrom) * ANGSTROM_TO_BOHR
    kept = len(waters) if water is None or water.springs is None else 0
    masses = {symbol: Elements.mass(symbol) for symbol in set(symbols)}
    return Topology(
        symbols,
        charges,
        np.array([masses[symbol] for symbol in symbols]),
        np.cumsum(molecules),
        tuple(names),
        (waters[:, None, None] + sides[:2]).reshape(-1, 2),
        np.tile(lengths[:2], len(waters)),
        (waters[:kept, None, None] + sides).reshape(-1, 2),
        np.tile(lengths, kept),
        no_sites(),
    )


def topology_of_system(kinds: Sequence[Molecules], given: GivenSystem, electrode: np.ndarray) -> Topology:
    """Of a force field in a file; ``kinds`` are its molecules in the order of its atoms."""
    charges = given.charges.copy()
    charges[electrode] = 0.0
    fixed = np.zeros(len(charges), bool)
    fixed[electrode] = True
    bonded = ~fixed[given.bonds].all(axis=1)
    constrained = ~fixed[given.constraints].all(axis=1)
    sizes = [len(kind.labels) for kind in kinds for _ in range(kind.count)]
    return Topology(
        tuple(label for kind in kinds for _ in range(kind.count) for label in kind.labels),
        charges,
        given.masses,
        np.repeat(np.arange(len(sizes)), sizes),
        tuple(kind.molecule for kind in kinds for _ in range(kind.count)),
        given.bonds[bonded],
        given.bond_lengths[bonded],
        given.constraints[constrained],
        given.constraint_lengths[constrained],
        given.sites,
    )
