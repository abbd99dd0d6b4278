"""Molecular dynamics of liquids at polarizable electrodes.

i-PI propagates the classical system; polcouple answers over i-PI's socket with energies and forces,
taking the electrode's atomic charges from one of several backends.

The names below are the library (docs/library.md). Each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polcouple.backends.base import ChargeBackend as ChargeBackend
    from polcouple.backends.base import ChargeResult as ChargeResult
    from polcouple.backends.base import Environment as Environment
    from polcouple.backends.base import backend_names as backend_names
    from polcouple.backends.base import create_backend as create_backend
    from polcouple.case.force_field import default_force_field as default_force_field
    from polcouple.case.in_memory import create_case as create_case
    from polcouple.case.model import Case as Case
    from polcouple.case.model import read_case as read_case
    from polcouple.check.finding import Finding as Finding
    from polcouple.check.findings import check_case as check_case
    from polcouple.compare.comparison import Comparison as Comparison
    from polcouple.compare.comparison import compare_backends as compare_backends
    from polcouple.coupling.ase_calculator import PolcoupleCalculator as PolcoupleCalculator
    from polcouple.coupling.ase_calculator import case_atoms as case_atoms
    from polcouple.coupling.charges import ChargeSolver as ChargeSolver
    from polcouple.coupling.electrodes import create_electrodes as create_electrodes
    from polcouple.coupling.forces import Evaluation as Evaluation
    from polcouple.coupling.forces import ForceProvider as ForceProvider
    from polcouple.data.configurations import Configuration as Configuration
    from polcouple.data.configurations import read_configurations as read_configurations
    from polcouple.data.grand_frames import grand_frames as grand_frames
    from polcouple.dftb.moving.ase_calculator import DftbCalculator as DftbCalculator
    from polcouple.dftb.moving.dftb import DftbResult as DftbResult
    from polcouple.dftb.moving.dftb import MovingDftb as MovingDftb
    from polcouple.dftb.moving.ensemble import FermiLevel as FermiLevel
    from polcouple.dftb.moving.ensemble import TotalCharge as TotalCharge
    from polcouple.dftb.moving.surroundings import PointCharges as PointCharges
    from polcouple.electrode import Electrode as Electrode
    from polcouple.electrode import Electrolyte as Electrolyte
    from polcouple.errors import ConvergenceError as ConvergenceError
    from polcouple.errors import InputError as InputError
    from polcouple.errors import PolcoupleError as PolcoupleError
    from polcouple.importing.amber import read_amber as read_amber
    from polcouple.importing.amber import read_charmm as read_charmm
    from polcouple.importing.gromacs import read_gromacs as read_gromacs
    from polcouple.importing.openmm_files import read_force_field as read_force_field
    from polcouple.importing.openmm_files import read_system as read_system
    from polcouple.importing.source import PairOptions as PairOptions
    from polcouple.importing.source import Source as Source
    from polcouple.importing.writing import ImportOptions as ImportOptions
    from polcouple.importing.writing import import_case as import_case
    from polcouple.ipi.changes import InputChanges as InputChanges
    from polcouple.learning.grand_options import GrandOptions as GrandOptions
    from polcouple.learning.grand_training import train_grand_potential as train_grand_potential
    from polcouple.learning.mace_options import MaceOptions as MaceOptions
    from polcouple.learning.mace_training import train_mace as train_mace
    from polcouple.learning.potential_training import PotentialOptions as PotentialOptions
    from polcouple.learning.potential_training import train_potential as train_potential
    from polcouple.nn.grand.ase_calculator import GrandPotentialCalculator as GrandPotentialCalculator
    from polcouple.nn.grand.potential import GrandPotential as GrandPotential
    from polcouple.nn.grand.potential import load_grand_potential as load_grand_potential
    from polcouple.nn.potential.ase_calculator import PotentialCalculator as PotentialCalculator
    from polcouple.nn.potential.potential import Potential as Potential
    from polcouple.nn.potential.potential import load_potential as load_potential
    from polcouple.propagation.programs import RunFailedError as RunFailedError
    from polcouple.simulation.run import run_case as run_case

__version__ = "0.1.0"

#: where each public name is defined
_HOMES = {
    "backends.base": ("ChargeBackend", "ChargeResult", "Environment", "backend_names", "create_backend"),
    "case.force_field": ("default_force_field",),
    "case.in_memory": ("create_case",),
    "case.model": ("Case", "read_case"),
    "check.finding": ("Finding",),
    "check.findings": ("check_case",),
    "compare.comparison": ("Comparison", "compare_backends"),
    "coupling.ase_calculator": ("PolcoupleCalculator", "case_atoms"),
    "coupling.charges": ("ChargeSolver",),
    "coupling.electrodes": ("create_electrodes",),
    "coupling.forces": ("Evaluation", "ForceProvider"),
    "data.configurations": ("Configuration", "read_configurations"),
    "dftb.moving.ase_calculator": ("DftbCalculator",),
    "dftb.moving.dftb": ("DftbResult", "MovingDftb"),
    "dftb.moving.ensemble": ("FermiLevel", "TotalCharge"),
    "dftb.moving.surroundings": ("PointCharges",),
    "electrode": ("Electrode", "Electrolyte"),
    "errors": ("ConvergenceError", "InputError", "PolcoupleError"),
    "importing.amber": ("read_amber", "read_charmm"),
    "importing.gromacs": ("read_gromacs",),
    "importing.openmm_files": ("read_force_field", "read_system"),
    "importing.source": ("PairOptions", "Source"),
    "importing.writing": ("ImportOptions", "import_case"),
    "ipi.changes": ("InputChanges",),
    "data.grand_frames": ("grand_frames",),
    "learning.grand_options": ("GrandOptions",),
    "learning.grand_training": ("train_grand_potential",),
    "learning.mace_options": ("MaceOptions",),
    "learning.mace_training": ("train_mace",),
    "learning.potential_training": ("PotentialOptions", "train_potential"),
    "nn.grand.ase_calculator": ("GrandPotentialCalculator",),
    "nn.grand.potential": ("GrandPotential", "load_grand_potential"),
    "nn.potential.ase_calculator": ("PotentialCalculator",),
    "nn.potential.potential": ("Potential", "load_potential"),
    "propagation.programs": ("RunFailedError",),
    "simulation.run": ("run_case",),
}

__all__ = [
    "Case",
    "ChargeBackend",
    "ChargeResult",
    "ChargeSolver",
    "Comparison",
    "Configuration",
    "ConvergenceError",
    "DftbCalculator",
    "DftbResult",
    "Electrode",
    "Electrolyte",
    "Environment",
    "Evaluation",
    "FermiLevel",
    "Finding",
    "ForceProvider",
    "GrandOptions",
    "GrandPotential",
    "GrandPotentialCalculator",
    "ImportOptions",
    "InputChanges",
    "InputError",
    "MaceOptions",
    "MovingDftb",
    "PairOptions",
    "PointCharges",
    "PolcoupleCalculator",
    "PolcoupleError",
    "Potential",
    "PotentialCalculator",
    "PotentialOptions",
    "RunFailedError",
    "Source",
    "TotalCharge",
    "backend_names",
    "case_atoms",
    "check_case",
    "compare_backends",
    "create_backend",
    "create_case",
    "create_electrodes",
    "default_force_field",
    "grand_frames",
    "import_case",
    "load_grand_potential",
    "load_potential",
    "read_amber",
    "read_case",
    "read_charmm",
    "read_configurations",
    "read_force_field",
    "read_gromacs",
    "read_system",
    "run_case",
    "train_grand_potential",
    "train_mace",
    "train_potential",
]


if not TYPE_CHECKING:  # to a type checker every name would be there

    def __getattr__(name: str) -> Any:
        """Load a public name."""
        for module, names in _HOMES.items():
            if name in names:
                found = getattr(import_module(f"{__name__}.{module}"), name)
                globals()[name] = found
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
