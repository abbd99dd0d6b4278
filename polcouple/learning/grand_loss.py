"""Loss of a grand potential over frames, and its derivative by a member's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.learning.potential_loss import log_cosh
from polcouple.nn.grand.architecture import GrandArchitecture
from polcouple.nn.grand.member import Member, MemberResult, Solved, SolvedScalar
from polcouple.nn.grand.scene import Scene, side_by_side
from polcouple.nn.potential.graph import graph_of

#: frames that are side by side where no batch says how many
_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class GrandFrame:
    """A frame ready for training.

    Attributes:
        scene: geometry, with whitened descriptors.
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
    """ln cosh(s x)/s of errors x, mean over components, atoms and frames, which all have as many atoms.

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
        matrix: (d, d) by which descriptors became those that the frames have and the member is for.
    """

    def __init__(
        self, architecture: GrandArchitecture, options: GrandLossOptions, matrix: np.ndarray
    ) -> None:
        self._architecture, self._options, self._matrix = architecture, options, matrix
        self._layout = architecture.layout()
        self._descriptors = architecture.surroundings.descriptors()
        self._places = self._layout.places()

    def predict(self, vector: np.ndarray, frames: Sequence[GrandFrame]) -> MemberResult:
        """Energies without references, forces and electrons."""
        return self._at(self._member(vector), frames).result

    def value(self, vector: np.ndarray, frames: Sequence[GrandFrame]) -> float:
        """The loss."""
        member, parts = self._member(vector), range(0, len(frames), _AT_ONCE)
        few = [frames[begin : begin + _AT_ONCE] for begin in parts]
        values = [self._of(one, self._at(member, one).result)[0] * len(one) for one in few]
        return float(sum(values)) / len(frames)

    def value_and_derivative(
        self, vector: np.ndarray, frames: Sequence[GrandFrame]
    ) -> tuple[float, np.ndarray]:
        """The loss and its derivative (numbers,) by the member's vector."""
        member = self._member(vector)
        solved = self._at(member, frames)
        value, *by_results = self._of(frames, solved.result)
        direction, seen = solved.direction(*by_results), solved.seen
        derivative = graph_of(self._layout).by_weights(
            vector, seen.kinds, direction.inputs, direction.moves, direction.weights, direction.seeds
        )
        if member.repulsion is not None:
            part, switch = member.repulsion.by_parameters(
                seen.kinds, seen.pairs, np.ascontiguousarray(direction.weights[:, 0]), direction.pair_moves
            )
            derivative[self._places["morse"]] += part.ravel().astype(np.float32)
            derivative[self._places["morse_switch"]] += np.float32(switch)
        return value, derivative

    def _at(self, member: Member, frames: Sequence[GrandFrame]) -> Solved | SolvedScalar:
        scene = side_by_side([frame.scene for frame in frames])
        return member.at(scene, np.array([frame.level for frame in frames]))

    def _member(self, vector: np.ndarray) -> Member:
        return Member(self._architecture, self._layout.parts(vector), self._descriptors, self._matrix)

    def _of(
        self, frames: Sequence[GrandFrame], found: MemberResult
    ) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """Mean loss, its derivatives by forces (n, 3), electrons (frames,) and energies (frames,)."""
        o, count = self._options, len(frames)
        errors = found.forces - np.concatenate([frame.forces for frame in frames])
        by_forces = o.force_weight * np.tanh(o.force_scale * errors) / errors.size
        more = found.electrons - [frame.electrons for frame in frames]
        by_electrons = o.electrons_weight * np.tanh(o.electrons_scale * more) / count
        atoms = len(errors) / count
        each = (found.energies - [frame.energy for frame in frames]) / atoms
        by_energies = o.energy_weight * np.tanh(o.energy_scale * each) / (atoms * count)
        value = o.force_weight * log_cosh(errors, o.force_scale).mean()
        value += o.electrons_weight * log_cosh(more, o.electrons_scale).mean()
        value += o.energy_weight * log_cosh(each, o.energy_scale).mean()
        return float(value), by_forces, by_electrons, by_energies
