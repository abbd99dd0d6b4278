"""What must outlive the driver where charges are held or their exchange does work: a journal on disk.

Where charges are refreshed at every evaluation by a conservative backend, everything is a function of the
positions and nothing needs to be kept, unless frames are recorded, which need their step. Otherwise a run
that goes on needs the charges in force, the number of evaluations since they were computed, and the
accumulated work. i-PI's messages carry no step number, so the journal knows a state by the positions it
belongs to: by some random projections of them, which tell steps apart however many digits i-PI's RESTART has.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.backends.base import ChargeBackend, ChargeResult
from polcouple.backends.mobile import MobileBackend
from polcouple.case.model import Case
from polcouple.coupling.electrodes import CoupledResult
from polcouple.errors import InputError

#: name of the journal in a case directory
FILE_NAME = "held_charges.journal"
#: evaluations of all replicas together that are remembered; i-PI's checkpoints must be more frequent
_SLOTS = 8192
_PROJECTIONS = 8
#: positions are the same if their projections differ by less than this fraction of the positions' norm: above
#: the rounding of i-PI's shortest number format, 1e-8, and far below the displacement of a step, 1e-4
_SAME = 1e-7
#: root mean square of the change of a coordinate in a step, at most (bohr); 2 fs at 300 K make 0.05
_LONGEST_STEP = 0.1


@dataclass
class ReplicaState:
    """What is remembered of one replica between evaluations.

    Attributes:
        evaluations: since the run began.
        refreshes: of the charges, since the run began.
        result: the charges in force.
        site_potentials: (n_electrode,) in Hartree/e at the last positions; None until the next evaluation
            is to refresh the charges.
        internal_energy: U = E - q . phi of the charges in force, Hartree.
        work: of all refreshes, Hartree.
    """

    evaluations: int = 0
    refreshes: int = 0
    result: ChargeResult | None = None
    site_potentials: np.ndarray | None = None
    internal_energy: float = 0.0
    work: float = 0.0


class HeldStates:
    """The journal: a ring of fixed-size records, one an evaluation, each with its checksum.

    A record is one system call: a driver that is killed leaves whole records, and one that is torn
    nevertheless does not pass its checksum.

    Args:
        path: of the journal; made if it is not there, locked while the driver lives.
        identity: backend, settings and interval; states of others are not continued.
        n_atoms: of the case.
        n_electrode: atoms of the electrode.
        n_levels: electrodes whose Fermi levels are outputs, of several or at a potential; else 0.
        first_evaluation: at which i-PI begins; beyond 0 the run goes on from an earlier one, so that
            something should be found, and the evaluations of what is not found are counted from there.

    Raises:
        InputError: the journal cannot be written, another driver writes it, or an earlier version of
            polcouple wrote it, without the Fermi levels.
    """

    def __init__(
        self,
        path: Path,
        identity: str,
        n_atoms: int,
        n_electrode: int,
        n_levels: int = 0,
        first_evaluation: int = 0,
    ) -> None:
        self.first_evaluation = first_evaluation
        self._path = path
        self._identity = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "little")
        self._n_electrode = n_electrode
        self._weights = np.random.default_rng(0).standard_normal((_PROJECTIONS, 3 * n_atoms))
        self._record = _record_type(n_electrode, n_levels)
        self._descriptor = self._open()
        self._old = self._read()
        self._next = int(self._old["number"].max()) + 1 if len(self._old) else 0
        self._old = self._old[self._old["identity"] == self._identity]
        self._expected = first_evaluation > 0 or len(self._old) > 0

    def recall(self, replica: int, positions: np.ndarray) -> tuple[ReplicaState, bool] | None:
        """State of ``replica`` at ``positions`` (N, 3) in bohr, or else just before them.

        Returns:
            The state, and whether these very positions were evaluated already; None if the journal knows
            neither them nor the step before.
        """
        own = self._old[self._old["replica"] == replica]
        if not len(own):
            return None
        own = own[np.argsort(own["number"])]
        distances = own["projections"] - self._weights @ positions.ravel()
        same = np.flatnonzero(np.abs(distances).max(axis=1) < _SAME * np.linalg.norm(positions))
        if len(same):
            return self._state(own[same[-1]]), True
        # the projections are sums with weights of unit variance: their mean square is that of the distance
        step = np.sqrt(np.mean(distances[-1] ** 2) / positions.size)
        return (self._state(own[-1]), False) if step < _LONGEST_STEP else None

    def unknown(self, replica: int) -> str | None:
        """What to tell the user when nothing was recalled; None at the beginning of a run."""
        if not self._expected:
            return None
        return (
            f"{self._path}: nothing known of replica {replica} at these positions; its charges are computed"
            " anew, and the work of refreshes is counted from zero"
        )

    def append(self, replica: int, positions: np.ndarray, state: ReplicaState) -> None:
        """Write the state that ``replica`` is in after its evaluation of ``positions``.

        Raises:
            InputError: the disk is full, or the like.
        """
        assert state.result is not None
        record = np.zeros((), self._record)
        record["identity"] = self._identity
        record["number"] = self._next
        record["replica"] = replica
        for name in ("evaluations", "refreshes", "work", "internal_energy"):
            record[name] = getattr(state, name)
        record["projections"] = self._weights @ positions.ravel()
        record["charges"] = state.result.charges
        record["fermi_level"] = np.nan if state.result.fermi_level is None else state.result.fermi_level
        coupled = state.result if isinstance(state.result, CoupledResult) else None
        record["fermi_levels"] = np.nan if coupled is None else coupled.fermi_levels
        record["source_work"] = np.nan if coupled is None else coupled.source_work
        record["site_potentials"] = np.nan if state.site_potentials is None else state.site_potentials
        record["checksum"] = _checksum(record)
        data = record.tobytes()
        try:
            written = os.pwrite(self._descriptor, data, self._next % _SLOTS * len(data))
        except OSError as error:
            raise self._failure(error) from None
        if written != len(data):
            raise self._failure(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        self._next += 1

    def _open(self) -> int:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise self._failure(error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise InputError(
                f"{self._path}: another driver holds charges of this run; one driver must serve all replicas"
                " unless charges are refreshed at every evaluation (--refresh 1) by a backend with an energy,"
                " and not recorded"
            ) from None
        return descriptor

    def _read(self) -> np.ndarray:
        """All records that are whole."""
        data = self._path.read_bytes()
        records = _whole(data, self._record)
        if not len(records) and len(_whole(data, _record_type(self._n_electrode, 0))):
            raise InputError(
                f"{self._path}: written by an earlier version of polcouple, without Fermi levels; go on with"
                " that version, or remove the file: charges are then computed anew, and the work of refreshes"
                " is counted from zero"
            )
        return records

    def _state(self, record: Any) -> ReplicaState:
        potentials = None if np.isnan(record["site_potentials"]).any() else record["site_potentials"].copy()
        charges, levels = record["charges"].copy(), record["fermi_levels"].copy()
        fermi_level = None if np.isnan(record["fermi_level"]) else float(record["fermi_level"])
        result = ChargeResult(charges, fermi_level=fermi_level)
        if len(levels):
            result = CoupledResult(charges, fermi_levels=levels, source_work=float(record["source_work"][0]))
        return ReplicaState(
            int(record["evaluations"]),
            int(record["refreshes"]),
            result,
            potentials,
            float(record["internal_energy"]),
            float(record["work"]),
        )

    def _failure(self, error: OSError) -> InputError:
        return InputError(
            f"{self._path}: cannot be written ({error.strerror}); free space or change the permissions, and"
            " go on from RESTART"
        )


def held_states(
    case: Case,
    backend: ChargeBackend | MobileBackend,
    settings: str,
    interval: int,
    first_evaluation: int = 0,
    counted: bool = False,
) -> HeldStates | None:
    """The journal of a case, or None where everything is a function of the positions.

    Args:
        settings: tells the backend and its settings from others.
        first_evaluation: see :class:`HeldStates`.
        counted: whether the number of an evaluation matters, too.
    """
    if backend.capabilities.conservative and interval == 1 and not counted:
        return None
    sections = case.system.model_dump(mode="json", include={"electrodes", "potential", "slab"})
    seen = case.electrolyte_fingerprint()
    identity = f"{settings} {sections} {interval} {case.electrode.fingerprint()} {seen}"
    several = len(case.electrodes) > 1 or case.system.potential is not None
    levels = len(case.electrodes) if several else 0
    return HeldStates(
        case.directory / FILE_NAME, identity, len(case), len(case.electrode), levels, first_evaluation
    )


def _record_type(n_electrode: int, n_levels: int) -> np.dtype[np.void]:
    """One evaluation; without levels it is what versions before they were kept have written."""
    return np.dtype(
        [
            ("identity", np.uint64),
            ("number", np.int64),
            ("replica", np.int64),
            ("evaluations", np.int64),
            ("refreshes", np.int64),
            ("work", float),
            ("internal_energy", float),
            ("fermi_level", float),
            ("projections", float, _PROJECTIONS),
            ("charges", float, n_electrode),
            ("site_potentials", float, n_electrode),
            ("fermi_levels", float, (n_levels,)),
            ("source_work", float, (min(n_levels, 1),)),
            ("checksum", np.uint64),
        ]
    )


def _whole(data: bytes, record_type: np.dtype[np.void]) -> np.ndarray:
    """The records in ``data`` that are of this type and pass their checksum."""
    records = np.frombuffer(data, record_type, len(data) // record_type.itemsize)
    return records[[bool(r["checksum"] == _checksum(r)) for r in records]] if len(records) else records


def _checksum(record: Any) -> int:
    """CRC-32 of all but the last field, never zero."""
    return zlib.crc32(record.tobytes()[: -np.dtype(np.uint64).itemsize]) | 1 << 32
