"""One member of a grand potential: free energy at a number of electrons, made stationary in it.

In the electrode design an atom's outputs are e, and where the electrode is learned phi and kappa; with n
electrons too many on s atoms of the electrode (m = n / (0.025 s))

    A(R, n) = sum (e + m phi + m^2 kappa / 2) + A_electrode(R, n),
    Omega(R, mu) = min over n of A(R, n) - mu n,

A_electrode that of :mod:`polcouple.nn.grand.electrode`. Since A - mu n is stationary in n, F = -dA/dR at
constant n and -dOmega/dmu = n; dF/dmu = -(d2A/dR dn) / (d2A/dn2) = dn/dR. In the scalar design (PE-MACE's) mu
is an input of the network beside the element's embedding, and n minus the derivative of the energies by it.
eV, A and e.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.lattice.pairs import Pairs
from polcouple.nn.grand.architecture import ELECTRONS, GrandArchitecture
from polcouple.nn.grand.scene import Scene
from polcouple.nn.potential.descriptors import Descriptors
from polcouple.nn.potential.morse import Repulsion
from polcouple.nn.potential.network import Network
from polcouple.nn.potential.potential import pair_forces


@dataclass(frozen=True, eq=False)
class MemberResult:
    """A member's answer for the frames of a scene.

    Attributes:
        energies: (frames,) Omega, eV; electrons count as more than those of neutral atoms.
        forces: (n, 3) of the atoms of all, eV/A.
        electrons: (frames,) n.
        capacitances: (frames,) dn/dmu, e/V; NaN in the scalar design.
    """

    energies: np.ndarray
    forces: np.ndarray
    electrons: np.ndarray
    capacitances: np.ndarray


@dataclass(frozen=True, eq=False)
class Direction:
    """What training derives by the weights (:mod:`polcouple.nn.potential.graph`).

    Attributes:
        inputs: (n, d) the network's inputs, ``moves`` (n, d) their change.
        weights, seeds: (n, outputs).
        pair_moves: (p, 3) of the pairs' vectors.
    """

    inputs: np.ndarray
    moves: np.ndarray
    weights: np.ndarray
    seeds: np.ndarray
    pair_moves: np.ndarray


class Member:
    """A member's energies and their derivatives.

    Args:
        parts: of a vector of the architecture's layout.
        matrix: (d, d) by which a training has changed the descriptors that scenes have.
    """

    def __init__(
        self,
        architecture: GrandArchitecture,
        parts: dict[str, np.ndarray],
        descriptors: Descriptors,
        matrix: np.ndarray | None = None,
    ) -> None:
        self._architecture, self._descriptors = architecture, descriptors
        self.network = Network(architecture.layout(), parts)
        self._matrix = matrix
        base = architecture.surroundings
        self.repulsion = (
            Repulsion(parts["morse"], float(parts["morse_switch"][0]), base.cutoff)
            if base.repulsion
            else None
        )

    def solve(self, scene: Scene, levels: np.ndarray) -> MemberResult:
        """Omega and its derivatives at the ``levels`` (frames,) mu in eV."""
        return self.at(scene, levels).result

    def at(self, scene: Scene, levels: np.ndarray) -> Solved | SolvedScalar:
        """The same with what training goes on from."""
        if not scene.electrodes:
            return SolvedScalar(self, scene, levels, self._architecture.scale)
        return Solved(self, scene, levels, self._architecture.learned)

    def by_vectors(self, scene: Scene, by_inputs: np.ndarray) -> np.ndarray:
        """(p, 3) derivative by the pairs' vectors of what has these by the network's inputs."""
        by_spectrum = by_inputs[:, : self._descriptors.length].astype(float)
        if self._matrix is not None:
            by_spectrum = by_spectrum @ self._matrix.T
        return self._descriptors.by_vectors(scene.seen, by_spectrum)

    def tangent(self, scene: Scene, pair_moves: np.ndarray) -> np.ndarray:
        """(n, d) change of the scene's descriptors with that of the pairs' vectors."""
        change = self._descriptors.tangent(scene.seen, pair_moves)
        return change if self._matrix is None else change @ self._matrix

    def repelled(self, scene: Scene) -> tuple[np.ndarray | float, np.ndarray | float]:
        """Energies (frames,) of the repulsion and their derivative by the pairs' vectors."""
        if self.repulsion is None:
            return 0.0, 0.0
        of_atoms, by_vectors = self.repulsion.energies(scene.seen.kinds, scene.seen.pairs)
        return scene.sums(of_atoms), by_vectors


