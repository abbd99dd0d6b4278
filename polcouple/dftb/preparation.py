"""All of a frozen electrode that depends on neither its charges nor its environment, and its cache."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.dftb.bloch import Mesh, bloch_states, part_hamiltonian, whole_states
from polcouple.dftb.blocks import Block, find_blocks, monkhorst_pack, planar_frame, reference_block
from polcouple.dftb.cache import kept, read_arrays, write_arrays
from polcouple.dftb.gamma import Gamma
from polcouple.dftb.hamiltonian import (
    DUPLICATE,
    Orbitals,
    build_orbitals,
    charge_sites,
    find_pairs,
    hamiltonian_overlap,
)
from polcouple.dftb.skf import Parameters
from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.lattice.convolution import first_part, lattice_orbits
from polcouple.lattice.matrix import block_circulant

#: part of the name of cache files: raise it when their content changes
_FORMAT = 2
#: equal parts from which on their Bloch states are faster than the whole electrode's matrices
_MANY = 6
#: potentials of images that differ by less (Hartree) are equal but for rounding
_ALIKE = 1e-9
_BLOCK_ARRAYS = ("orbitals", "sites", "energies", "vectors", "duals")


@dataclass(frozen=True, eq=False)
class Repeats:
    """Equal parts of a periodic electrode; one part where nothing repeats.

    Attributes:
        sites: (parts, b) charge sites; row p holds the images in part p of those in row 0.
        orbitals: (parts, c) the same of orbitals.
        shape: parts along each lattice vector, as in :func:`lattice_orbits`.
    """

    sites: np.ndarray
    orbitals: np.ndarray
    shape: tuple[int, int, int]

    def keep(self, block: Block, potential: np.ndarray) -> bool:
        """Whether the lattice's translations change neither ``block`` nor the ``potential`` (n_sites,)."""
        if len(self.sites) == 1:
            return False
        alike = np.abs(potential[self.sites] - potential[self.sites[0]]).max() < _ALIKE
        inside = np.isin(self.orbitals, block.orbitals)
        return bool(alike and (inside == inside[0]).all())


@dataclass(frozen=True, eq=False)
class Prepared:
    """Geometry-only data of a frozen electrode.

    Attributes:
        site_atom: (n_sites,) atom of each charge site (the atoms, or all their shells).
        neutral: (n_sites,) electrons of the neutral atoms.
        gamma: (n_sites, n_sites) in Hartree/e^2.
        blocks: symmetry blocks of all k-points in the eigenbasis of H0.
        repeats: equal parts of the electrode.
        cache_stem: path and beginning of the name of this electrode's cache files, or None.
    """

    site_atom: np.ndarray
    neutral: np.ndarray
    gamma: np.ndarray
    blocks: tuple[Block, ...]
    repeats: Repeats
    cache_stem: Path | None

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return int(self.site_atom[-1]) + 1


def prepare(
    electrode: Electrode,
    parameters: Parameters,
    k_points: tuple[int, int, int] = (1, 1, 1),
    shell_resolved: bool = False,
    cache_directory: Path | None = None,
) -> Prepared:
    """Build H0, S and gamma and reduce them to blocks, or read them from ``cache_directory``.

    A cached file is used only if coordinates relative to the first atom (to 1e-9 bohr), cell, parameters and
    settings are the same; it is written
    under a temporary name first, so that an interrupted run leaves no half file. None: no cache.

    Raises:
        InputError: atoms too close to each other for the parameters.
    """
    orbitals = build_orbitals(electrode.symbols, parameters)
    sites = charge_sites(orbitals, shell_resolved)

    def made() -> tuple[np.ndarray, tuple[Block, ...]]:
        gamma = Gamma(electrode, sites.atom, sites.hubbard).matrix
        repeats = _repeats(electrode, sites.atom, orbitals.atom, gamma)
        if k_points == (1, 1, 1) and len(repeats.sites) >= _MANY:
            blocks = _repeating_blocks(electrode, repeats, orbitals, sites.of_orbital, parameters)
            if blocks:
                return gamma, blocks
        return gamma, _build_blocks(electrode, orbitals, sites.of_orbital, parameters, k_points)

    stem = None
    if cache_directory is None:
        found = made()
    else:
        stem = cache_stem(cache_directory, electrode, parameters, k_points, shell_resolved)
        found = kept(stem.with_suffix(".npz"), _read, made, _write)
    repeats = _repeats(electrode, sites.atom, orbitals.atom, found[0])
    return Prepared(sites.atom, sites.neutral, *found, repeats, stem)


def require_sound(electrode: Electrode, k_points: tuple[int, int, int]) -> None:
    """Refuse what cannot be prepared.

    Raises:
        InputError: duplicate atoms, partial periodicity, or k-points for a flake.
    """
    if any(electrode.pbc) != all(electrode.pbc):
        raise InputError(f"pbc = {electrode.pbc}: an electrode is periodic in all directions or in none")
    if min(k_points) < 1 or (not any(electrode.pbc) and max(k_points) > 1):
        raise InputError(f"k_points = {k_points}: needs three positive numbers, and (1, 1, 1) for a flake")
    find_pairs(electrode, DUPLICATE)


