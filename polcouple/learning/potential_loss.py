"""Loss of a potential over frames, and its derivative by a member's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polcouple.data.configurations import Configuration
from polcouple.lattice.pairs import neighbour_pairs
from polcouple.nn.potential.descriptors import Descriptors, Surroundings
from polcouple.nn.potential.graph import graph_of
from polcouple.nn.potential.morse import Repulsion
from polcouple.nn.potential.network import Layout, Network
from polcouple.nn.potential.potential import Architecture, pair_forces


@dataclass(frozen=True, eq=False)
class Frame:
    """What training needs of a frame; geometry is worked out once.

    Attributes:
        seen: surroundings of its atoms.
        spectrum: (n, d) descriptors over their scales, in single precision.
        energy: what the networks are to give, the elements' references and the charges' energy taken off
            (eV), or None.
        forces: (n, 3) less the charges', without their mean, which no function of relative positions has
            (eV/A), or None.
    """

    seen: Surroundings
    spectrum: np.ndarray
    energy: float | None
    forces: np.ndarray | None


@dataclass(frozen=True)
class LossOptions:
    """The loss: ln cosh(s x)/s of errors x, mean over components, atoms and frames.

    Attributes:
        force_scale: s of force components, A/eV.
        energy_scale: s of energies an atom, 1/eV.
        force_weight, energy_weight: of the two parts.
    """

    force_scale: float
    energy_scale: float
    force_weight: float
    energy_weight: float


def prepared(
    configuration: Configuration, architecture: Architecture, descriptors: Descriptors, references: np.ndarray
) -> Frame:
    """A frame ready for training, with descriptors as they are."""
    kinds = architecture.kinds(configuration.symbols)
    pairs = neighbour_pairs(
        configuration.positions, configuration.cell, configuration.periodic, architecture.cutoff
    )
    seen = descriptors.surroundings(kinds, pairs)
    energy, forces = configuration.energy, configuration.forces
    if architecture.charges is not None:
        c = configuration
        charged = architecture.charges.forces(kinds, pairs, c.positions, c.cell, c.periodic)
        energy = None if energy is None else energy - charged.energy
        forces = None if forces is None else forces - charged.forces
    return Frame(
        seen,
        seen.spectrum.astype(np.float32),
        None if energy is None else energy - float(references[kinds].sum()),
        None if forces is None else forces - forces.mean(axis=0),
    )


def scaled(frame: Frame, scales: np.ndarray) -> Frame:
    """The frame with its descriptors over ``scales`` (d,)."""
    return replace(frame, spectrum=(frame.seen.spectrum / scales).astype(np.float32))


class PotentialLoss:
    """Loss and derivative of one member.

    Args:
        scales: (d,) of the descriptors that the frames have and the member's numbers are for.
    """

    def __init__(self, architecture: Architecture, options: LossOptions, scales: np.ndarray) -> None:
        self._scales = scales
        self._architecture, self._options = architecture, options
        self._layout: Layout = architecture.layout()
        self._descriptors = architecture.descriptors()
        self._places = self._layout.places()

    def predict(self, vector: np.ndarray, frames: Sequence[Frame]) -> list[tuple[float, np.ndarray]]:
        """Energy (eV, without references) and forces (n, 3) of every frame."""
        network, repulsion = Network(self._layout, self._layout.parts(vector)), self._repulsion(vector)
        return [
            self._with_forces(frame, repulsion, *network.energies(frame.seen.kinds, frame.spectrum))
            for frame in frames
        ]

    def _with_forces(
        self, frame: Frame, repulsion: Repulsion | None, energies: np.ndarray, by_spectrum: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Energy and forces from what the network gives for each atom."""
        pairs = frame.seen.pairs
        by_vectors = self._descriptors.by_vectors(frame.seen, by_spectrum / self._scales)
        total = float(energies.sum(dtype=float))
        if repulsion is not None:
            morse, by_morse = repulsion.energies(frame.seen.kinds, pairs)
            total += float(morse.sum())
            by_vectors += by_morse
        return total, pair_forces(pairs, by_vectors)

    def value(self, vector: np.ndarray, frames: Sequence[Frame]) -> float:
        """The loss."""
        predicted = self.predict(vector, frames)
        return float(np.mean([self._of_frame(f, *p)[0] for f, p in zip(frames, predicted, strict=True)]))

    def value_and_derivative(self, vector: np.ndarray, frames: Sequence[Frame]) -> tuple[float, np.ndarray]:
        """The loss and its derivative (numbers,) by the member's vector."""
        graph, repulsion = graph_of(self._layout), self._repulsion(vector)
        kinds = np.concatenate([frame.seen.kinds for frame in frames])
        spectrum = np.concatenate([frame.spectrum for frame in frames])
        of_atoms = graph.by_spectrum(vector, kinds, spectrum)
        ends = np.cumsum([len(frame.spectrum) for frame in frames])[:-1]
        parts = zip(frames, *(np.split(array, ends) for array in of_atoms), strict=True)
        predicted = [self._with_forces(frame, repulsion, *found) for frame, *found in parts]
        total, tangents, weights = 0.0, [], []
        by_morse, by_switch = np.zeros((self._layout.elements, 3)), 0.0
        for frame, (energy, forces) in zip(frames, predicted, strict=True):
            value, by_energy, by_forces = self._of_frame(frame, energy, forces)
            total += value
            pairs = frame.seen.pairs
            owner = np.repeat(np.arange(len(frame.spectrum)), np.diff(pairs.first))
            # forces are minus derivatives: atoms move against the loss's derivative
            moves = by_forces[owner] - by_forces[pairs.second]
            tangents.append(self._descriptors.tangent(frame.seen, moves) / self._scales)
            weights.append(np.full(len(frame.spectrum), by_energy))
            if repulsion is not None:
                part, switch = repulsion.by_parameters(frame.seen.kinds, pairs, weights[-1], moves)
                by_morse += part
                by_switch += switch
        moves, by_energies = np.concatenate(tangents), np.concatenate(weights)
        by_energies = by_energies[:, None]
        derivative = graph.by_weights(vector, kinds, spectrum, moves, by_energies, np.ones_like(by_energies))
        if repulsion is not None:
            derivative[self._places["morse"]] += by_morse.ravel().astype(np.float32)
            derivative[self._places["morse_switch"]] += np.float32(by_switch)
        return total / len(frames), derivative / np.float32(len(frames))

    def _repulsion(self, vector: np.ndarray) -> Repulsion | None:
        if not self._architecture.repulsion:
            return None
        parts = self._layout.parts(vector)
        return Repulsion(parts["morse"], float(parts["morse_switch"][0]), self._architecture.cutoff)

    def _of_frame(self, frame: Frame, energy: float, forces: np.ndarray) -> tuple[float, float, np.ndarray]:
        """Loss of a frame, its derivatives by the energy and the forces."""
        options = self._options
        value, by_energy, by_forces = 0.0, 0.0, np.zeros_like(forces)
        if frame.forces is not None and options.force_weight:
            errors = forces - frame.forces
            value += options.force_weight * float(log_cosh(errors, options.force_scale).mean())
            by_forces = options.force_weight * np.tanh(options.force_scale * errors) / errors.size
        if frame.energy is not None and options.energy_weight:
            n = len(frame.spectrum)
            error = (energy - frame.energy) / n
            value += options.energy_weight * float(log_cosh(np.array(error), options.energy_scale))
            by_energy = options.energy_weight * float(np.tanh(options.energy_scale * error)) / n
        return value, by_energy, by_forces


def log_cosh(errors: np.ndarray, scale: float) -> np.ndarray:
    """ln cosh(s x)/s of ``errors`` x of any shape."""
    scaled = np.abs(scale * errors)
    return (scaled + np.log1p(np.exp(-2.0 * scaled)) - np.log(2.0)) / scale
