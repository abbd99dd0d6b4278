"""Densities of the liquid's species against the distance from the sheet, and their first peaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase.formula import Formula

from polcouple.analysis.block_errors import Blocks, Estimate, estimate, of_counts
from polcouple.analysis.slab import Grid, Slab
from polcouple.case.model import Case
from polcouple.number_words import charge as charge_words
from polcouple.units import ANGSTROM_TO_BOHR

#: bins for water, which is many, and for ions, which are few
_WATER_BIN = 0.2 * ANGSTROM_TO_BOHR
_ION_BIN = 0.5 * ANGSTROM_TO_BOHR
#: a peak rises by this fraction of the bulk density and by as many errors
_PROMINENCE = 0.2
_PROMINENCE_ERRORS = 5.0
#: how far on either side of a peak its foot is looked for
_FOOT = 3.0 * ANGSTROM_TO_BOHR
#: bins on either side of the highest that belong to the top of a peak
_TOP = 2
#: beyond this distance a first peak is none
_FARTHEST_PEAK = 10.0 * ANGSTROM_TO_BOHR
#: how far apart the same peak may be in two runs
_SAME_PEAK = 1.0 * ANGSTROM_TO_BOHR
#: digits after the point that tell charges of molecules apart (e)
_CHARGE_DIGITS = 6
_HYDROGENS = "water H"
#: a molecule of less charge is no ion (e)
_NEUTRAL = 0.1


@dataclass(frozen=True, eq=False)
class Species:
    """A kind of atom of the liquid: its name, its atoms and its symbol."""

    name: str
    indices: np.ndarray
    is_ion: bool


def species_of(case: Case) -> list[Species]:
    """Water's oxygen and hydrogen, every kind of ion, and one atom of each other kind of molecule."""
    oxygens, ions = case.water_oxygens, case.ion_indices
    found = []
    if len(oxygens):
        found = [
            Species("water O", oxygens, False),
            Species(_HYDROGENS, np.sort(np.concatenate([oxygens + 1, oxygens + 2])), False),
        ]
    kinds: dict[tuple[str, float], list[int]] = {}
    for ion in ions.tolist():
        kinds.setdefault((case.symbols[ion], round(float(case.charges[ion]), 3)), []).append(ion)
    elements = [symbol for symbol, _ in kinds]
    for (symbol, charge), atoms in kinds.items():
        told = symbol + ("+" if charge > 0 else "-")
        if elements.count(symbol) > 1:
            told = f"{symbol} {charge_words(charge)}"
        found.append(Species(told, np.array(atoms), True))
    known = [*oxygens, *ions, *case.electrode_indices]
    return found + _of_molecules(case, np.setdiff1d(case.topology.molecules, case.topology.molecules[known]))


def _of_molecules(case: Case, molecules: np.ndarray) -> list[Species]:
    """Of molecules that are neither water nor single ions: the atom next to the middle of one.

    Molecules are of one kind where name, elements, labels and charges are the same: files often name all
    alike. Kinds that would have one name are numbered.
    """
    topology = case.topology
    first = np.searchsorted(topology.molecules, np.arange(len(topology.names) + 1))
    kinds: dict[tuple[Any, ...], list[int]] = {}
    for molecule in molecules.tolist():
        atoms = slice(first[molecule], first[molecule + 1])
        own_charges = tuple(case.charges[atoms].round(_CHARGE_DIGITS).tolist())
        kind = topology.names[molecule], case.symbols[atoms], topology.labels[atoms], own_charges
        kinds.setdefault(kind, []).append(molecule)
    named = [name for name, *_ in kinds]
    charges = np.bincount(topology.molecules, case.charges, minlength=len(topology.names))
    if len(topology.sites):
        owners = topology.molecules[topology.sites.parents[:, 0]]
        charges += np.bincount(owners, topology.sites.charges, minlength=len(charges))
    inverse = np.linalg.inv(case.lattice)
    found = []
    for (name, symbols, *_), members in kinds.items():
        starts = np.searchsorted(topology.molecules, members)
        own = np.flatnonzero(topology.molecules == members[0])
        places = case.positions[own] - case.positions[own[0]]
        places -= np.round(places @ inverse) @ case.lattice
        middle = int(np.linalg.norm(places - places.mean(axis=0), axis=1).argmin())
        charge = float(charges[members[0]])
        sign = "" if abs(charge) < _NEUTRAL else "+" if charge > 0 else "-"
        label = topology.labels[own[middle]]
        told = name if named.count(name) == 1 else f"{name} {Formula.from_list(list(symbols)):hill}"
        found.append(Species(f"{told}{sign} ({label})", starts + middle, bool(sign)))
    return _numbered(found)


def _numbered(species: list[Species]) -> list[Species]:
    """The same, those of one name with a number."""
    names = [one.name for one in species]
    return [
        replace(one, name=f"{one.name} {names[:i].count(one.name) + 1}") if names.count(one.name) > 1 else one
        for i, one in enumerate(species)
    ]


def main_species(species: Sequence[Species]) -> int:
    """Which one the liquid is of: the most molecules; the oxygens of water stand for it."""
    counts = [0 if one.name == _HYDROGENS else len(one.indices) for one in species]
    return counts.index(max(counts))


