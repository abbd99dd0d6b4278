"""A network's potential as the liquid's own forces: what stands beside ``part: electrode``.

The potential sees the liquid's atoms alone, periodic in the case's cell. One that is a difference to a force
field is added to the case's own. Where its members differ much more
than on the frames that they were judged by (:class:`polcouple.nn.potential.flag.Flag`), the atoms are where
no frame was: that is told, the frame kept for labels or labelled at once where asked to, or the run stopped.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from polcouple.case.case import Case
from polcouple.coupling.forces import Evaluation, Timings
from polcouple.errors import ConvergenceError, InputError
from polcouple.nn.potential.flag import Extrapolation, Flag
from polcouple.nn.potential.potential import Potential
from polcouple.propagation.frame_labels import FrameLabels
from polcouple.propagation.liquid_force_field import LiquidForceField
from polcouple.units import BOHR_TO_ANGSTROM, EV_TO_HARTREE


class PotentialForces:
    """Energy and forces of a case's liquid by a potential, in Hartree and bohr.

    Args:
        case: whose electrodes it does not see; their forces are zero.
        potential: of the liquid's elements.
        extrapolation: what is done where members differ much.
        check_every: evaluations between looks at that; 0 for none.
        keep: file of extended XYZ to which such frames are appended, to be labelled.
        labels: what labels such frames before they are appended to its file, where ``extrapolation`` is
            ``label``; the step itself goes on with the network's forces, and energy is conserved.

    Attributes:
        timings: where the time went.
        warnings: what was told of.

    Raises:
        InputError: another element, or no committee to look at.
    """

    def __init__(
        self,
        case: Case,
        potential: Potential,
        extrapolation: Extrapolation = "warn",
        check_every: int = 10,
        keep: Path | None = None,
        labels: FrameLabels | None = None,
    ) -> None:
        self.timings, self.warnings = Timings(), set[str]()
        self._liquid = case.electrolyte_indices
        self._symbols = [case.symbols[i] for i in self._liquid]
        self._kinds = potential.architecture.kinds(self._symbols)
        self._potential, self._flag = potential, Flag(potential)
        self._force_field = LiquidForceField(case) if potential.difference_to else None
        self._extrapolation, self._keep, self._labels = extrapolation, keep, labels
        self._check_every = check_every
        self._evaluations, self._told = 0, False
        if (extrapolation == "label") != (labels is not None):
            raise ValueError("labels go with extrapolation 'label'")
        if not self._flag.possible and (extrapolation != "warn" or keep is not None):
            raise InputError(
                f"{potential.name}: one network alone cannot tell where it has not been trained; train a"
                " committee (--members), or go without --extrapolation and --keep"
            )

    def evaluate(self, positions: np.ndarray, cell: np.ndarray, replica: int = 0) -> Evaluation:
        """Answer to positions (N, 3) of the whole case; extras: ``disagreement`` in eV/A where looked at.

        Raises:
            ConvergenceError: members differ much, and that is to stop the run.
        """
        looked = bool(self._check_every) and self._evaluations % self._check_every == 0
        self._evaluations += 1
        start = time.perf_counter()
        base: tuple[float, np.ndarray] = 0.0, np.zeros_like(positions)
        liquid, lattice = positions[self._liquid] * BOHR_TO_ANGSTROM, cell * BOHR_TO_ANGSTROM
        looked = looked and self._flag.possible
        if self._force_field is not None:
            base = self._force_field.evaluate(positions, replica)
            self.timings.add("force field", start)
            start = time.perf_counter()
        result = self._potential.evaluate(self._kinds, liquid, lattice, (True,) * 3, disagreement=looked)
        self.timings.add("network", start)
        forces = np.zeros_like(positions)
        forces[self._liquid] = result.forces * (EV_TO_HARTREE * BOHR_TO_ANGSTROM)
        extras: dict[str, object] = {}
        if result.disagreement is not None:
            extras["disagreement"] = float(np.sqrt((result.disagreement**2).mean()))
        energy = result.energy * EV_TO_HARTREE
        text = self._flag.warning(result)
        if text is not None:
            self._tell(text, liquid, lattice, base)
        return Evaluation(energy + base[0], forces + base[1], extras)

    def _tell(
        self, text: str, positions: np.ndarray, cell: np.ndarray, base: tuple[float, np.ndarray]
    ) -> None:
        if self._keep is not None or self._labels is not None:
            from ase import Atoms

            atoms = Atoms(self._symbols, positions, cell=cell, pbc=True)
            if self._keep is not None:
                from ase.io import write

                write(self._keep, atoms, format="extxyz", append=True)
            if self._labels is not None:
                scale = 1.0 / EV_TO_HARTREE
                known = base[0] * scale, base[1][self._liquid] * (scale / BOHR_TO_ANGSTROM)
                if (failure := self._labels.add(atoms, *known)) is not None:
                    self.warnings.add(failure)
        if self._extrapolation == "stop":
            raise ConvergenceError(f"{text}; label such frames and train on them, or --extrapolation warn")
        if not self._told:
            self._told = True
            self.warnings.add(text)


def of_the_liquid(case: Case) -> Case:
    """The case as i-PI sends it to the program that has the liquid: the liquid's atoms alone."""
    return replace(case, system=case.system.model_copy(update={"ipi_atoms": "liquid"}))
