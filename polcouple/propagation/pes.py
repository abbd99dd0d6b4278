"""The force provider as an i-PI potential: for ``i-pi-driver-py -m custom -P`` and for <ffdirect>.

i-PI calls it without a replica number, so charges held between refreshes would be mixed between beads: with
more than one bead, use polcouple-driver or refresh the charges at every evaluation.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
from ipi.pes.dummy import Dummy_driver

from polcouple.case.model import read_case
from polcouple.coupling.electrodes import backend_identity, create_electrodes
from polcouple.coupling.forces import ForceProvider
from polcouple.coupling.held_state import held_states
from polcouple.engines.base import NATIVE
from polcouple.ipi.parts import Part
from polcouple.log import Warned
from polcouple.threads import limit_linear_algebra

__DRIVER_NAME__ = "polcouple"
__DRIVER_CLASS__ = "PolcouplePES"


class PolcouplePES(Dummy_driver):
    """Potential of a case.

    Args:
        case: case directory.
        backend: name of the charge backend.
        part: ``all``, ``bonded`` or ``nonbonded``.
        platform: ``native``, or a platform of OpenMM.
        refresh: evaluations between refreshes of the charges; system.yaml's when None.
    """

    def __init__(
        self,
        case: str = ".",
        backend: str = "fixed",
        part: str = "all",
        platform: str = NATIVE,
        refresh: int | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        limit_linear_algebra()
        system = read_case(Path(case))
        settings = system.system.backends.get(backend, {})
        interval = int(refresh or system.system.refresh.interval)
        charges, held = None, None
        if part != "bonded":
            charges = create_electrodes(system, backend, settings)
            held = held_states(system, charges, backend_identity(system, backend, settings), interval)
        self._warned, self._known = Warned(), 0
        self._provider = ForceProvider(system, charges, cast(Part, part), platform, None, interval, held=held)

    def compute_structure(
        self, cell: np.ndarray, pos: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray, str]:
        """Energy, forces, virial (zero: the cell is constant) and extras, all in atomic units."""
        evaluation = self._provider.evaluate(np.array(pos), np.array(cell).T)
        if len(self._provider.warnings) > self._known:
            self._known = len(self._provider.warnings)
            self._warned.log(sorted(self._provider.warnings))
        return evaluation.energy, evaluation.forces, np.zeros((3, 3)), evaluation.extras_json()
