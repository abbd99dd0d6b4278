"""The protocol every charge backend implements, and how a backend is found by its name.

A backend is one module, of this package or of another (:mod:`polcouple.plugins`), with two classes:
``Options``, a :class:`BackendOptions` with what users may write under ``backends: NAME:`` in system.yaml, and
``Backend``, which implements :class:`ChargeBackend`.

The electrode's electronic energy E(phi; Q) is a function of the site potentials phi (the electrostatic
potential of all electrolyte charges at the electrode atoms) and of the electrode's total charge Q, and

    dE/dphi_i = q_i

so that the classical Coulomb force exerted by the charges q is the exact force on the electrolyte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from pydantic import ValidationError

from polcouple.backends.capabilities import Capabilities
from polcouple.electrode import Electrode, Electrolyte
from polcouple.electrostatics.clouds import Cloud
from polcouple.errors import InputError, nearest
from polcouple.lattice.matrix import Matrix
from polcouple.plugins import Origin, Registry
from polcouple.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Self

    from polcouple.dftb.scf import FrozenElectrode
    from polcouple.dftb.solution import Solution
    from polcouple.nn.binning import Binning

_backends = Registry(
    "backend",
    "polcouple.backends",
    {name: f"polcouple.backends.{name}" for name in ("dftb", "dftbplus", "fixed", "metal", "nn", "response")},
    ("Options", "Backend"),
)


class Environment:
    """What the electrode sees at one instant: the electrolyte's point charges and their site potentials.

    Args:
        electrolyte: composition, m atoms.
        positions: (m, 3) in bohr.
        site_potentials: (n_electrode,) in Hartree/e, or a function that computes them from ``positions``;
            it is called once, on first use.
    """

    def __init__(
        self,
        electrolyte: Electrolyte,
        positions: np.ndarray,
        site_potentials: np.ndarray | Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self.electrolyte = electrolyte
        self.positions = positions
        self._site_potentials = site_potentials

    @cached_property
    def site_potentials(self) -> np.ndarray:
        """(n_electrode,) potential of the electrolyte at the electrode atoms in Hartree/e."""
        source = self._site_potentials
        return source(self.positions) if callable(source) else source


@dataclass(frozen=True, eq=False)
class ChargeResult:
    """The answer of a backend.

    Attributes:
        charges: (n_electrode,) in e.
        site_potentials: (n_electrode,) in Hartree/e at which the charges were computed, or None for a
            backend that does not look at them.
        energy: E(phi; Q) in Hartree with dE/dphi = charges, or None for charges without an internal energy;
            E = sum_i q_i phi_i is then what the electrolyte feels.
        fermi_level: in Hartree, or None.
        converged: False when the requested accuracy was not reached; the charges must then not be used.
        iterations: self-consistency cycles (0 for closed forms).
        residual: estimated largest error of a charge in e (0 for closed forms).
        unprojected_sum: sum of the charges in e before they were corrected to the total charge, or None
            where no correction was needed.
        warnings: one line each, for the log.
        total_charge: in e where it is an outcome, of an electrode at a given Fermi level; else None.
    """

    charges: np.ndarray
    site_potentials: np.ndarray | None = None
    energy: float | None = None
    fermi_level: float | None = None
    converged: bool = True
    iterations: int = 0
    residual: float = 0.0
    unprojected_sum: float | None = None
    warnings: tuple[str, ...] = ()
    total_charge: float | None = None


@dataclass(frozen=True, eq=False)
class ChargeDerivatives:
    """How an electrode answers to changes of the site potentials and of its total charge Q.

    Attributes:
        kernel: (n_electrode, n_electrode) K = dq/dphi at constant Q in e^2/Hartree, an array or, where the
            electrode repeats, a RepeatingMatrix; rows sum to zero.
        fukui: (n_electrode,) dq/dQ, the Fukui function; sums to one.
        hardness: -d(Fermi level)/dQ in Hartree/e.
    """

    kernel: Matrix
    fukui: np.ndarray
    hardness: float


class BackendOptions(Settings):
    """Base of a backend's settings: unknown keys are refused, values are not changed afterwards.

    Attributes:
        incidental: settings that tell how to compute, not what; and paths of :meth:`files`.
    """

    incidental: ClassVar[frozenset[str]] = frozenset()

    def in_directory(self, directory: Path) -> Self:
        """The same settings with relative paths (options that are a :class:`Path`) taken from ``directory``.

        Raises:
            InputError: a setting names something that does not exist.
        """
        paths = {name: value for name, value in self if isinstance(value, Path)}
        return self.model_copy(update={name: directory / path for name, path in paths.items()})

    def capabilities(self) -> Capabilities:
        """What the backend with these settings reads and gives; paths of the settings are absolute.

        Raises:
            InputError: a file that tells cannot be read.
        """
        return Capabilities()

    def bins(self) -> Binning | None:
        """The bins of which its charges are the medians; None where charges are continuous."""
        return None

    def with_others(self, others: Mapping[str, Mapping[str, Any]]) -> Self:
        """The same settings where ``others``, backends that it may ask, have these, by name."""
        return self

    def charge_clouds(self, symbols: Sequence[str]) -> tuple[Cloud, ...] | None:
        """Shapes of the charges of these n atoms, inside the electrode; None of one that has points alone.

        Raises:
            InputError: its charges are not by atom, or a file that tells is missing.
        """
        return None

    def files(self, symbols: Iterable[str]) -> tuple[Path, ...]:
        """Files of which the content decides the charges of an electrode of these elements."""
        return ()

    def identity(self, symbols: Iterable[str]) -> dict[str, str]:
        """All that decides the charges of an electrode of these elements: settings and digests of files."""
        settings = {name: str(value) for name, value in self if name not in self.incidental}
        digests = {path.name: hashlib.sha256() for path in self.files(symbols)}
        for path in self.files(symbols):
            digests[path.name].update(path.read_bytes() if path.is_file() else b"")
        return settings | {name: digest.hexdigest() for name, digest in digests.items()}


class ChargeBackend(Protocol):
    """A source of electrode charges.

    The constructor does all work that needs only the geometry.

    Attributes:
        capabilities: those of its options.

    Raises:
        PolcoupleError: from the constructor when options, files or electrode do not fit.
    """

    capabilities: Capabilities

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Any) -> None: ...

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """Charges of the electrode in ``environment`` at ``total_charge`` (e).

        ``guess`` is the previous result of the same replica. Non-convergence is a status of the result,
        not an exception; the caller decides.
        """
        ...


class RespondingBackend(ChargeBackend, Protocol):
    """A backend that knows its linear response; the capability ``derivatives``."""

    def derivatives(self, environment: Environment, total_charge: float) -> ChargeDerivatives:
        """Derivatives by site potentials and total charge, near ``environment`` and ``total_charge`` (e).

        They steer the search for charges that answer one another and have a given level; errors cost cycles,
        not accuracy.
        """
        ...


class FillingBackend(ChargeBackend, Protocol):
    """A backend that tells what filling its levels costs; the capability ``filling``."""

    def filling(self, result: ChargeResult) -> float:
        """mu - V of a result in Hartree: the Fermi level less the mean potential energy of an electron.

        V is the electrostatic potential energy in the field of the electrode's charges and of what is around
        it, averaged over the electrode's atoms.
        """
        ...


class OrbitalBackend(ChargeBackend, Protocol):
    """A backend whose results are states in orbitals; the capability ``orbitals``."""

    frozen_electrode: FrozenElectrode

    def solution(self, result: ChargeResult) -> Solution:
        """The self-consistent state of a result of this backend."""
        ...


def backend_names() -> list[str]:
    """Names of all backends, sorted."""
    return _backends.names()


def backend_origin(name: str) -> Origin:
    """The package that the backend ``name`` comes from.

    Raises:
        InputError: no such backend, or one that several packages claim.
    """
    return _backends.origin(name)


def backend_module(name: str) -> Any:
    """The module of the backend ``name``.

    Raises:
        InputError: no such backend, or one of another package that cannot be used.
    """
    return _backends.load(name)


def options_class(name: str) -> type[BackendOptions]:
    """The settings that the backend ``name`` takes.

    Raises:
        InputError: no such backend, or one of another package that cannot be used.
    """
    options = _backends.load(name).Options
    if not (isinstance(options, type) and issubclass(options, BackendOptions)):
        raise InputError(
            f"backend '{name}' of the package {backend_origin(name)}: Options is no subclass of"
            " polcouple.backends.base.BackendOptions"
        )
    return options


def parse_options(options: type[BackendOptions], settings: Mapping[str, Any], where: str) -> BackendOptions:
    """Validate ``settings``; the InputError names ``where``, the key, and the nearest known key."""
    try:
        return options.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            hint = nearest(key, options.model_fields) or (
                f"; known: {', '.join(options.model_fields) or 'none'}"
            )
            raise InputError(f"{where}: unknown key '{key}'{hint}") from None
        raise InputError(f"{where}: {key}: {first['msg']} (got {first['input']!r})") from None


def backend_options(name: str, settings: Mapping[str, Any]) -> BackendOptions:
    """The validated settings of the backend ``name``, which is not made.

    Raises:
        InputError: unknown backend, unknown or invalid setting.
    """
    return parse_options(options_class(name), settings, f"settings of backend '{name}'")


def resolved_options(
    name: str,
    settings: Mapping[str, Any] | None = None,
    directory: Path = Path(),
    others: Mapping[str, Mapping[str, Any]] | None = None,
) -> BackendOptions:
    """The validated settings of a backend as :func:`create_backend` uses them; same arguments and errors."""
    return backend_options(name, settings or {}).with_others(others or {}).in_directory(directory)


def what_decides(name: str, options: BackendOptions, symbols: Iterable[str]) -> dict[str, str]:
    """The identity of ``options``, with the package where the backend is another package's.

    What is kept of a backend's answers is known by it.
    """
    origin = backend_origin(name)
    return options.identity(symbols) | ({} if origin.own else {"package": str(origin)})


def backends_with(capability: str) -> str:
    """Names of the backends that have a capability with their default settings, for messages."""
    found = []
    for name in backend_names():
        try:
            if getattr(backend_options(name, {}).capabilities(), capability):
                found.append(name)
        except Exception:  # has no default settings, or is of a package that is at fault
            continue
    return " or ".join(filter(None, (", ".join(found[:-1]), *found[-1:])))


def create_backend(
    name: str,
    electrode: Electrode,
    electrolyte: Electrolyte,
    settings: Mapping[str, Any] | None = None,
    case_directory: Path = Path(),
    others: Mapping[str, Mapping[str, Any]] | None = None,
) -> ChargeBackend:
    """Create the backend ``name`` with its validated settings.

    Relative paths in the settings (options typed as :class:`pathlib.Path`) are taken from
    ``case_directory``. ``others`` are the case's settings of all backends, by name, for one that asks
    another.

    Raises:
        InputError: unknown backend, unknown or invalid setting.
    """
    options = resolved_options(name, settings, case_directory, others)
    backend: ChargeBackend = _backends.load(name).Backend(electrode, electrolyte, options)
    return backend
