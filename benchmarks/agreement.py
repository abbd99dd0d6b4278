"""Whether OpenMM here and LAMMPS compute the same physics: forces on one configuration with fixed charges."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import lammps_electrode
from polcouple.case.model import Case, read_case
from polcouple.engines.openmm import ClassicalEngine
from polcouple.units import KCAL_TO_KJ, KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR

_TIGHT = 1e-7
_PER_NM_TO_PER_ANGSTROM = 0.1


def force_errors(
    directory: Path, lammps_accuracies: tuple[float, ...] = (1e-4, 1e-5, 2e-6)
) -> dict[str, float]:
    """Errors of the forces on the electrolyte, root mean square over that of the forces.

    The truth is OpenMM with a tolerance of 1e-7. Lennard-Jones is truncated without the case's switch, which
    LAMMPS has not.
    """
    case = _changed(read_case(directory), switch_angstrom=None)
    liquid = case.electrolyte_indices
    truth = _openmm(_changed(case, ewald_tolerance=_TIGHT))[liquid]
    scale = float(np.sqrt((truth**2).mean()))

    def error(forces: np.ndarray) -> float:
        return float(np.sqrt(((forces[liquid] - truth) ** 2).mean())) / scale

    errors = {"OpenMM": error(_openmm(case))}
    for accuracy in lammps_accuracies:
        with tempfile.TemporaryDirectory() as scratch:
            errors[f"LAMMPS {accuracy:g}"] = error(lammps_electrode.forces(case, accuracy, Path(scratch)))
    return errors


def _changed(case: Case, **values: object) -> Case:
    force_field = case.system.force_field.model_copy(update=values)
    return dataclasses.replace(case, system=case.system.model_copy(update={"force_field": force_field}))


def _openmm(case: Case) -> np.ndarray:
    """Forces (N, 3) in kcal/mol/Angstrom with the charge spread evenly."""
    engine = ClassicalEngine(case)
    engine.set_charges(np.full(len(case.electrode), case.total_charge / len(case.electrode)))
    _, forces = engine.evaluate(case.positions)
    return forces / KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR * _PER_NM_TO_PER_ANGSTROM / KCAL_TO_KJ
