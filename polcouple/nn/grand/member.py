"""One member of a grand potential: free energy at a number of electrons, made stationary in it.

In the electrode design an atom's outputs are e, phi, kappa and q, and with n electrons too many on s atoms of
the electrode (m = n / (0.025 s))

    A(R, n) = sum (e + m phi + m^2 kappa / 2) + E(q - n/s on the electrode) + U n^2 / 2s + e_0 n
              + A_levels(n) - A_levels(0),       Omega(R, mu) = min over n of A(R, n) - mu n,

E the energy of :mod:`polcouple.nn.grand.long_range`, q with its mean taken off, A_levels that of
:mod:`polcouple.nn.grand.levels`. Since A - mu n is stationary in n, F = -dA/dR at constant n and -dOmega/dmu
= n; dF/dmu = -(d2A/dR dn) / (d2A/dn2) = dn/dR. In the scalar design (PE-MACE's) mu is an input of the
network beside the element's embedding, and n minus the derivative of the energies by it. eV, A and e.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.lattice.pairs import Pairs
from polcouple.nn.grand.architecture import ELECTRONS, HARDNESS, GrandArchitecture
from polcouple.nn.grand.levels import Levels, levels_of
from polcouple.nn.grand.long_range import Waves
from polcouple.nn.potential.descriptors import Descriptors, Surroundings
from polcouple.nn.potential.morse import Repulsion
from polcouple.nn.potential.network import Network
from polcouple.nn.potential.potential import pair_forces


@dataclass(frozen=True, eq=False)
class Scene:
    """Atoms and what does not depend on a member's numbers.

    Attributes:
        seen: surroundings.
        spectrum: (n, d) descriptors, over their scales, in the network's precision.
        positions, cell: A.
        sites: (s,) atoms of the electrode.
        levels: of the electrode, or None in the scalar design.
    """

    seen: Surroundings
    spectrum: np.ndarray
    positions: np.ndarray
    cell: np.ndarray
    sites: np.ndarray
    levels: Levels | None


def scene_of(
    architecture: GrandArchitecture,
    seen: Surroundings,
    spectrum: np.ndarray,
    positions: np.ndarray,
    cell: np.ndarray,
) -> Scene:
    """The scene with the electrode's levels."""
    sites, levels = architecture.sites(seen.kinds), None
    if architecture.design == "electrode":
        a = architecture
        levels = levels_of(seen.pairs, sites, a.hopping, a.decay, a.kt)
    return Scene(seen, spectrum, positions, np.ascontiguousarray(cell, float), sites, levels)


@dataclass(frozen=True, eq=False)
class MemberResult:
    """A member's answer.

    Attributes:
        energy: Omega, eV; electrons count as more than those of neutral atoms.
        forces: (n, 3) eV/A.
        electrons: n.
        capacitance: dn/dmu, e/V; NaN in the scalar design.
    """

    energy: float
    forces: np.ndarray
    electrons: float
    capacitance: float


@dataclass(frozen=True, eq=False)
class Direction:
    """What training derives by the weights (:mod:`polcouple.nn.potential.graph`): of one frame.

    Attributes:
        inputs: (n, d) the network's inputs, ``moves`` (n, d) their change.
        weights, seeds: (n, outputs).
    """

    inputs: np.ndarray
    moves: np.ndarray
    weights: np.ndarray
    seeds: np.ndarray


