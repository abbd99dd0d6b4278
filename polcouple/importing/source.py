"""A system as the files of some program have it, before anything of polcouple is in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from polcouple.errors import InputError
from polcouple.units import NM_TO_BOHR

if TYPE_CHECKING:
    import openmm

#: accuracy of the Coulomb interactions that a case is written with
EWALD_TOLERANCE = 5e-5


@dataclass(frozen=True, eq=False)
class Source:
    """The particles of a system, virtual sites included, and their force field.

    Attributes:
        path: of the file that the force field is from, for messages.
        structure: of the file that the positions are from.
        system: all interactions.
        elements: chemical symbol of each particle, None where the files do not say.
        labels: name of each particle.
        residue_names, residue_numbers: of each particle.
        positions: (particles, 3) in bohr.
        cell: (3, 3) rows in bohr.
    """

    path: Path
    structure: Path
    system: openmm.System
    elements: tuple[str | None, ...]
    labels: tuple[str, ...]
    residue_names: tuple[str, ...]
    residue_numbers: tuple[int, ...]
    positions: np.ndarray
    cell: np.ndarray


#: what is rigid
Rigid = Literal["water", "hydrogens", "none"]


@dataclass(frozen=True)
class PairOptions:
    """What topology files leave to the program that runs them.

    Attributes:
        cutoff: of pairs in real space, in Angstrom.
        switch: where Lennard-Jones energies begin to go to zero, in Angstrom; None: they are truncated.
        rigid: what is, where the files do not say (all but GROMACS'): water; water, and the bonds of all
            hydrogens; or nothing, by the springs that the files have.
    """

    cutoff: float = 10.0
    switch: float | None = 9.0
    rigid: Rigid = "water"

    def check(self) -> None:
        """Refuse lengths that are none.

        Raises:
            InputError: with the lengths.
        """
        if not 0.0 < self.cutoff < np.inf:
            raise InputError(f"--cutoff {self.cutoff:g} must be a positive length in Angstrom")
        if self.switch is not None and not 0.0 < self.switch < self.cutoff:
            raise InputError(
                f"--switch {self.switch:g} must be positive and below the cut-off of {self.cutoff:g} Angstrom"
            )

    def of_openmm(self) -> dict[str, Any]:
        """Arguments of the functions of openmm.app that make a System."""
        import openmm.app as app
        from openmm.unit import angstrom

        return {
            "nonbondedMethod": app.PME,
            "nonbondedCutoff": self.cutoff * angstrom,
            "switchDistance": (self.switch or 0.0) * angstrom,
            "constraints": app.HBonds if self.rigid == "hydrogens" else None,
            "rigidWater": self.rigid != "none",
            "ewaldErrorTolerance": EWALD_TOLERANCE,
            "removeCMMotion": False,
        }


def without_tails(system: openmm.System) -> openmm.System:
    """The System without corrections for Lennard-Jones interactions beyond the cut-off.

    They are for a liquid that is the same everywhere, and a constant energy in a constant cell.
    """
    import openmm

    for force in system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            force.setUseDispersionCorrection(False)
        elif isinstance(force, openmm.CustomNonbondedForce):
            force.setUseLongRangeCorrection(False)
    return system


def symbols_of(topology: Any) -> tuple[str | None, ...]:
    """Of the elements of a topology of openmm.app, None where it does not know."""
    return tuple(None if atom.element is None else atom.element.symbol for atom in topology.atoms())


def source_of_openmm(
    path: Path, structure: Path, system: openmm.System, topology: Any, positions: Any, box: Any
) -> Source:
    """Of a topology of openmm.app, with positions and box vectors in its units.

    Raises:
        InputError: there is no box, or the numbers of particles differ.
    """
    from openmm.unit import nanometer

    atoms = list(topology.atoms())
    if not system.getNumParticles() == len(atoms) == len(positions):
        raise InputError(
            f"{path}: describes {system.getNumParticles()} atoms, {structure} holds {len(positions)}; take"
            " the structure that belongs to it"
        )
    if box is None:
        raise InputError(f"{structure}: has no periodic cell, which electrodes need; add it")
    return Source(
        path,
        structure,
        system,
        symbols_of(topology),
        tuple(atom.name for atom in atoms),
        tuple(atom.residue.name for atom in atoms),
        tuple(atom.residue.index + 1 for atom in atoms),
        np.array(positions.value_in_unit(nanometer), float) * NM_TO_BOHR,
        np.array(box.value_in_unit(nanometer), float) * NM_TO_BOHR,
    )
