"""A reference state of the electrode: the basis, the Jacobian and the short cuts of calculations near it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.dftb.blocks import Block
from polcouple.dftb.cache import read_arrays, write_arrays
from polcouple.dftb.filling import Filling, fermi_filling
from polcouple.dftb.gapped import Expansion, GappedBlock
from polcouple.dftb.newton import StateResponse
from polcouple.dftb.patches import Patches, find_patches
from polcouple.dftb.preparation import Prepared, Repeats
from polcouple.dftb.response import bare_response, pair_response, pair_response_columns
from polcouple.lattice.matrix import fill_block_circulant

#: a block is treated without diagonalisation if it has so many orbitals and so wide a gap (Hartree)
_WORTHWHILE, _WIDE_GAP = 150, 0.2
#: distance from the Fermi level (k_B T) at which a level is certainly filled or empty: 1 - f < 1e-13
_CERTAIN = 30.0
#: by how much a liquid's potentials may move the levels of a block that is treated so (Hartree)
_MOVED = 0.012


@dataclass(frozen=True, eq=False)
class Output:
    """What one evaluation at a potential V gives.

    Attributes:
        populations: (n_sites,) electrons minus those of the neutral atoms.
        band_free_energy: sum of f e minus T S in Hartree.
        fermi_level: in Hartree.
        entropy_energy: T S in Hartree.
        expansions: of the gapped blocks, for the next evaluation nearby.
        response: of the populations to changes of V.
    """

    populations: np.ndarray
    band_free_energy: float
    fermi_level: float
    entropy_energy: float
    expansions: tuple[Expansion, ...]
    response: StateResponse


@dataclass(frozen=True, eq=False)
class _ChargeResponse:
    """chi of all blocks together and of each gapped block, at fixed Fermi level, 1/Hartree."""

    total: np.ndarray
    gapped_blocks: list[int]
    gapped: list[np.ndarray]


class Anchor:
    """Non-interacting electrons in any potential, in the eigenbasis of a reference potential.

    Args:
        prepared: the electrode.
        potential: (n_sites,) reference potential energy of an electron in Hartree.
        electrons: number of electrons at the reference.
        temperature: k_B T in Hartree.
        cached: file with the response of this reference, written by :meth:`store`, or None.

    Attributes:
        bare: response of non-interacting electrons at the reference.
        newton: (n_sites, n_sites) inverse of 1 - chi gamma.
        reference: output at the reference potential.
    """

    def __init__(
        self,
        prepared: Prepared,
        potential: np.ndarray,
        electrons: float,
        temperature: float,
        cached: Path | None = None,
    ) -> None:
        self.potential = potential
        self.electrons = electrons
        self._temperature = temperature
        self._neutral = prepared.neutral
        self._repeats: Repeats = prepared.repeats
        self._blocks = [block.rotated(potential) for block in prepared.blocks]
        filling = fermi_filling(_energies(self._blocks), degeneracies(self._blocks), electrons, temperature)
        gapped = self._find_gapped(filling)
        self._chi = chi = self._charge_response(filling, list(gapped), cached)
        self._gapped = [
            GappedBlock(self._blocks[k], n_filled, part, self._patches(self._blocks[k], n_filled, part))
            for (k, n_filled), part in zip(gapped.items(), chi.gapped, strict=True)
        ]
        self._dense = [block for k, block in enumerate(self._blocks) if k not in gapped]
        self.bare = bare_response(self._blocks, chi.total, filling, temperature)
        self.newton = np.linalg.inv(np.eye(len(potential)) - self.bare.chi @ prepared.gamma)
        self.reference = self.evaluate(potential, electrons, (), 0.0)

    def evaluate(
        self,
        potential: np.ndarray,
        electrons: float,
        near: Sequence[Expansion],
        tolerance: float,
        added: float = 0.0,
    ) -> Output:
        """Populations of non-interacting electrons in ``potential`` (n_sites,), Hartree.

        There are ``electrons`` and ``added`` ones (:func:`polcouple.dftb.filling.fermi_filling`). ``near``
        are the expansions of the previous output, or empty; gapped blocks add an error of ``tolerance`` (e)
        at most.
        """
        fixed = sum(block.electrons for block in self._gapped)
        near_enough = self._gapped and all(block.reaches(potential) for block in self._gapped)
        if near_enough and 0.0 < electrons + added - fixed < float(degeneracies(self._dense).sum()):
            sources = near or [block.reference for block in self._gapped]
            expansions = tuple(
                block.evaluate(potential, source, tolerance)
                for block, source in zip(self._gapped, sources, strict=True)
            )
            output = self._fill(self._dense, potential, electrons - fixed, expansions, added)
            margin = _CERTAIN * self._temperature
            if all(block.covers(potential, output.fermi_level, margin) for block in self._gapped):
                return output
        return self._fill(self._blocks, potential, electrons, (), added)

    def _fill(
        self,
        blocks: Sequence[Block],
        potential: np.ndarray,
        electrons: float,
        expansions: tuple[Expansion, ...],
        added: float = 0.0,
    ) -> Output:
        """Diagonalise and fill ``blocks``, and add the gapped ones."""
        states = [block.rotated(potential) for block in blocks]
        holds = degeneracies(states)
        filling = fermi_filling(_energies(states), holds, electrons, self._temperature, added)
        filled = holds * filling.occupations
        band = float(filled @ _energies(states)) - filling.entropy_energy
        band += sum(expansion.energy for expansion in expansions)
        populations = sum((expansion.populations for expansion in expansions), -self._neutral)
        start = 0
        for block in states:
            own = filled[start : start + len(block)]
            start += len(block)
            populations = populations + block.reference_populations(own, len(populations))
        gapped = self._chi.gapped if expansions else ()
        response = StateResponse(states, filling, self._temperature, gapped, len(populations), single=True)
        return Output(populations, band, filling.fermi_level, filling.entropy_energy, expansions, response)

    def _find_gapped(self, filling: Filling) -> dict[int, int]:
        """Blocks to treat without diagonalisation and their numbers of filled states; never all blocks."""
        found: dict[int, int] = {}
        for k, block in enumerate(self._blocks):
            n_filled = int(np.sum(block.energies < filling.fermi_level))
            if block.weight != 1.0 or len(block) < _WORTHWHILE or not 0 < n_filled < len(block):
                continue
            homo, lumo = block.energies[n_filled - 1 : n_filled + 1]
            room = min(filling.fermi_level - homo, lumo - filling.fermi_level)
            if lumo - homo > _WIDE_GAP and room > _CERTAIN * self._temperature + _MOVED:
                found[k] = n_filled
        return found if len(found) < len(self._blocks) else {}

    def _charge_response(self, filling: Filling, gapped: list[int], cached: Path | None) -> _ChargeResponse:
        """Read or compute chi of the blocks."""
        n = len(self.potential)
        if cached is not None:
            data = read_arrays(cached)
            if data is not None and np.array_equal(data["gapped_blocks"], gapped):
                return _ChargeResponse(data["total"], gapped, list(data["gapped"]))
        total, parts, start = np.zeros((n, n)), [], 0
        for k, block in enumerate(self._blocks):
            own = filling.occupations[start : start + len(block)]
            start += len(block)
            part = self._pair_response(block, own)
            total += part
            if k in gapped:
                parts.append(part)
        return _ChargeResponse(total, gapped, parts)

    def _pair_response(self, block: Block, occupations: np.ndarray) -> np.ndarray:
        """chi of one block; of an electrode that repeats, a part's columns are copied to all others."""
        repeats, n = self._repeats, len(self.potential)
        if not repeats.keep(block, self.potential):
            return pair_response(block, occupations, self._temperature, n)
        columns = pair_response_columns(block, occupations, self._temperature, n, repeats.sites[0])
        return fill_block_circulant(columns, repeats.sites, repeats.shape)

    def _patches(self, block: Block, n_filled: int, chi: np.ndarray) -> Patches | None:
        """Patches of a gapped block, where it repeats and they save work."""
        if not self._repeats.keep(block, self.potential):
            return None
        return find_patches(block, n_filled, chi, self._repeats, self._temperature)

    def store(self, path: Path) -> None:
        """Keep the response of this reference in the cache file ``path``."""
        n = len(self.potential)
        write_arrays(
            path,
            {
                "potential": self.potential,
                "gapped_blocks": np.array(self._chi.gapped_blocks, dtype=int),
                "total": self._chi.total,
                "gapped": np.array(self._chi.gapped).reshape(-1, n, n),
            },
        )


def response_file(prepared: Prepared, electrons: float, temperature: float) -> Path | None:
    """Cache file of the response at zero site potentials, or None without a cache."""
    if prepared.cache_stem is None:
        return None
    key = hashlib.sha256(repr((electrons, temperature)).encode()).hexdigest()[:12]
    return prepared.cache_stem.with_name(f"{prepared.cache_stem.name}-response-{key}.npz")


def cached_potential(path: Path | None) -> np.ndarray | None:
    """Reference potential (n_sites,) of a response file, or None."""
    data = read_arrays(path) if path is not None else None
    return None if data is None else data["potential"]


def degeneracies(blocks: Sequence[Block]) -> np.ndarray:
    """Electrons (n_levels,) that each level of ``blocks`` holds."""
    return np.concatenate([np.full(len(block), block.degeneracy) for block in blocks])


def _energies(blocks: Sequence[Block]) -> np.ndarray:
    return np.concatenate([block.energies for block in blocks])
