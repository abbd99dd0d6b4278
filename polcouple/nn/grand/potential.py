"""A committee of grand potentials: Omega, forces and electrons of atoms at a level, and its files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.errors import InputError
from polcouple.lattice.pairs import neighbour_pairs
from polcouple.nn.grand.architecture import GrandArchitecture
from polcouple.nn.grand.member import Member
from polcouple.nn.grand.outside import outside_text
from polcouple.nn.grand.scene import scene_of
from polcouple.nn.kinds import GRAND_POTENTIAL
from polcouple.nn.model_files import (
    fitting_weights,
    load_model_files,
    require_kind,
    require_stated,
)
from polcouple.nn.potential.potential import Architecture


@dataclass(frozen=True, eq=False)
class GrandResult:
    """Answer of a grand potential, eV and Angstrom.

    Attributes:
        grand_potential: Omega with the electrons counted that are more than the neutral atoms have: A + mu Q.
        forces: (n, 3) its negative derivative by the positions.
        electrons: its negative derivative by mu: n = -Q, e.
        capacitance: dn/dmu, e/V; NaN in the scalar design.
        disagreement: (n,) root of the members' mean squared deviation from the mean force, eV/A.
    """

    grand_potential: float
    forces: np.ndarray
    electrons: float
    capacitance: float
    disagreement: np.ndarray


class GrandPotential:
    """Omega(R, mu) by a committee of networks.

    Args:
        architecture: of every member.
        members: (m, numbers) vectors of the architecture's layout.
        references: (m, e) energy in eV that every atom of an element adds, of each member.
        precision: of the networks' arithmetic; all else is in double.
    """

    def __init__(
        self,
        name: str,
        architecture: GrandArchitecture,
        members: np.ndarray,
        references: np.ndarray,
        precision: type = np.float32,
    ) -> None:
        self.name, self.architecture = name, architecture
        self.members, self.references = np.asarray(members, np.float32), np.asarray(references, float)
        layout, elements = architecture.layout(), architecture.surroundings.elements
        if self.members.ndim != 2 or self.members.shape[1] != layout.length or not len(self.members):
            raise ValueError(f"members of {layout.length} numbers expected, got {self.members.shape}")
        if self.references.shape != (len(self.members), len(elements)):
            raise ValueError(f"references of {len(elements)} elements expected")
        self._descriptors = architecture.surroundings.descriptors()
        self._precision = precision
        self._each = [
            Member(architecture, layout.parts(vector.astype(precision)), self._descriptors)
            for vector in self.members
        ]

    def kinds(self, symbols: Sequence[str]) -> np.ndarray:
        """(n,) the number of each atom's element (InputError: an element that it does not know)."""
        return self.architecture.surroundings.kinds(symbols)

    def level(self, potential: float) -> float:
        """mu in eV at an electrode's potential U in V (InputError: it knows no zero of the potential)."""
        return self.architecture.level(potential)

    def in_double(self) -> GrandPotential:
        """The same in double precision."""
        return GrandPotential(self.name, self.architecture, self.members, self.references, np.float64)

    def evaluate(
        self, kinds: np.ndarray, positions: np.ndarray, cell: np.ndarray, level: float
    ) -> GrandResult:
        """Omega and its derivatives, periodic in all directions.

        Args:
            kinds: (n,) of :meth:`kinds`.
            positions: (n, 3) in A.
            cell: (3, 3) a vector per row, A.
            level: mu in eV, from the cell's average potential.

        Raises:
            InputError: positions or cell are not finite, or no atoms of the electrode are there.
            ConvergenceError: no number of electrons is stable.
        """
        base = self.architecture.surroundings
        pairs = neighbour_pairs(positions, cell, (True,) * 3, base.cutoff)
        seen = self._descriptors.surroundings(kinds, pairs)
        spectrum: np.ndarray = seen.spectrum.astype(self._precision)
        scene = scene_of(self.architecture, seen, spectrum, positions, cell)
        each = [member.solve(scene, np.array([level])) for member in self._each]
        forces = np.array([one.forces for one in each])
        mean = forces.mean(axis=0)
        own = np.array([one.energies[0] for one in each]) + self.references[:, kinds].sum(axis=1)
        return GrandResult(
            float(own.mean()),
            mean,
            float(np.mean([one.electrons[0] for one in each])),
            float(np.mean([one.capacitances[0] for one in each])),
            np.sqrt(((forces - mean) ** 2).sum(axis=2).mean(axis=0)),
        )

    def outside(self, level: float) -> str | None:
        """One line where ``level`` lies outside those of the training."""
        a = self.architecture
        return outside_text(self.name, level, a.levels, a.reference)

    def description(self) -> dict[str, Any]:
        """What model.yaml says of it."""
        a, base = self.architecture, self.architecture.surroundings
        return {
            "kind": GRAND_POTENTIAL,
            "design": a.design,
            "elements": list(base.elements),
            "electrode": list(a.electrode),
            "levels": [round(level, 6) for level in a.levels],
            "members": len(self.members),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """What weights.h5 holds."""
        # checked by SHA-256, which model.yaml itself is not
        text = json.dumps(asdict(self.architecture)).encode()
        return {
            "members": self.members,
            "references": self.references,
            "architecture": np.frombuffer(text, np.uint8),
        }


def load_grand_potential(directory: Path, precision: type = np.float32) -> GrandPotential:
    """Read and verify a grand potential.

    Raises:
        InputError: files are missing, damaged, or of another kind of model.
    """
    description, arrays = load_model_files(directory)
    require_kind(directory, description, GRAND_POTENTIAL)
    with fitting_weights(directory):
        stored = json.loads(arrays["architecture"].tobytes())
        base = stored["surroundings"]
        base |= {"elements": tuple(base["elements"]), "widths": tuple(base["widths"])}
        names = ("electrode", "charges", "levels", "liquid_hardness")
        lists = {name: tuple(stored.get(name, ())) for name in names}
        architecture = GrandArchitecture(**stored | lists | {"surroundings": Architecture(**base)})
        potential = GrandPotential(
            directory.name, architecture, arrays["members"], arrays["references"], precision
        )
    require_stated(directory, description, potential.description())
    if not np.isfinite(potential.members).all():
        raise InputError(f"{directory}: its weights are not finite; train it again")
    return potential
