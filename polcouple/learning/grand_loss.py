"""Loss of a grand potential over frames, and its derivative by a member's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.learning.potential_loss import log_cosh
from polcouple.nn.grand.architecture import GrandArchitecture
from polcouple.nn.grand.member import Member, MemberResult, Scene
from polcouple.nn.potential.graph import graph_of


@dataclass(frozen=True, eq=False)
class GrandFrame:
    """A frame ready for training.

    Attributes:
        scene: geometry, with descriptors over their scales.
        level: mu, eV.
        energy: without the elements' references, eV.
        electrons: more than those of neutral atoms.
        forces: (n, 3) eV/A.
    """

    scene: Scene
    level: float
    energy: float
    electrons: float
    forces: np.ndarray


@dataclass(frozen=True)
class GrandLossOptions:
    """ln cosh(s x)/s of errors x, mean over components, atoms and frames.

    Attributes:
        force_scale, electrons_scale, energy_scale: s of force components (A/eV), of electrons (1/e), of
            energies an atom (1/eV).
        force_weight, electrons_weight, energy_weight: of the three parts.
    """

    force_scale: float
    electrons_scale: float
    energy_scale: float
    force_weight: float
    electrons_weight: float
    energy_weight: float


class GrandLoss:
    """Loss and derivative of one member.

    Args:
        scales: (d,) of the descriptors that the frames have and the member's numbers are for.
    """

    def __init__(
        self, architecture: GrandArchitecture, options: GrandLossOptions, scales: np.ndarray
    ) -> None:
        self._architecture, self._options, self._scales = architecture, options, scales
        self._layout = architecture.layout()
        self._descriptors = architecture.surroundings.descriptors()
        self._places = self._layout.places()

    def predict(self, vector: np.ndarray, frames: Sequence[GrandFrame]) -> list[MemberResult]:
        """Energies without references, forces and electrons."""
        member = self._member(vector)
        return [member.solve(frame.scene, frame.level) for frame in frames]

    def value(self, vector: np.ndarray, frames: Sequence[GrandFrame]) -> float:
        """The loss."""
        found = self.predict(vector, frames)
        return float(np.mean([self._of_frame(f, r)[0] for f, r in zip(frames, found, strict=True)]))

    def value_and_derivative(
        self, vector: np.ndarray, frames: Sequence[GrandFrame]
    ) -> tuple[float, np.ndarray]:
        """The loss and its derivative (numbers,) by the member's vector."""
        member, total, directions, kinds = self._member(vector), 0.0, [], []
        by_morse, by_switch = np.zeros((self._layout.elements, 3)), 0.0
        for frame in frames:
            solved = member.at(frame.scene, frame.level)
            value, by_forces, by_electrons, by_energy = self._of_frame(frame, solved.result)
            total += value
            direction, pair_moves = solved.direction(by_forces, by_electrons, by_energy)
            directions.append(direction)
            seen = frame.scene.seen
            kinds.append(seen.kinds)
            if member.repulsion is not None:
                each = np.full(len(seen.kinds), by_energy)
                part, switch = member.repulsion.by_parameters(seen.kinds, seen.pairs, each, pair_moves)
                by_morse += part
                by_switch += switch
        names = ("inputs", "moves", "weights", "seeds")
        arrays = [np.concatenate([getattr(one, name) for one in directions]) for name in names]
        derivative = graph_of(self._layout).by_weights(vector, np.concatenate(kinds), *arrays)
        if member.repulsion is not None:
            derivative[self._places["morse"]] += by_morse.ravel().astype(np.float32)
            derivative[self._places["morse_switch"]] += np.float32(by_switch)
        return total / len(frames), derivative / np.float32(len(frames))

    def _member(self, vector: np.ndarray) -> Member:
        return Member(self._architecture, self._layout.parts(vector), self._descriptors, self._scales)

    def _of_frame(self, frame: GrandFrame, found: MemberResult) -> tuple[float, np.ndarray, float, float]:
        """Loss of a frame, its derivatives by forces, electrons and energy."""
        o = self._options
        errors = found.forces - frame.forces
        value = o.force_weight * float(log_cosh(errors, o.force_scale).mean())
        by_forces = o.force_weight * np.tanh(o.force_scale * errors) / errors.size
        more = found.electrons - frame.electrons
        value += o.electrons_weight * float(log_cosh(np.array(more), o.electrons_scale))
        by_electrons = o.electrons_weight * float(np.tanh(o.electrons_scale * more))
        each = (found.energy - frame.energy) / len(errors)
        value += o.energy_weight * float(log_cosh(np.array(each), o.energy_scale))
        by_energy = o.energy_weight * float(np.tanh(o.energy_scale * each)) / len(errors)
        return value, by_forces, by_electrons, by_energy