class Member:
    """A member's energies and their derivatives.

    Args:
        parts: of a vector of the architecture's layout.
        scales: (d,) of the descriptors that scenes have.
    """

    def __init__(
        self,
        architecture: GrandArchitecture,
        parts: dict[str, np.ndarray],
        descriptors: Descriptors,
        scales: np.ndarray | None = None,
    ) -> None:
        self._architecture, self._descriptors = architecture, descriptors
        self.network = Network(architecture.layout(), parts)
        self._scales = np.ones(descriptors.length) if scales is None else scales
        base = architecture.surroundings
        self.repulsion = (
            Repulsion(parts["morse"], float(parts["morse_switch"][0]), base.cutoff)
            if base.repulsion
            else None
        )

    def solve(self, scene: Scene, mu: float) -> MemberResult:
        """Omega and its derivatives at the level ``mu`` in eV."""
        return self.at(scene, mu).result

    def at(self, scene: Scene, mu: float) -> Solved | SolvedScalar:
        """The same with what training goes on from."""
        if scene.levels is None:
            return SolvedScalar(self, scene, mu, self._architecture.scale)
        return Solved(self, scene, mu, self._architecture)

    def by_vectors(self, scene: Scene, by_inputs: np.ndarray) -> np.ndarray:
        """(p, 3) derivative by the pairs' vectors of what has these by the network's inputs."""
        length = self._descriptors.length
        return self._descriptors.by_vectors(scene.seen, by_inputs[:, :length].astype(float) / self._scales)

    def tangent(self, scene: Scene, pair_moves: np.ndarray) -> np.ndarray:
        """(n, d) change of the descriptors with that of the pairs' vectors."""
        return self._descriptors.tangent(scene.seen, pair_moves) / self._scales

    def repelled(self, scene: Scene) -> tuple[float, np.ndarray | float]:
        """Energy of the repulsion and its derivative by the pairs' vectors."""
        if self.repulsion is None:
            return 0.0, 0.0
        of_atoms, by_vectors = self.repulsion.energies(scene.seen.kinds, scene.seen.pairs)
        return float(of_atoms.sum()), by_vectors


class SolvedScalar:
    """Scalar design: the level is the network's last input."""

    def __init__(self, member: Member, scene: Scene, mu: float, scale: tuple[float, float]) -> None:
        self._member, self._scene, self._width = member, scene, scale[1]
        level = np.full((len(scene.spectrum), 1), (mu - scale[0]) / scale[1], scene.spectrum.dtype)
        self._inputs = np.concatenate([scene.spectrum, level], axis=1)
        done = member.network.forward(scene.seen.kinds, self._inputs)
        back = member.network.pullback(done, np.ones_like(done.outputs))
        repulsion, by_morse = member.repelled(scene)
        forces = pair_forces(scene.seen.pairs, member.by_vectors(scene, back) + by_morse)
        energy = float(done.outputs.sum(dtype=float)) + repulsion
        electrons = -float(back[:, -1].sum(dtype=float)) / scale[1]
        self.result = MemberResult(energy, forces, electrons, float("nan"))

    def direction(
        self, by_forces: np.ndarray, by_electrons: float, by_energy: float
    ) -> tuple[Direction, np.ndarray]:
        """For a loss with these derivatives; with the pairs' moves (p, 3)."""
        pairs = self._scene.seen.pairs
        pair_moves = _pair_moves(pairs, by_forces)
        moves = self._member.tangent(self._scene, pair_moves)
        moves = np.concatenate([moves, np.full((len(moves), 1), -by_electrons / self._width)], axis=1)
        ones = np.ones((len(moves), 1))
        return Direction(self._inputs, moves, by_energy * ones, ones), pair_moves


