"""A liquid whose force field goes into a file: molecules of files, and waters of four sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from polcouple.builder.gromacs_field import GromacsField
from polcouple.builder.layout import Layout
from polcouple.builder.molecule_files import OPENMM, field_files
from polcouple.builder.openmm_field import OpenMMField
from polcouple.builder.options import BuildOptions
from polcouple.builder.packing import WATER_DENSITY, Kind
from polcouple.case.case import Case
from polcouple.case.given_system import given_system
from polcouple.errors import InputError
from polcouple.importing.atoms import atoms_of
from polcouple.importing.source import PairOptions
from polcouple.importing.writing import ImportOptions, describe, write_system
from polcouple.units import DALTON_TO_ELECTRON_MASS

#: part of a liquid's volume that molecules fill with their van der Waals spheres: 0.53 to 0.65
_FILLED = 0.65
#: while charges and masses are looked for
_SOME_CELL = 100.0 * np.eye(3)


class GivenLiquid:
    """Water first, where there is any, then ions, then molecules of files."""

    def __init__(self, options: BuildOptions) -> None:
        water = options.water_model if options.n_water != 0 else None
        molecules, ions = options.molecules, tuple(options.ions)
        if molecules and ions and water is None:
            raise InputError(
                f"parameters of ions by name ({', '.join(ions)}) are for a water; where there is none, give"
                " the ions by --molecule, too"
            )
        self._field: GromacsField | OpenMMField
        if molecules and field_files(molecules)[0].suffix.lower() in OPENMM:
            if water is not None or ions:
                raise InputError(
                    "waters and ions by name do not go with OpenMM's .xml files; name one that has them,"
                    " such as --molecule amber14/spce.xml water.pdb 500, with --water 0"
                )
            self._field = OpenMMField(molecules)
        else:
            self._field = GromacsField(water, ions, molecules, options.hydrogen_mass)
        names = [] if water is None else ["water"]
        names += [*ions, *(molecule.structure.stem for molecule in molecules)]
        counts = [] if water is None else [options.n_water or 0]
        counts += [*options.ions.values(), *(molecule.count for molecule in molecules)]
        self.kinds = self._kinds(names, counts, known=len(names) - len(molecules))

    def _kinds(self, names: Sequence[str], counts: Sequence[int], known: int) -> list[Kind]:
        """One of each looked at; of the first ``known`` the volume in water is known."""
        source = self._field.source([1] * len(names), (), {}, _SOME_CELL, PairOptions())
        given = given_system(source.path, source.system)
        atoms = atoms_of(source, given)
        owners = np.concatenate([np.full(len(p), k) for k, p in enumerate(self._field.places)])
        if len(owners) != len(atoms.elements):
            raise InputError(
                f"{source.path}: describes {len(atoms.elements)} atoms in one molecule of each kind, the"
                f" structures hold {len(owners)}"
            )
        kinds: list[Kind] = []
        for k, (name, count) in enumerate(zip(names, counts, strict=True)):
            own = owners == k
            numbers = np.unique(atoms.molecules[own])
            if len(numbers) > 1:
                raise InputError(f"{name}: its atoms are {len(numbers)} molecules; give the structure of one")
            symbols = tuple(np.array(atoms.elements)[own].tolist())
            volume = 1.0 / WATER_DENSITY
            if k >= known:
                volume = _sphere_volume(symbols, self._field.places[k]) / _FILLED
            sites = own[given.sites.parents[:, 0]] if len(given.sites) else np.zeros(0, bool)
            kinds.append(
                Kind(
                    name,
                    symbols,
                    self._field.places[k],
                    count,
                    float(given.charges[own].sum() + given.sites.charges[sites].sum()),
                    float(given.masses[own].sum() / DALTON_TO_ELECTRON_MASS),
                    volume,
                )
            )
        return kinds

    def write(
        self, directory: Path, layout: Layout, kinds: Sequence[Kind], positions: np.ndarray
    ) -> tuple[Case, Sequence[float] | None]:
        """See :meth:`polcouple.builder.aqueous.Aqueous.write`."""
        pairs = PairOptions(layout.cutoff, layout.cutoff - 1.0)
        source = self._field.source(
            [kind.count for kind in kinds], layout.symbols, layout.parameters, layout.cell, pairs
        )
        is_site = [source.system.isVirtualSite(i) for i in range(len(source.positions))]
        placed = np.zeros_like(source.positions)
        placed[~np.array(is_site)] = positions
        system = describe(
            replace(source, positions=placed),
            ImportOptions(
                electrodes=tuple(f"index {first}:{last}" for first, last in layout.runs),
                total_charges=(layout.charge_of_each,) * len(layout.surfaces),
                voltage=layout.voltage,
                walls=layout.walls,
            ),
        )
        return write_system(directory, system), system.masses


def _sphere_volume(symbols: Sequence[str], places: np.ndarray) -> float:
    """Of the union of van der Waals spheres in cubic Angstrom, by points of a lattice."""
    from ase.data import atomic_numbers, vdw_radii

    radii = np.array([vdw_radii[atomic_numbers[symbol]] for symbol in symbols])
    radii = np.where(np.isfinite(radii), radii, 1.7)
    step = 0.25
    low, high = places.min(axis=0) - radii.max(), places.max(axis=0) + radii.max()
    axes = [np.arange(a, b + step, step) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.zeros(len(points), bool)
    for place, radius in zip(places, radii, strict=True):
        inside |= ((points - place) ** 2).sum(axis=1) < radius**2
    return float(inside.sum() * step**3)
