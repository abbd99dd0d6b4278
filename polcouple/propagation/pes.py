"""The force provider as an i-PI potential: for ``i-pi-driver-py -m custom -P`` and for <ffdirect>.

i-PI calls it without a replica number, so charges held between refreshes would be mixed between beads: with
more than one bead, use polcouple-driver or refresh the charges at every evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from ipi.pes.dummy import Dummy_driver

from polcouple.case.model import read_case
from polcouple.engines.base import NATIVE
from polcouple.errors import InputError, nearest
from polcouple.ipi.parts import Part
from polcouple.ipi.sockets import known_part, unquoted
from polcouple.log import Warned
from polcouple.propagation.providers import create_providers
from polcouple.threads import limit_linear_algebra

__DRIVER_NAME__ = "polcouple"
__DRIVER_CLASS__ = "PolcouplePES"

#: what i-PI adds to the parameters
_IPI_OWN = ("verbosity", "verbose")


@dataclass(frozen=True)
class Parameters:
    """What i-PI's <parameters> of the potential may say.

    Attributes:
        case: case directory.
        backend: name of the charge backend.
        part: one of :data:`polcouple.ipi.parts.Part`.
        platform: ``native``, or a platform of OpenMM.
        refresh: evaluations between refreshes of the charges; system.yaml's when None.
    """

    case: str = "."
    backend: str = "fixed"
    part: Part = "all"
    platform: str = NATIVE
    refresh: int | None = None

    @classmethod
    def from_ipi(cls, args: Sequence[object], kwargs: Mapping[str, object]) -> Parameters:
        """From the arguments that i-PI calls a potential with, in which JSON's quotes are still there.

        Raises:
            InputError: an unknown parameter or part, or a value that cannot be what it should.
        """
        names = [field.name for field in fields(cls)]
        given = dict(zip(names, args, strict=False)) | {unquoted(key): value for key, value in kwargs.items()}
        for name in given.keys() - {*names, *_IPI_OWN}:
            raise InputError(
                f"<parameters>: unknown parameter '{name}'{nearest(name, names)}; known: {', '.join(names)}"
            )
        words = {name: unquoted(str(given[name])) for name in names if given.get(name) is not None}
        refresh = words.pop("refresh", None)
        if refresh is not None and not (refresh.isdecimal() and int(refresh) > 0):
            raise InputError(f"<parameters>: refresh '{refresh}' is not a positive number")
        part = known_part(words.pop("part", "all"), "<parameters>")
        return cls(part=part, refresh=None if refresh is None else int(refresh), **words)


class PolcouplePES(Dummy_driver):
    """Potential of a case, of which the arguments are those of :class:`Parameters`.

    Raises:
        InputError: an unknown parameter or part, or whatever the case and its backend refuse.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()
        asked = Parameters.from_ipi(args, kwargs)
        limit_linear_algebra()
        self._case = read_case(Path(asked.case))
        self._warned, self._known = Warned(), 0
        (self._provider,) = create_providers(
            self._case,
            asked.backend,
            {},
            [asked.part],
            platform=asked.platform,
            interval=asked.refresh,
        ).values()

    def compute_structure(
        self, cell: np.ndarray, pos: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray, str]:
        """Energy, forces, virial (zero: the cell is constant) and extras, all in atomic units."""
        evaluation = self._provider.evaluate(self._case.whole(np.array(pos)), np.array(cell).T)
        if len(self._provider.warnings) > self._known:
            self._known = len(self._provider.warnings)
            self._warned.log(sorted(self._provider.warnings))
        forces = self._case.of_ipi(evaluation.forces)
        return evaluation.energy, forces, np.zeros((3, 3)), evaluation.extras_json()