class Solved:
    """Electrode design: n where A - mu n is least."""

    def __init__(self, member: Member, scene: Scene, mu: float, architecture: GrandArchitecture) -> None:
        assert scene.levels is not None
        self._member, self._scene, self._long = member, scene, architecture.long_range
        levels, sites, network = scene.levels, len(scene.sites), member.network
        pairs = scene.seen.pairs
        self._done = done = network.forward(scene.seen.kinds, scene.spectrum)
        outputs = done.outputs.astype(float)
        e, phi, kappa = outputs[:, :3].sum(axis=0)
        self._learned = float(architecture.stiffness)
        kappa *= self._learned
        self._per = per = 1.0 / (sites * ELECTRONS)
        offset = architecture.neutral_level + per * phi
        stiffness = per**2 * kappa + HARDNESS / sites
        if self._long:
            self._of_electron = np.zeros(len(outputs))
            self._of_electron[scene.sites] = -1.0 / sites
            self._bare = outputs[:, 3] - outputs[:, 3].mean()
            self._waves = waves = Waves(scene.positions, scene.cell)
            fixed, self._unit = waves.structure(self._bare), waves.structure(self._of_electron)
            offset += 2.0 * waves.energy(fixed, self._unit)
            stiffness += 2.0 * waves.energy(self._unit, self._unit)
        x = levels.level(offset - mu, stiffness)
        n, self._rise = levels.electrons(x)
        self._n, self._stiffness = n, stiffness
        charging, by_lengths = levels.charging(x)
        m = per * n
        self.seeds = np.zeros(outputs.shape)
        self.seeds[:, :3] = 1.0, m, self._learned * 0.5 * m * m
        free = e + m * phi + 0.5 * m * m * kappa + 0.5 * HARDNESS / sites * n * n
        free += architecture.neutral_level * n + charging
        by_positions: np.ndarray | float = 0.0
        if self._long:
            self._charges = self._bare + n * self._of_electron
            self._structure = fixed + n * self._unit
            free += waves.energy(self._structure, self._structure)
            self.seeds[:, 3] = _less_mean(waves.potentials(self._structure))
            self._gradients = waves.gradients(self._structure)
            by_positions = self._charges[:, None] * self._gradients
        repulsion, by_morse = member.repelled(scene)
        along = pairs.vectors[levels.bonds]
        along /= np.linalg.norm(along, axis=1)[:, None]
        kind = done.outputs.dtype
        by_vectors = member.by_vectors(scene, network.pullback(done, self.seeds.astype(kind))) + by_morse
        by_vectors[levels.bonds] += by_lengths[:, None] * along
        forces = pair_forces(pairs, by_vectors) - by_positions
        self._soft = 1.0 + stiffness * self._rise
        energy = free + repulsion - mu * n
        self.result = MemberResult(energy, forces, n, self._rise / self._soft)
        self._x, self._along = x, along

    def by_level(self) -> np.ndarray:
        """(n, 3) dF/dmu = dn/dR, 1/A."""
        return -self._mixed() / self._soft

    def _mixed(self) -> np.ndarray:
        """(n, 3) d2A/dR dn times dn/dx, since dn/dx may vanish in a gap."""
        scene, levels, per = self._scene, self._scene.levels, self._per
        assert levels is not None
        seeds = np.zeros(self.seeds.shape)
        seeds[:, 1:3] = per, per**2 * self._n * self._learned
        by_positions: np.ndarray | float = 0.0
        if self._long:
            seeds[:, 3] = _less_mean(self._waves.potentials(self._unit))
            by_positions = self._of_electron[:, None] * self._gradients
            by_positions += self._charges[:, None] * self._waves.gradients(self._unit)
        back = self._member.network.pullback(self._done, seeds.astype(self._done.outputs.dtype))
        by_vectors = self._member.by_vectors(scene, back) * self._rise
        by_vectors[levels.bonds] += levels.by_level(self._x)[:, None] * self._along
        return np.asarray(self._rise * by_positions - pair_forces(scene.seen.pairs, by_vectors))

    def direction(
        self, by_forces: np.ndarray, by_electrons: float, by_energy: float
    ) -> tuple[Direction, np.ndarray]:
        """For a loss with these derivatives; with the pairs' moves (p, 3).

        Atoms move along minus the loss's derivative by their forces, and n by -(dL/dn + moves . d2A/dR dn) /
        (d2A/dn2): what the loss derives by the weights is A's change along both.
        """
        scene, member, per, n = self._scene, self._member, self._per, self._n
        pair_moves = _pair_moves(scene.seen.pairs, by_forces)
        moves = member.tangent(scene, pair_moves)
        more = -(by_electrons * self._rise - float((by_forces * self._mixed()).sum())) / self._soft
        weights = by_energy * self.seeds
        weights[:, 1:3] += per * more, per**2 * n * more * self._learned
        if self._long:
            kind = self._done.outputs.dtype
            changes = member.network.tangent(self._done, moves.astype(kind))[:, 3].astype(float)
            changes = _less_mean(changes) + more * self._of_electron
            change = self._waves.structure_change(self._charges, -by_forces, changes)
            moved = self._waves.potential_changes(self._structure, change, -by_forces)
            weights[:, 3] += _less_mean(moved)
        return Direction(scene.spectrum, moves, weights, self.seeds), pair_moves


def _less_mean(values: np.ndarray) -> np.ndarray:
    return np.asarray(values - values.mean())


def _pair_moves(pairs: Pairs, by_forces: np.ndarray) -> np.ndarray:
    """(p, 3) of the pairs' vectors when atoms move against ``by_forces`` (n, 3)."""
    owner = np.repeat(np.arange(len(pairs.first) - 1), np.diff(pairs.first))
    return np.asarray(by_forces[owner] - by_forces[pairs.second])
