"""What computes the classical forces: the protocol, and the choice of an engine for a case.

An engine is a module, of this package or of another (:mod:`polcouple.plugins`), with two functions:
``create(case, part, platform, threads)`` returns an :class:`Engine`; ``unsupported(case)`` tells in one line
why it cannot compute a case, or None. ``--platform`` names the engine; OpenMM is asked for by its platforms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast, runtime_checkable

import numpy as np

from polcouple.case.model import Case
from polcouple.errors import InputError, nearest
from polcouple.ipi.parts import Part
from polcouple.plugins import Origin, Registry

#: the default: where it cannot compute a case, OpenMM does
NATIVE = "native"
#: what computes every case of this package, and the platform that its own name stands for
_OPENMM, _OPENMM_PLATFORM = "openmm", "CPU"
#: words of ``--platform`` that are platforms of OpenMM; which of them there are, it knows itself
_OPENMM_PLATFORMS = ("CPU", "CUDA", "HIP", "OpenCL", "Reference")

_engines = Registry(
    "engine",
    "polcouple.engines",
    {NATIVE: "polcouple.engines.native.engine", _OPENMM: "polcouple.engines.openmm"},
    ("create", "unsupported"),
)


class Engine(Protocol):
    """Energies and forces of one case for given electrode charges.

    The energy is that of the liquid in the field of the electrode, a slab's field included, without the
    interaction of the electrode's charges with one another. Of a mobile electrode the forces on its atoms are
    the derivative of that energy by their positions; those on a frozen one are zero.
    """

    def set_charges(self, charges: np.ndarray) -> None:
        """Replace the electrode's charges, (n_electrode,) in e."""
        ...

    def evaluate(self, positions: np.ndarray, replica: int = 0) -> tuple[float, np.ndarray]:
        """Energy in Hartree and forces (N, 3) in Hartree/bohr at ``positions`` (N, 3) in bohr.

        Positions may be any periodic image of the atoms; molecules may be split. Those of one ``replica`` are
        like those of its last evaluation, which saves work and changes nothing else.
        """
        ...


@runtime_checkable
class SitePotentialEngine(Engine, Protocol):
    """An engine that has the liquid's potentials at the electrode's atoms on its way to the forces.

    Attributes:
        finest_potential: the best accuracy of a potential that may be asked for, Hartree/e.
    """

    finest_potential: float

    def prepare_site_potentials(self, accuracy: float) -> None:
        """Make ready for :meth:`site_potentials`, before the first evaluation.

        All parameters are chosen for forces and potentials together.

        Args:
            accuracy: largest error of a potential in Hartree/e, not below ``finest_potential``.
        """
        ...

    def site_potentials(self, positions: np.ndarray, replica: int = 0) -> np.ndarray:
        """Potentials (n_electrode,) in Hartree/e when all atoms are at ``positions`` (N, 3) in bohr.

        As :class:`polcouple.electrostatics.site_potential.SitePotential` gives them in a periodic cell. An
        :meth:`evaluate` of the same replica at these positions goes on from what was computed; charges may be
        set in between.

        Raises:
            InputError: an atom of the liquid lies on one of the electrode.
        """
        ...


@runtime_checkable
class ListKeeper(Protocol):
    """An engine whose forces depend, in their last digits, on when its lists of neighbours were made."""

    def kept_lists(self) -> dict[str, np.ndarray]:
        """What :meth:`go_on_from` needs, by replica."""
        ...

    def go_on_from(self, lists: Mapping[str, np.ndarray]) -> None:
        """Have the lists of an earlier engine of the same case, where a replica begins where it was last.

        Args:
            lists: what :meth:`kept_lists` gave after that engine's last evaluation.
        """
        ...


def engine_names() -> list[str]:
    """Names of all engines, sorted."""
    return _engines.names()


def engine_origin(platform: str) -> Origin:
    """The package that computes the forces for a word of ``--platform``.

    Raises:
        InputError: there is no such engine, or several packages claim its name.
    """
    return _engines.origin(_named(platform)[0])


def create_engine(
    case: Case, part: Part = "all", platform: str = NATIVE, threads: int | None = None
) -> tuple[Engine, str | None]:
    """The engine for a case and, where it is another than ``platform`` asks for, one line that says why.

    Args:
        part: ``bonded`` (inside water molecules), ``nonbonded`` (all the rest), ``all``, or ``electrode``
            (:mod:`polcouple.engines.electrode`), which no platform computes.
        platform: the name of an engine, or a platform of OpenMM.
        threads: at most; None for all processors.

    Raises:
        InputError: there is no such engine or platform here, or the engine cannot compute the case.
    """
    name, word = _named(platform)
    if case.mobile:
        _require_for_mobile(case, part, platform)
    if not len(case.electrolyte_indices):
        from polcouple.engines.nothing import NoLiquid

        return NoLiquid(case), None
    if part == "electrode":
        from polcouple.engines.electrode import ElectrodeEngine

        if name != NATIVE:
            raise InputError(f"--platform {platform} does not compute part: electrode; leave it out")
        return ElectrodeEngine(case, threads), None
    engine = _engines.load(name)
    fallen_back = None
    reason = engine.unsupported(case)
    if reason is not None:
        if name != NATIVE:
            raise InputError(f"--platform {platform} cannot compute this case: {reason}; leave it out")
        fallen_back = f"{reason}: forces are computed by OpenMM's {_OPENMM_PLATFORM} platform"
        engine, word = _engines.load(_OPENMM), _OPENMM_PLATFORM
    return cast(Engine, engine.create(case, part, word, threads)), fallen_back


def _require_for_mobile(case: Case, part: Part, platform: str) -> None:
    """Refuse engines, or parts of the forces, that know electrodes in their place alone.

    Raises:
        InputError: naming what to do.
    """
    where = f"electrode '{case.system.electrodes[0].name}' is mobile"
    if part == "electrode":
        raise InputError(f"{where}: part: electrode is for one that stays in its place; write part: all")
    if platform != NATIVE:
        raise InputError(f"{where}: --platform {platform} knows electrodes in their place; leave it out")
    if not len(case.electrolyte_indices):
        return
    reason = _engines.load(NATIVE).unsupported(case)
    if reason is not None:
        raise InputError(f"{where}, for which the native engine is needed: {reason}")


def _named(platform: str) -> tuple[str, str]:
    """The engine that a word of ``--platform`` asks for, and the platform for it.

    Raises:
        InputError: there is none.
    """
    if platform in _OPENMM_PLATFORMS:
        return _OPENMM, platform
    if platform == _OPENMM:
        return _OPENMM, _OPENMM_PLATFORM
    known = [*engine_names(), *_OPENMM_PLATFORMS]
    if platform not in known:
        raise InputError(f"no engine '{platform}'{nearest(platform, known)}; known: {', '.join(known)}")
    return platform, platform
