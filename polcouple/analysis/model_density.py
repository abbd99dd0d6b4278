"""The electrodes' mean density over frames by a density model, with dipoles across flat carbon sheets.

The model is linear in charges and dipoles are in fields, so that means of charges and of fields are all
that a mean density needs. Dipoles answer to the liquid, the other electrodes and the slab's field after the
charges are found: forces and charges know nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from polcouple.case.model import Case
from polcouple.electrostatics.sheet_dipoles import SheetDipoles
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.nn.density import graphene
from polcouple.nn.density.basis import DensityBasis
from polcouple.nn.density.files import DensityModel
from polcouple.nn.density.grid import density_planes
from polcouple.nn.density.model import density_at

#: what the model draws: more than neutral atoms have, what of it the liquid induces, and bonds and all
ModelQuantity = Literal["model_excess", "model_induced", "model_difference"]
#: fields are differences of potentials so far above and below an atom (bohr), so accurate (Hartree/e)
_STEP, _ACCURACY = 0.2, 1e-8
#: a sheet is flat to this (bohr)
_FLAT = 1e-3

#: functions on the electrodes' atoms and their coefficients
Parts = list[tuple[DensityBasis, np.ndarray]]


class ModelDensity:
    """Mean density of a case's electrodes in their place.

    Args:
        case: of the electrodes.
        model: of their atoms' density.

    Attributes:
        model: as given.
        polarised: whether dipoles across the sheets are in it.

    Raises:
        InputError: the model is of other elements, or of electrodes that move.
    """

    def __init__(self, case: Case, model: DensityModel) -> None:
        model.require_serves(case.electrode, mobile=False)
        self._case, self.model = case, model
        self.polarised = all(is_graphene_sheet(one.positions, one.symbols) for one in case.electrodes)
        self._fields = np.zeros(len(case.electrode))
        self._frames = 0
        if self.polarised:
            slab = 0.0 if case.slab_field is None else case.slab_field.curvature
            self._sheets = [
                SheetDipoles(one.positions, case.lattice, graphene.POLARISABILITY, graphene.WIDTH, slab)
                for one in case.electrodes
            ]
            up = np.array([0.0, 0.0, _STEP])
            self._beside = [
                [
                    SitePotential(one.positions + side * up, case.lattice, one.pbc, _ACCURACY)
                    for side in (1.0, -1.0)
                ]
                for one in case.electrodes
            ]

    def add(self, positions: np.ndarray, charges: np.ndarray) -> None:
        """One frame: positions (N, 3) of all atoms in bohr, charges (n,) of the electrodes in e."""
        if self.polarised:
            self._fields += self.fields(positions, charges)
        self._frames += 1

    def fields(self, positions: np.ndarray | None, charges: np.ndarray) -> np.ndarray:
        """(n,) field along z at each atom, of the liquid, if ``positions`` are given, and of the others."""
        case = self._case
        sources = np.empty((0, 3)) if positions is None else case.electrolyte_positions(positions)
        of_sources = np.empty(0) if positions is None else case.electrolyte.charges
        found = np.empty(len(charges))
        for own, (above, below) in zip(case.electrode_slices, self._beside, strict=True):
            others = np.delete(np.arange(len(charges)), np.arange(own.start, own.stop))
            places = np.concatenate([sources, case.electrode.positions[others]])
            at = np.concatenate([of_sources, charges[others]])
            found[own] = (below(places, at) - above(places, at)) / (2.0 * _STEP)
        if case.slab_field is not None:
            slab = case.slab_field
            dipole = float(of_sources @ slab.heights(sources))
            dipole += float(charges @ slab.heights(case.electrode.positions))
            found -= slab.gradient(dipole)
        return found

    def dipoles(self, fields: np.ndarray) -> np.ndarray:
        """(n,) dipoles along z in e bohr in ``fields`` (n,)."""
        return np.concatenate(
            [
                sheet.solve(fields[own])
                for sheet, own in zip(self._sheets, self._case.electrode_slices, strict=True)
            ]
        )

    def parts(
        self, name: ModelQuantity, charges: np.ndarray, bare: np.ndarray | None, fields: np.ndarray
    ) -> Parts:
        """What makes up a density.

        Args:
            charges: (n,) in e, ``bare`` those without the liquid, which ``model_induced`` needs.
            fields: (n,) along z at the atoms.
        """
        atoms, model = self._case.electrode, self.model
        if name == "model_induced":
            assert bare is not None
            charges = charges - bare
            if self.polarised:
                fields = fields - self.fields(None, bare)
        charged = model.charged.coefficients(atoms, charges)
        found: Parts = [(model.charged.design.basis, charged)]
        if name == "model_difference":
            found.append((model.neutral.design.basis, model.neutral.coefficients(atoms, charges)))
        if self.polarised:
            found.append((graphene.BASIS, graphene.coefficients(self.dipoles(fields))))
        return found

    def planes(
        self, name: ModelQuantity, charges: np.ndarray, bare: np.ndarray | None, shape: tuple[int, int, int]
    ) -> Iterator[np.ndarray]:
        """Blocks (b, n_y, n_z) of a mean in electrons per bohr^3, with mean charges; see :meth:`parts`."""
        parts = self.parts(name, charges, bare, self.mean_fields)
        return density_planes(parts, self._case.electrode.positions, self._case.cell, shape)

    @property
    def mean_fields(self) -> np.ndarray:
        """(n,) mean over the frames added."""
        return self._fields / max(1, self._frames)

    def at(self, parts: Parts, points: np.ndarray) -> np.ndarray:
        """(p,) density of ``parts`` in electrons per bohr^3 at ``points`` (p, 3) in bohr, not smoothed."""
        atoms = self._case.electrode
        return np.asarray(sum(density_at(basis, atoms, values, points) for basis, values in parts))


def is_graphene_sheet(positions: np.ndarray, symbols: tuple[str, ...]) -> bool:
    """Whether atoms are carbons in one plane across z."""
    return set(symbols) == {"C"} and float(np.ptp(positions[:, 2])) < _FLAT