class DensityProfile:
    """Normalised density of one species; add positions frame by frame.

    The density is divided by its mean over the slab's bulk, within the same frames, so that the error of the
    bulk's density is part of the profile's.
    """

    def __init__(self, species: Species, slab: Slab) -> None:
        self.species = species
        self.slab = slab
        self.grid: Grid = slab.grid(_ION_BIN if species.is_ion else _WATER_BIN)
        self._counts = Blocks()
        centres = self.grid.centres
        self._in_bulk = (centres > slab.bulk[0]) & (centres < slab.bulk[1])

    def add(self, positions: np.ndarray) -> None:
        """Positions (N, 3) of all atoms in bohr."""
        self._counts.add(self.grid.histogram(self.slab.heights(positions[self.species.indices, 2])))

    def density(self) -> Estimate:
        """(number of bins,) density over the bulk's."""
        changed = np.isfinite(of_counts(estimate(self._counts)).error)
        found = estimate(self._counts, self._normalised)
        return replace(found, error=np.where(changed, found.error, np.nan))

    def number_density(self) -> Estimate:
        """(number of bins,) atoms of the species in a volume, bohr^-3."""
        volume = self.slab.area * self.grid.width
        return of_counts(estimate(self._counts, lambda mean: mean / volume))

    def bulk_density(self) -> Estimate:
        """Mean of the number density over the slab's bulk, bohr^-3."""
        volume = self.slab.area * self.grid.width
        return of_counts(estimate(self._counts, lambda mean: mean[self._in_bulk].mean() / volume))

    def peak(self, top: int) -> tuple[Estimate, Estimate]:
        """Height (over the bulk density) and position (bohr) of the peak whose top is near a bin.

        NaN where the species never was there.
        """
        density = self._normalised(self._counts.mean)
        reach = round(_SAME_PEAK / self.grid.width)
        highest = top
        # uphill, but not on to another peak
        while (
            abs(highest - top) < reach and max(density[highest - 1], density[highest + 1]) > density[highest]
        ):
            highest += 1 if density[highest + 1] > density[highest - 1] else -1
        if not density[highest] > 0:
            nothing = Estimate(np.array(np.nan), np.array(np.nan), 0, False)
            return nothing, nothing
        height = estimate(self._counts, lambda mean: self._top(self._normalised(mean), highest)[0])
        position = estimate(self._counts, lambda mean: self._top(self._normalised(mean), highest)[1])
        return of_counts(height), of_counts(position)

    def within(self, distance: float) -> Estimate:
        """Number of the species' atoms per area (bohr^-2) nearer to the sheet than ``distance`` (bohr).

        Of the bin that holds the distance the part below it counts.
        """
        shares = self.grid.shares_below(distance)
        return of_counts(estimate(self._counts, lambda mean: shares @ mean / self.slab.area))

    def _normalised(self, mean: np.ndarray) -> np.ndarray:
        bulk = mean[self._in_bulk].mean()
        return mean / bulk if bulk > 0 else np.full_like(mean, np.nan)

    def _top(self, density: np.ndarray, highest: int) -> tuple[float, float]:
        """Height and position of the Gaussian through the bins about the highest one."""
        about = slice(highest - _TOP, highest + _TOP + 1)
        offsets = np.arange(-_TOP, _TOP + 1)
        floor = 1e-3 * max(density[highest], 1e-9)
        # each bin counts as much as atoms were in it
        weights = np.sqrt(np.maximum(density[about], floor))
        a, b, c = np.polyfit(offsets, np.log(np.maximum(density[about], floor)), 2, w=weights)
        shift = float(np.clip(-0.5 * b / a, -_TOP, _TOP)) if a < 0 else 0.0
        position = self.grid.centres[highest] + shift * self.grid.width
        return float(np.exp(c + b * shift + a * shift**2)), float(position)


def first_peak(profiles: Sequence[DensityProfile]) -> int | None:
    """Bin of the first peak, away from the sheet, of the mean of several runs' profiles; None: no clear peak.

    The runs are taken together so that the same peak is looked at in all of them.
    """
    from scipy.signal import find_peaks

    results = [profile.density() for profile in profiles]
    density = np.nan_to_num(np.mean([result.value for result in results], axis=0))
    if not density.any():
        # nothing was in the bulk of one of the runs
        return None
    errors = np.sqrt(np.nansum([result.error**2 for result in results], axis=0)) / len(results)
    # a bin that a single atom visited has no honest error of its own
    errors = np.maximum(errors, np.sqrt(np.mean(errors[density > 0] ** 2)))
    grid = profiles[0].grid
    window = 2 * round(_FOOT / grid.width) + 1
    peaks, properties = find_peaks(density, prominence=_PROMINENCE, wlen=window)
    centres = grid.centres
    for peak, prominence in zip(peaks, properties["prominences"], strict=True):
        near = 0 < centres[peak] < _FARTHEST_PEAK
        if near and prominence > _PROMINENCE_ERRORS * errors[peak]:
            return int(peak)
    return None


def first_minimum(profiles: Sequence[DensityProfile], peak: int) -> float:
    """Height (bohr) of the lowest density in the 3 Angstrom beyond a peak: where the first layer ends."""
    density = np.mean([profile.density().value for profile in profiles], axis=0)
    grid = profiles[0].grid
    beyond = density[peak : peak + round(3.0 * ANGSTROM_TO_BOHR / grid.width)]
    return float(grid.centres[peak + int(np.argmin(beyond))])
