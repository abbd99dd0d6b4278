"""Settings of `metal`, of an electrode in its place and of one that moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from polcouple.backends.base import BackendOptions, backend_options
from polcouple.backends.capabilities import Capabilities
from polcouple.backends.dftb_options import Options as DftbOptions
from polcouple.electrostatics.clouds import Cloud, GaussianCloud
from polcouple.units import ANGSTROM_TO_BOHR

if TYPE_CHECKING:
    from typing_extensions import Self


class Options(BackendOptions):
    """Settings of the charges, and of the bonds of an electrode that moves."""

    gaussian_exponent_per_angstrom: float = Field(
        1.979, gt=0.0, description="eta of the Gaussian charges; 1.979 is common for carbon"
    )

    bonds: Literal["dftb", "file"] = Field(
        "dftb",
        description="what holds an electrode that moves together: the Hessian of `dftb`, or the terms of an"
        " imported case's file (`electrode_bonded: keep`)",
    )
    hessian: dict[str, Any] = Field(
        default_factory=dict, description="settings of `dftb` for it; default: those under `backends: dftb:`"
    )

    def with_others(self, others: Mapping[str, Mapping[str, Any]]) -> Self:
        """See :meth:`BackendOptions.with_others`; the case's settings of `dftb`, for the Hessian."""
        return self.model_copy(update={"hessian": {**others.get("dftb", {}), **self.hessian}})

    def in_directory(self, directory: Path) -> Self:
        """See :meth:`BackendOptions.in_directory`; those of the Hessian, too."""
        given = self.hessian_options()
        placed = given.in_directory(directory).model_dump(include=given.model_fields_set)
        return super().in_directory(directory).model_copy(update={"hessian": placed})

    def hessian_options(self) -> DftbOptions:
        """Settings of the Hessian.

        Raises:
            InputError: `dftb` has no such setting.
        """
        options = backend_options("dftb", self.hessian)
        assert isinstance(options, DftbOptions)
        return options

    def charge_clouds(self, symbols: Sequence[str]) -> tuple[Cloud, ...]:
        """See :meth:`BackendOptions.charge_clouds`; the Gaussians."""
        return (GaussianCloud(self.gaussian_exponent_per_angstrom / ANGSTROM_TO_BOHR),) * len(symbols)

    def capabilities(self) -> Capabilities:
        """See :meth:`BackendOptions.capabilities`."""
        return Capabilities(
            energy=True,
            conservative=True,
            derivatives=True,
            fermi_level=True,
            filling=True,
            mobile=True,
            bonds=self.bonds == "dftb",
        )
