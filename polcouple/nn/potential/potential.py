"""A committee of networks as a potential: energy, forces, and how far its members differ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.errors import InputError
from polcouple.lattice.pairs import Pairs, neighbour_pairs
from polcouple.nn.kinds import POTENTIAL
from polcouple.nn.model_files import (
    fitting_weights,
    load_model_files,
    require_kind,
    require_stated,
)
from polcouple.nn.potential.charges import BondCharges, stored_charges
from polcouple.nn.potential.descriptors import Descriptors, Surroundings
from polcouple.nn.potential.morse import Repulsion
from polcouple.nn.potential.network import Layout, Network


@dataclass(frozen=True)
class Architecture:
    """What is the same for all members.

    Attributes:
        elements: symbols, in the order of their numbers.
        cutoff: of the surroundings, A.
        n_max: highest l + n of the descriptors.
        embedding: numbers an element.
        widths: of the hidden layers.
        repulsion: whether there is a Morse term.
        charges: of the atoms, whose Coulomb energy every member has; or None.
    """

    elements: tuple[str, ...]
    cutoff: float = 3.5
    n_max: int = 4
    embedding: int = 2
    widths: tuple[int, ...] = (64, 32, 16, 16, 16)
    repulsion: bool = True
    charges: BondCharges | None = None

    def descriptors(self) -> Descriptors:
        """What goes into the networks."""
        return Descriptors(len(self.elements), self.n_max, self.cutoff)

    def layout(self) -> Layout:
        """The places of a member's numbers."""
        inputs = self.descriptors().length
        return Layout(len(self.elements), inputs, self.embedding, self.widths, self.repulsion)

    def kinds(self, symbols: Sequence[str]) -> np.ndarray:
        """(n,) the number of each atom's element.

        Raises:
            InputError: an element that there is none for.
        """
        numbers = {symbol: number for number, symbol in enumerate(self.elements)}
        unknown = sorted({symbol for symbol in symbols if symbol not in numbers})
        if unknown:
            raise InputError(
                f"the potential knows {', '.join(self.elements)}, and not {', '.join(unknown)}; train one on"
                " frames with these elements"
            )
        return np.array([numbers[symbol] for symbol in symbols], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class PotentialResult:
    """Answer of a potential, eV and Angstrom.

    Attributes:
        energy: the members' mean.
        forces: (n, 3) its negative derivative.
        virial: (3, 3) minus the derivative of the energy by a strain.
        member_energies: (m,).
        disagreement: (n,) root of the members' mean squared deviation from the mean force, or None.
    """

    energy: float
    forces: np.ndarray
    virial: np.ndarray
    member_energies: np.ndarray
    disagreement: np.ndarray | None = None


class Potential:
    """Energy and forces of atoms by a committee of networks.

    Args:
        architecture: of every member.
        members: (m, numbers) vectors of :class:`polcouple.nn.potential.network.Layout`.
        references: (m, e) energy in eV that every atom of an element adds, of each member.
        usual: what the members' disagreement does not exceed in three of four frames like those of the
            training (eV/A), as root mean square over a frame's atoms, and of its worst atom.
        precision: of the networks' arithmetic; that of the geometry is double.
        difference_to: what its energy leaves out, such as a force field; empty where it is the whole energy.
    """

    def __init__(
        self,
        name: str,
        architecture: Architecture,
        members: np.ndarray,
        references: np.ndarray,
        usual: tuple[float, float] | None = None,
        precision: type = np.float32,
        difference_to: str = "",
    ) -> None:
        self.difference_to = difference_to
        self.name, self.architecture, self.usual = name, architecture, usual
        self.members, self.references = np.asarray(members, np.float32), np.asarray(references, float)
        layout = architecture.layout()
        if self.members.ndim != 2 or self.members.shape[1] != layout.length or not len(self.members):
            raise ValueError(f"members of {layout.length} numbers expected, got {self.members.shape}")
        if self.references.shape != (len(self.members), len(architecture.elements)):
            raise ValueError(f"references of {len(architecture.elements)} elements expected")
        self._descriptors = architecture.descriptors()
        parts = [layout.parts(vector.astype(precision)) for vector in self.members]
        self._networks = [Network(layout, one) for one in parts]
        self._repulsions = [
            Repulsion(one["morse"], float(one["morse_switch"][0]), architecture.cutoff)
            for one in parts
            if architecture.repulsion
        ]
        self._precision = precision

    def evaluate(
        self,
        kinds: np.ndarray,
        positions: np.ndarray,
        cell: np.ndarray,
        periodic: Sequence[bool],
        disagreement: bool = False,
    ) -> PotentialResult:
        """Energy and forces.

        Args:
            kinds: (n,) of :meth:`Architecture.kinds`.
            positions: (n, 3) in A.
            cell: (3, 3) a vector per row, A; those that are not periodic do not matter.
            disagreement: compute every member's forces.

        Raises:
            InputError: positions or cell are not finite.
        """
        pairs = neighbour_pairs(positions, cell, periodic, self.architecture.cutoff)
        seen = self._descriptors.surroundings(kinds, pairs)
        spectrum: np.ndarray = seen.spectrum.astype(self._precision)
        energies, by_spectra = [], []
        for network in self._networks:
            of_atoms, by_spectrum = network.energies(kinds, spectrum)
            energies.append(float(of_atoms.sum(dtype=float)))
            by_spectra.append(by_spectrum)
        morse = [repulsion.energies(kinds, pairs) for repulsion in self._repulsions]
        for member, (of_atoms, _) in enumerate(morse):
            energies[member] += float(of_atoms.sum())
        spread = None
        if disagreement:
            every = [self._by_vectors(seen, one) for one in by_spectra]
            every = [one + morse[m][1] if morse else one for m, one in enumerate(every)]
            by_vectors = np.mean(every, axis=0)
            forces = np.array([pair_forces(pairs, one) for one in every])
            spread = np.sqrt(((forces - forces.mean(axis=0)) ** 2).sum(axis=2).mean(axis=0))
        else:
            by_vectors = self._by_vectors(seen, np.mean(by_spectra, axis=0))
            if morse:
                by_vectors += np.mean([by_vector for _, by_vector in morse], axis=0)
        own = np.array(energies) + self.references[:, kinds].sum(axis=1)
        virial = -pairs.vectors.T @ by_vectors
        total = pair_forces(pairs, by_vectors)
        if self.architecture.charges is not None:
            charged = self.architecture.charges.forces(kinds, pairs, positions, cell, periodic)
            own, total, virial = own + charged.energy, total + charged.forces, virial + charged.virial
        return PotentialResult(float(own.mean()), total, virial, own, spread)

    def _by_vectors(self, seen: Surroundings, by_spectrum: np.ndarray) -> np.ndarray:
        return self._descriptors.by_vectors(seen, by_spectrum.astype(float))

    def member(self, number: int) -> Potential:
        """One member as a potential of its own."""
        one = slice(number, number + 1)
        return Potential(
            self.name,
            self.architecture,
            self.members[one],
            self.references[one],
            None,
            self._precision,
            self.difference_to,
        )

    def description(self) -> dict[str, Any]:
        """What model.yaml says of it."""
        a = self.architecture
        difference: dict[str, Any] = {"difference_to": self.difference_to} if self.difference_to else {}
        charges = {"charges": a.charges.description()} if a.charges is not None else {}
        return (
            difference
            | charges
            | {
                "kind": POTENTIAL,
                "elements": list(a.elements),
                "cutoff": a.cutoff,
                "n_max": a.n_max,
                "embedding": a.embedding,
                "widths": list(a.widths),
                "repulsion": a.repulsion,
                "members": len(self.members),
            }
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """What weights.h5 holds."""
        # checked by SHA-256, which model.yaml itself is not
        text = json.dumps(asdict(self.architecture)).encode()
        difference = np.frombuffer(self.difference_to.encode(), np.uint8)
        return ({"difference_to": difference} if self.difference_to else {}) | {
            "members": self.members,
            "references": self.references,
            "usual_disagreement": np.array(self.usual if self.usual is not None else [], float),
            "architecture": np.frombuffer(text, np.uint8),
        }


def pair_forces(pairs: Pairs, by_vectors: np.ndarray) -> np.ndarray:
    """(n, 3) forces of an energy with the derivatives ``by_vectors`` by the pairs' vectors."""
    n = len(pairs.first) - 1
    owner = np.repeat(np.arange(n), np.diff(pairs.first))
    return np.column_stack(
        [
            np.bincount(owner, column, minlength=n) - np.bincount(pairs.second, column, minlength=n)
            for column in by_vectors.T
        ]
    )


def load_potential(directory: Path, precision: type = np.float32) -> Potential:
    """Read and verify a potential.

    Raises:
        InputError: files are missing, damaged, or of another kind of model.
    """
    description, arrays = load_model_files(directory)
    require_kind(directory, description, POTENTIAL)
    with fitting_weights(directory):
        stored = json.loads(arrays["architecture"].tobytes())
        lists = {"elements": tuple(stored["elements"]), "widths": tuple(stored["widths"])}
        charges = stored.get("charges")
        charges = {"charges": None if charges is None else stored_charges(charges)}
        architecture = Architecture(**stored | lists | charges)
        usual = arrays["usual_disagreement"]
        potential = Potential(
            directory.name,
            architecture,
            arrays["members"],
            arrays["references"],
            (float(usual[0]), float(usual[1])) if len(usual) else None,
            precision,
            arrays["difference_to"].tobytes().decode() if "difference_to" in arrays else "",
        )
    require_stated(directory, description, potential.description())
    if not np.isfinite(potential.members).all():
        raise InputError(f"{directory}: its weights are not finite; train it again")
    return potential
