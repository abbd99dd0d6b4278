"""The force field of a liquid by OpenMM's ForceField files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from polcouple.builder.electrode_lennard_jones import Parameters
from polcouple.builder.molecule_files import MoleculeFile, field_files, read_structure
from polcouple.errors import InputError
from polcouple.importing.openmm_files import is_system, source_of_field
from polcouple.importing.source import PairOptions, Source
from polcouple.importing.structure import reduced_vectors, require_files
from polcouple.units import BOHR_TO_NM, KCAL_TO_KJ

_ELECTRODE = "electrode"


class OpenMMField:
    """Molecules by .xml files, or names of files that ship with OpenMM, and .pdb files.

    Attributes:
        places: (n, 3) in Angstrom of the atoms of one molecule of each kind.
    """

    def __init__(self, molecules: tuple[MoleculeFile, ...]) -> None:
        import openmm.app as app

        self._files = field_files(molecules)
        for path in self._files:
            if is_system(_of_openmm(path)):
                raise InputError(f"{path}: a System of OpenMM is of given atoms; give a ForceField")
        self._templates, self.places = [], []
        for molecule in molecules:
            path = molecule.structure
            require_files(path)
            if path.suffix.lower() != ".pdb":
                raise InputError(f"{path}: OpenMM's force fields go by residues and bonds; give a .pdb file")
            _, places = read_structure(path)
            self._templates.append(app.PDBFile(str(path)).topology)
            self.places.append(places)

    def source(
        self,
        counts: Sequence[int],
        electrode: Sequence[str],
        parameters: Mapping[str, Parameters],
        cell: np.ndarray,
        pairs: PairOptions,
    ) -> Source:
        """See :meth:`polcouple.builder.gromacs_field.GromacsField.source`."""
        import openmm.app as app
        from openmm.unit import Quantity, nanometer

        box = Quantity(cell * BOHR_TO_NM, nanometer)
        topology = app.Topology()
        topology.setPeriodicBoxVectors(Quantity(reduced_vectors(cell) * BOHR_TO_NM, nanometer))
        chain = topology.addChain()
        for symbol in electrode:
            residue = topology.addResidue(f"{_ELECTRODE}_{symbol}", chain)
            topology.addAtom(symbol, app.Element.getBySymbol(symbol), residue)
        for template, count in zip(self._templates, counts, strict=True):
            for _ in range(count):
                _add(topology, template)
        positions = Quantity(np.zeros((topology.getNumAtoms(), 3)), nanometer)
        own = io.StringIO(self._electrode(parameters))
        return source_of_field([*self._files, own], topology, positions, box, pairs)

    def _electrode(self, parameters: Mapping[str, Parameters]) -> str:
        """A force field of electrode atoms; Lennard-Jones interactions are where the files have them."""
        scales, apart = self._forces()
        atoms = {
            element: (0.1 * sigma, KCAL_TO_KJ * epsilon)
            for element, (sigma, epsilon, _) in parameters.items()
        }
        types = "".join(
            f'<Type name="{_ELECTRODE}_{e}" class="{_ELECTRODE}_{e}" element="{e}" mass="{_mass(e)}"/>'
            for e in atoms
        )
        residues = "".join(
            f'<Residue name="{_ELECTRODE}_{e}"><Atom name="{e}" type="{_ELECTRODE}_{e}" charge="0.0"/>'
            "</Residue>"
            for e in atoms
        )

        def values(used: bool) -> str:
            return "".join(
                f'<Atom type="{_ELECTRODE}_{e}" sigma="{sigma}" epsilon="{epsilon if used else 0.0}"/>'
                for e, (sigma, epsilon) in atoms.items()
            )

        text = (
            f"<ForceField><AtomTypes>{types}</AtomTypes><Residues>{residues}</Residues><NonbondedForce"
            f' coulomb14scale="{scales[0]}" lj14scale="{scales[1]}">'
            f'<UseAttributeFromResidue name="charge"/>{values(apart is None)}</NonbondedForce>'
        )
        if apart is not None:
            text += f'<LennardJonesForce lj14scale="{apart}">{values(True)}</LennardJonesForce>'
        return text + "</ForceField>"

    def _forces(self) -> tuple[tuple[str, str], str | None]:
        """1-4 scales of the files' NonbondedForce, and of their LennardJonesForce where they have one."""
        scales, apart = ("1.0", "1.0"), None
        for path in self._files:
            root = ElementTree.parse(_of_openmm(path)).getroot()
            nonbonded, lennard_jones = root.find("NonbondedForce"), root.find("LennardJonesForce")
            if nonbonded is not None:
                scales = nonbonded.get("coulomb14scale", "1.0"), nonbonded.get("lj14scale", "1.0")
            if lennard_jones is not None:
                apart = lennard_jones.get("lj14scale", "1.0")
        return scales, apart


def _add(topology: Any, template: Any) -> None:
    """One more molecule."""
    copies = {}
    chain = topology.addChain()
    for residue in template.residues():
        own = topology.addResidue(residue.name, chain)
        for atom in residue.atoms():
            copies[atom] = topology.addAtom(atom.name, atom.element, own)
    for first, second in template.bonds():
        topology.addBond(copies[first], copies[second])


def _of_openmm(path: Path) -> Path:
    """The file itself, or the one of that name which ships with OpenMM.

    Raises:
        InputError: there is neither.
    """
    import openmm.app

    for found in (path, Path(openmm.app.__file__).parent / "data" / path):
        if found.is_file():
            return found
    raise InputError(f"{path}: no such file, and none of OpenMM's own force fields")


def _mass(element: str) -> float:
    from ase.data import atomic_masses, atomic_numbers

    return float(atomic_masses[atomic_numbers[element]])