def _repeats(
    electrode: Electrode, site_atom: np.ndarray, orbital_atom: np.ndarray, gamma: np.ndarray
) -> Repeats:
    """Equal parts, if ``gamma`` says that they are equal but for rounding."""
    orbits, shape = lattice_orbits(electrode)
    sites = _owned(orbits, site_atom)
    if not block_circulant(gamma, sites, shape):
        orbits, shape = np.arange(len(electrode))[None], (1, 1, 1)
        sites = _owned(orbits, site_atom)
    return Repeats(sites, _owned(orbits, orbital_atom), shape)


def _owned(orbits: np.ndarray, atom: np.ndarray) -> np.ndarray:
    """Orbits of what belongs to atoms, such as orbitals, from ``orbits`` (parts, b) of the atoms.

    ``atom`` (m,) is the atom of each, ascending. Images are of one element and own equally many.
    """
    counts = np.bincount(atom)[orbits[0]]
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.searchsorted(atom, np.repeat(orbits, counts, axis=1)) + within


def _build_blocks(
    electrode: Electrode,
    orbitals: Orbitals,
    orbital_site: np.ndarray,
    parameters: Parameters,
    k_points: tuple[int, int, int],
) -> tuple[Block, ...]:
    frame = planar_frame(electrode.positions)
    laid_flat = Electrode(
        electrode.symbols, electrode.positions @ frame.T, electrode.cell @ frame.T, electrode.pbc
    )
    pairs = find_pairs(laid_flat, parameters.cutoff)
    mesh, weights = monkhorst_pack(k_points)
    matrices = [hamiltonian_overlap(orbitals, electrode.symbols, pairs, parameters, k) for k in mesh]
    subsets = find_blocks(matrices)
    return tuple(
        reference_block(h0, overlap, subset, orbital_site, float(weight))
        for (h0, overlap), weight in zip(matrices, weights, strict=True)
        for subset in subsets
    )


def _repeating_blocks(
    electrode: Electrode,
    repeats: Repeats,
    orbitals: Orbitals,
    orbital_site: np.ndarray,
    parameters: Parameters,
) -> tuple[Block, ...]:
    """The same at the Gamma point for an electrode of equal parts, from the Bloch states of one of them.

    Empty where parts lie apart from one another, whose blocks are smaller than those of their Bloch states.
    """
    frame = planar_frame(electrode.positions)
    orbits = orbitals.atom[repeats.orbitals]
    first_of_atom = np.sort(np.unique(orbits[0], return_index=True)[1])
    part = first_part(electrode, orbits[:, first_of_atom], repeats.shape)
    laid_flat = Electrode(part.symbols, part.positions @ frame.T, part.cell @ frame.T, part.pbc)
    own = build_orbitals(part.symbols, parameters)
    mesh = Mesh.of(repeats.shape, np.zeros(3))
    hamiltonian = part_hamiltonian(laid_flat, own, parameters, mesh, 1.0)
    if not hamiltonian.is_connected:
        return ()
    blocks = []
    states = bloch_states(hamiltonian, own.atom, np.zeros(len(part)))
    for members, block in zip(hamiltonian.orbitals, states, strict=True):
        whole = repeats.orbitals[:, members]
        indices = np.sort(whole, axis=None)
        energies, vectors, duals = whole_states(block, np.searchsorted(indices, whole))
        potential = np.zeros(int(orbital_site.max()) + 1)
        blocks.append(Block(indices, orbital_site[indices], 1.0, energies, vectors, duals, potential))
    return tuple(blocks)


def cache_stem(
    directory: Path,
    electrode: Electrode,
    parameters: Parameters,
    k_points: tuple[int, int, int],
    shell_resolved: bool,
) -> Path:
    """Path in ``directory``, and beginning of the name, of the cache files of this electrode.

    It is the same for coordinates that agree relative to the first atom, to 1e-9 bohr.
    """
    digest = hashlib.sha256(
        repr((_FORMAT, electrode.symbols, electrode.pbc, k_points, shell_resolved)).encode()
    )
    # a translated electrode has the same matrices, and the sheets of a capacitor share them
    relative = np.round(electrode.positions - electrode.positions[0], 9) + 0.0
    digest.update(np.ascontiguousarray(relative).tobytes())
    if any(electrode.pbc):
        digest.update(np.ascontiguousarray(electrode.cell, dtype=float).tobytes())
    for name, kind in sorted(parameters.atoms.items()):
        digest.update(repr((name, kind.onsite, kind.hubbard, kind.occupation)).encode())
    for names, table in sorted(parameters.pairs.items()):
        digest.update(repr((names, table.step)).encode() + table.values.tobytes())
    return directory / f"dftb-{digest.hexdigest()[:32]}"


def _read(path: Path) -> tuple[np.ndarray, tuple[Block, ...]] | None:
    """gamma and blocks of a cache file, or None."""
    data = read_arrays(path)
    if data is None:
        return None
    reference = np.zeros(len(data["gamma"]))
    blocks = (
        Block(
            weight=float(weight), potential=reference, **{name: data[f"{name}_{k}"] for name in _BLOCK_ARRAYS}
        )
        for k, weight in enumerate(data["weights"])
    )
    return data["gamma"], tuple(blocks)


def _write(path: Path, found: tuple[np.ndarray, tuple[Block, ...]]) -> None:
    gamma, blocks = found
    arrays = {"gamma": gamma, "weights": np.array([block.weight for block in blocks])}
    for k, block in enumerate(blocks):
        arrays |= {f"{name}_{k}": getattr(block, name) for name in _BLOCK_ARRAYS}
    write_arrays(path, arrays)