class SolvedScalar:
    """Scalar design: the level is the network's last input."""

    def __init__(self, member: Member, scene: Scene, levels: np.ndarray, scale: tuple[float, float]) -> None:
        self._member, self._scene, self._width = member, scene, scale[1]
        self.seen = scene.seen
        level = np.repeat((levels - scale[0]) / scale[1], scene.sizes)[:, None]
        self._inputs = np.concatenate([scene.spectrum, level.astype(scene.spectrum.dtype)], axis=1)
        done = member.network.forward(scene.seen.kinds, self._inputs)
        back = member.network.pullback(done, np.ones_like(done.outputs))
        repulsion, by_morse = member.repelled(scene)
        forces = pair_forces(scene.seen.pairs, member.by_vectors(scene, back) + by_morse)
        energies = scene.sums(done.outputs[:, 0]) + repulsion
        electrons = -scene.sums(back[:, -1]) / scale[1]
        self.result = MemberResult(energies, forces, electrons, np.full(len(levels), np.nan))

    def direction(
        self, by_forces: np.ndarray, by_electrons: np.ndarray, by_energies: np.ndarray
    ) -> Direction:
        """For a loss with these derivatives (n, 3), (frames,) and (frames,)."""
        scene = self._scene
        pair_moves = _pair_moves(scene.seen.pairs, by_forces)
        moves = self._member.tangent(scene, pair_moves)
        of_levels = np.repeat(-by_electrons / self._width, scene.sizes)[:, None]
        weights = np.repeat(by_energies, scene.sizes)[:, None]
        moves = np.concatenate([moves, of_levels], axis=1)
        return Direction(self._inputs, moves, weights, np.ones_like(weights), pair_moves)


class Solved:
    """Electrode design: n where A - mu n is least."""

    def __init__(self, member: Member, scene: Scene, levels: np.ndarray, learned: bool) -> None:
        self._member, self._scene, self._learned = member, scene, learned
        self.seen = scene.seen
        self._done = done = member.network.forward(scene.seen.kinds, scene.spectrum)
        sums = scene.sums(done.outputs)
        self._per = per = np.array([1.0 / (len(one.sites) * ELECTRONS) for one in scene.electrodes])
        shifts, stiffness = np.zeros((2, len(per)))
        if learned:
            shifts, stiffness = per * sums[:, 1], per**2 * sums[:, 2]
        asked = zip(scene.electrodes, levels, shifts, stiffness, strict=True)
        found = [one.charged(float(mu), float(v), float(k)) for one, mu, v, k in asked]
        self._electrons = electrons = np.array([one.electrons for one in found])
        self._rise = np.array([one.rise for one in found])
        self._soft = np.array([one.soft for one in found])
        self._mixed_of_electrodes = np.concatenate([one.mixed for one in found])
        self.seeds = np.ones(done.outputs.shape)
        if learned:
            m = np.repeat(per * electrons, scene.sizes)
            self.seeds[:, 1], self.seeds[:, 2] = m, 0.5 * m * m
        repulsion, by_morse = member.repelled(scene)
        back = member.network.pullback(done, self.seeds.astype(done.outputs.dtype))
        by_vectors = member.by_vectors(scene, back) + by_morse
        forces = pair_forces(scene.seen.pairs, by_vectors) + np.concatenate([one.forces for one in found])
        energies = sums[:, 0] + np.array([one.energy for one in found]) + repulsion
        self.result = MemberResult(energies, forces, electrons, self._rise / self._soft)

    def by_level(self) -> np.ndarray:
        """(n, 3) dF/dmu = dn/dR, 1/A."""
        return -self._mixed() / np.repeat(self._soft, self._scene.sizes)[:, None]

    def _mixed(self) -> np.ndarray:
        """(n, 3) d2A/dR dn times dn/dx, since dn/dx may vanish in a gap."""
        if not self._learned:
            return self._mixed_of_electrodes
        scene, per = self._scene, self._per
        seeds = np.zeros(self.seeds.shape)
        seeds[:, 1] = np.repeat(self._rise * per, scene.sizes)
        seeds[:, 2] = np.repeat(self._rise * per**2 * self._electrons, scene.sizes)
        back = self._member.network.pullback(self._done, seeds.astype(self._done.outputs.dtype))
        return self._mixed_of_electrodes - pair_forces(scene.seen.pairs, self._member.by_vectors(scene, back))

    def direction(
        self, by_forces: np.ndarray, by_electrons: np.ndarray, by_energies: np.ndarray
    ) -> Direction:
        """For a loss with these derivatives (n, 3), (frames,) and (frames,).

        Atoms move along minus the loss's derivative by their forces, and n by -(dL/dn + moves . d2A/dR dn) /
        (d2A/dn2): what the loss derives by the weights is A's change along both.
        """
        scene, per = self._scene, self._per
        pair_moves = _pair_moves(scene.seen.pairs, by_forces)
        moves = self._member.tangent(scene, pair_moves)
        weights = np.repeat(by_energies, scene.sizes)[:, None] * self.seeds
        if self._learned:
            by_moves = scene.sums((by_forces * self._mixed()).sum(axis=1))
            more = -(by_electrons * self._rise - by_moves) / self._soft
            weights[:, 1] += np.repeat(per * more, scene.sizes)
            weights[:, 2] += np.repeat(per**2 * self._electrons * more, scene.sizes)
        return Direction(scene.spectrum, moves, weights, self.seeds, pair_moves)


def _pair_moves(pairs: Pairs, by_forces: np.ndarray) -> np.ndarray:
    """(p, 3) of the pairs' vectors when atoms move against ``by_forces`` (n, 3)."""
    owner = np.repeat(np.arange(len(pairs.first) - 1), np.diff(pairs.first))
    return np.asarray(by_forces[owner] - by_forces[pairs.second])
