"""What the backends of SCC-DFTB may be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field, field_validator

from polcouple.backends.base import BackendOptions
from polcouple.backends.capabilities import POTENTIAL_ACCURACY, Capabilities
from polcouple.dftb.arrays import ArrayLibrary
from polcouple.dftb.cache import default_cache_directory
from polcouple.dftb.parameter_sets import find_slako
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters, skf_paths
from polcouple.electrode import Electrode
from polcouple.electrostatics.clouds import Cloud, ExponentialCloud
from polcouple.errors import InputError
from polcouple.units import KELVIN_TO_HARTREE

#: site potentials are asked for to this part of the charges' accuracy, Hartree/e per e: a charge follows the
#: potentials at all atoms, with errors that add up to some three times the largest
POTENTIALS_PART = 0.1
#: the best that site potentials of a periodic cell are made to, Hartree/e
BEST_POTENTIALS = 1e-10

if TYPE_CHECKING:
    from typing_extensions import Self


class SlakoOptions(BackendOptions):
    """Where the Slater-Koster files are, and whose their Hubbard U is."""

    incidental: ClassVar[frozenset[str]] = frozenset({"slako"})
    slako: Path | str = Field(
        DEFAULT_SLAKO,
        description="name of an installed parameter set, or a path with a slash in it (./mine) to a directory"
        " of A-B.skf files; default: mio-1-1, C and H",
    )
    shell_resolved: bool = Field(False, description="a charge fluctuation and a Hubbard U for every shell")

    @field_validator("slako")
    @classmethod
    def _path_or_name(cls, value: Path | str) -> Path | str:
        return Path(value) if isinstance(value, str) and "/" in value else value

    @property
    def slako_directory(self) -> Path:
        """The directory that ``slako`` names; from the working directory if it is a relative path.

        Raises:
            InputError: there is no such set.
        """
        return find_slako(self.slako, Path())

    def in_directory(self, directory: Path) -> Self:
        """See :meth:`BackendOptions.in_directory`."""
        return super().in_directory(directory).model_copy(update={"slako": find_slako(self.slako, directory)})

    def files(self, symbols: Iterable[str]) -> tuple[Path, ...]:
        """See :meth:`BackendOptions.files`; the .skf files of the elements."""
        return tuple(skf_paths(self.slako_directory, symbols).values())

    def charge_clouds(self, symbols: Sequence[str]) -> tuple[Cloud, ...]:
        """See :meth:`BackendOptions.charge_clouds`; the charge fluctuations of SCC-DFTB."""
        if self.shell_resolved:
            raise InputError("shell_resolved: shapes of charges by shell are not known; leave it out")
        atoms = load_parameters(self.slako_directory, symbols).atoms
        return tuple(ExponentialCloud(3.2 * atoms[symbol].hubbard[0]) for symbol in symbols)


class HamiltonianOptions(SlakoOptions):
    """What defines the electronic problem."""

    incidental: ClassVar[frozenset[str]] = SlakoOptions.incidental | {"cache_directory", "array_library"}
    temperature_kelvin: float = Field(300.0, gt=0.0, description="electronic temperature")
    k_points: tuple[int, int, int] = Field((1, 1, 1), description="Monkhorst-Pack mesh")
    cache_directory: Path | None = Field(
        None,
        description="for H0, S, gamma; default $POLCOUPLE_CACHE or the user's cache directory",
    )
    array_library: ArrayLibrary = Field(
        "numpy", description="what computes with the matrices; jax: on a GPU where it sees one"
    )

    def capabilities(self) -> Capabilities:
        """See :meth:`BackendOptions.capabilities`."""
        by_shell = "charges are by shell, not by atom; leave shell_resolved out"
        return Capabilities(
            energy=True,
            conservative=True,
            derivatives=True,
            fermi_level=True,
            filling=not self.shell_resolved,
            levels=True,
            reasons={"filling": by_shell} if self.shell_resolved else {},
        )

    def frozen_electrode(self, electrode: Electrode) -> FrozenElectrode:
        """The electronic problem of ``electrode`` with these options.

        Raises:
            InputError: parameters missing or malformed, or a geometry that does not fit.
        """
        return FrozenElectrode(
            electrode,
            load_parameters(self.slako_directory, electrode.symbols),
            self.temperature_kelvin * KELVIN_TO_HARTREE,
            self.k_points,
            self.shell_resolved,
            self.cache_directory or default_cache_directory(),
            self.array_library,
        )


class Options(HamiltonianOptions):
    """Settings of the self-consistent calculation."""

    incidental: ClassVar[frozenset[str]] = HamiltonianOptions.incidental | {"max_cycles"}
    accuracy: float = Field(1e-6, ge=1e-11, le=1e-2, description="largest error of a charge, e")
    max_cycles: int = Field(100, ge=1, description="cycles after which a calculation counts as not converged")

    def capabilities(self) -> Capabilities:
        """See :meth:`BackendOptions.capabilities`."""
        accuracy = float(np.clip(POTENTIALS_PART * self.accuracy, BEST_POTENTIALS, POTENTIAL_ACCURACY))
        own = replace(super().capabilities(), orbitals=True)
        if self.array_library == "numpy":
            return replace(own, potential_accuracy=accuracy, mobile=True)
        reason = f"array_library: {self.array_library} is for a frozen one; leave it out"
        return replace(own, potential_accuracy=accuracy, reasons={**own.reasons, "mobile": reason})
