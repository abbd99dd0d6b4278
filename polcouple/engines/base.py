"""What computes the classical forces: the protocol, and the choice of an engine for a case."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from polcouple.case.model import Case
from polcouple.ipi.parts import Part

#: the platform that is no platform of OpenMM: the engine written for this project
NATIVE = "native"


class Engine(Protocol):
    """Energies and forces of one case for given electrode charges.

    The energy is that of the liquid in the field of the electrode, a slab's field included, without the
    interaction of the electrode's charges with one another.
    """

    def set_charges(self, charges: np.ndarray) -> None:
        """Replace the electrode's charges, (n_electrode,) in e."""
        ...

    def evaluate(self, positions: np.ndarray, replica: int = 0) -> tuple[float, np.ndarray]:
        """Energy in Hartree and forces (N, 3) in Hartree/bohr at ``positions`` (N, 3) in bohr.

        Positions may be any periodic image of the atoms; molecules may be split. Forces on the frozen
        electrode are zero. Positions of the same ``replica`` are like those of its last evaluation, which
        saves work and changes nothing else.
        """
        ...


def create_engine(
    case: Case, part: Part = "all", platform: str = NATIVE, threads: int | None = None
) -> tuple[Engine, str | None]:
    """The engine for a case and, where it is another than ``platform`` asks for, one line that says why.

    Args:
        part: ``bonded`` (inside water molecules), ``nonbonded`` (all the rest) or ``all``.
        platform: ``native``, or a platform of OpenMM.
        threads: at most; None for all processors.

    Raises:
        InputError: there is no such platform here.
    """
    reason = None
    if platform == NATIVE:
        from polcouple.engines.native.engine import NativeEngine, unsupported

        reason = unsupported(case)
        if reason is None:
            return NativeEngine(case, part, threads), None
        platform, reason = "CPU", f"{reason}: forces are computed by OpenMM's CPU platform"
    from polcouple.engines.openmm import ClassicalEngine

    return ClassicalEngine(case, part, platform, threads), reason
