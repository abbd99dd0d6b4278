"""`dftbplus`: the DFTB+ program, the outside authority that the other backends answer to."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from polcouple.backends.base import ChargeResult, Environment
from polcouple.backends.capabilities import Capabilities
from polcouple.backends.dftb import SlakoOptions
from polcouple.dftbplus.errors import DftbPlusError, NotConvergedError
from polcouple.dftbplus.input import InputWriter, Method
from polcouple.dftbplus.library import LibraryRunner
from polcouple.dftbplus.output import Output, raise_if_not_converged, read_output
from polcouple.dftbplus.process import find_program, run_program
from polcouple.electrode import Electrode, Electrolyte

#: DFTB+ conserves electrons to the precision of its Fermi level search; a larger error is a failure (e)
_LARGEST_EXCESS = 1e-6


class Options(SlakoOptions):
    """Settings of DFTB+."""

    incidental: ClassVar[frozenset[str]] = SlakoOptions.incidental | {
        "command",
        "library",
        "max_cycles",
        "threads",
        "timeout_seconds",
        "work_directory",
        "keep_files",
    }
    command: str = Field("dftb+", description="how to start the program, for example 'mpirun -n 4 dftb+'")
    interface: Literal["files", "library"] = Field(
        "files", description="the program, or the Python interface of libdftbplus"
    )
    library: Path | None = Field(None, description="libdftbplus, where its Python package does not find it")
    temperature_kelvin: float = Field(300.0, gt=0.0, description="electronic temperature")
    k_points: tuple[int, int, int] = Field((1, 1, 1), description="Monkhorst-Pack mesh")
    scc_tolerance: float = Field(1e-7, gt=0.0, le=1e-2, description="largest SCC error, e")
    max_cycles: int = Field(300, ge=1, description="SCC cycles after which it counts as not converged")
    threads: int | None = Field(None, ge=1, description="OpenMP threads; default: the environment's")
    timeout_seconds: float = Field(3600.0, gt=0.0, description="wall time after which a run is killed")
    work_directory: Path = Field(Path("dftbplus"), description="where each run gets a directory of its own")
    keep_files: bool = Field(False, description="keep the directories of successful runs too")
    overrides: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="further keywords, written as ASE's Dftb takes them"
    )

    def capabilities(self) -> Capabilities:
        """See :meth:`BackendOptions.capabilities`.

        The program is given the electrolyte's point charges. A second instance of the library would end the
        process.
        """
        if self.interface == "library":
            alone = "a process can use the library for one electrode; use --backend dftb"
            return Capabilities(
                energy=True, conservative=True, most_electrodes=1, reasons={"most_electrodes": alone}
            )
        blind = (
            "the program sees the electrolyte's point charges alone, not another electrode or a slab's field;"
            " use --backend dftb"
        )
        return Capabilities(
            positions="all",
            energy=True,
            conservative=True,
            most_electrodes=1,
            slab=False,
            reasons={
                "most_electrodes": blind,
                "slab": f"{blind}, or interface: library",
            },
        )


class Backend:
    """Mulliken charges from DFTB+ with the electrolyte as external point charges.

    The energy is the total Mermin free energy, in which DFTB+ includes the interaction with the point
    charges. Every call gets a directory of its own, so replicas never share files; what is remembered of a
    replica, its last charges, comes with the guess. A call that fails is repeated once from neutral atoms.
    """

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        self.capabilities = options.capabilities()
        self._n = len(electrode)
        self._options = options
        method = Method(
            options.slako_directory,
            options.temperature_kelvin,
            options.k_points,
            options.shell_resolved,
            options.scc_tolerance,
            options.max_cycles,
            options.overrides,
        )
        self._writer = InputWriter(electrode, method)
        self._library: LibraryRunner | None = None
        if options.interface == "library":
            self._library = LibraryRunner(electrode, self._writer, options.library)
        else:
            self._command = find_program(options.command)

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """See :class:`polcouple.backends.base.ChargeBackend`.

        Raises:
            DftbPlusError: DFTB+ failed twice, with its own message and where its files are.
        """
        if self._library is not None:
            return self._solve_in_library(self._library, environment, total_charge)
        initial = None
        if guess is not None and guess.charges.shape == (self._n,) and np.isfinite(guess.charges).all():
            initial = guess.charges
        try:
            output = self._run(environment, total_charge, initial)
            warnings: tuple[str, ...] = ()
        except DftbPlusError as first:
            if initial is None and isinstance(first, NotConvergedError):
                return self._not_converged(first)
            try:
                output = self._run(environment, total_charge, None)
            except NotConvergedError as second:
                return self._not_converged(second)
            except DftbPlusError as second:
                raise DftbPlusError(f"DFTB+ failed twice: {first}; from a fresh guess: {second}") from None
            warnings = (f"dftbplus: repeated from a fresh guess, because {first}",)
        return ChargeResult(
            self._balanced(output.charges, total_charge),
            environment.site_potentials,
            output.mermin_energy,
            output.fermi_level,
            iterations=output.cycles,
            residual=output.residual,
            warnings=self._writer.warnings + warnings,
        )

    def _solve_in_library(
        self, library: LibraryRunner, environment: Environment, total_charge: float
    ) -> ChargeResult:
        potentials = environment.site_potentials
        charges, energy = library.solve(potentials, total_charge)
        charges = self._balanced(charges, total_charge)
        return ChargeResult(
            charges, potentials, energy, residual=self._options.scc_tolerance, warnings=self._writer.warnings
        )

    def _run(self, environment: Environment, total_charge: float, initial: np.ndarray | None) -> Output:
        """One calculation in a directory of its own, which stays if it fails."""
        options = self._options
        directory = options.work_directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
            directory = Path(tempfile.mkdtemp(prefix="run-", dir=directory))
            self._writer.write(
                directory, total_charge, environment.positions, environment.electrolyte.charges, initial
            )
            try:
                run_program(self._command, directory, options.threads, options.timeout_seconds)
            except DftbPlusError:
                raise_if_not_converged(directory)
                raise
            output = read_output(directory, self._n, options.shell_resolved)
            self._balanced(output.charges, total_charge)
        except NotConvergedError as error:
            raise NotConvergedError(f"{error}; see {directory}", error.cycles, error.residual) from None
        except DftbPlusError as error:
            raise DftbPlusError(f"{error}; see {directory}") from None
        except OSError as error:
            raise DftbPlusError(f"{error.strerror} in {directory}") from None
        if not options.keep_files:
            shutil.rmtree(directory, ignore_errors=True)
        return output

    def _balanced(self, charges: np.ndarray, total_charge: float) -> np.ndarray:
        """Charges with exactly the total charge, the numerical excess being spread evenly."""
        excess = float(charges.sum()) - total_charge
        if not abs(excess) < _LARGEST_EXCESS:
            raise DftbPlusError(f"the charges add up to {charges.sum():.8f} e, not to {total_charge:g}")
        return charges - excess / self._n

    def _not_converged(self, error: NotConvergedError) -> ChargeResult:
        return ChargeResult(
            np.full(self._n, np.nan),
            converged=False,
            iterations=error.cycles,
            residual=error.residual,
            warnings=(f"dftbplus: {error}",),
        )
