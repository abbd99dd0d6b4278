"""The same frames through several backends, one of which is the reference.

Charges once computed are kept: an interrupted replay goes on where it stopped, and a backend added to a
comparison costs its own frames only.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from polcouple.backends.base import ChargeResult, Environment
from polcouple.case.model import Case
from polcouple.compare.models import Backends, Model, common_binning
from polcouple.coupling.charges import ChargeSolver, Surroundings
from polcouple.errors import InputError
from polcouple.files import write_npz
from polcouple.learning.evaluation import null_charges
from polcouple.log import Warned
from polcouple.nn.binning import Binning

#: seconds between writes of what was computed so far
_SAVE_PERIOD = 5.0
#: a time mean and fluctuations about it need two frames
FEWEST_FRAMES = 2


@dataclass(frozen=True, eq=False)
class Replay:
    """Charges that several backends give on the same f frames.

    Attributes:
        reference: name of the reference; its charges are in ``charges`` too.
        charges: (f, n) in e by name.
        baselines: (f, n) in e of no model: Q/N, and each atom's mean over these very frames.
        unprojected_sums: (f,) sum of the charges in e before it was corrected to the total charge, by name
            of the backends that need the correction.
        seconds: (f,) wall time of each answer without site potentials, by name.
        times: (f,) in ps, or the frames' numbers where the file has no times.
        times_in_ps: which of the two.
        total_charge: in e.
        positions: (n, 3) of all electrodes' atoms in bohr.
        sheets: each electrode's atoms among them, by its name.
        cell: (3, 3) in bohr.
        binning: bins of the histograms.
    """

    reference: str
    charges: Mapping[str, np.ndarray]
    baselines: Mapping[str, np.ndarray]
    unprojected_sums: Mapping[str, np.ndarray]
    seconds: Mapping[str, np.ndarray]
    times: np.ndarray
    times_in_ps: bool
    total_charge: float
    positions: np.ndarray
    sheets: Mapping[str, slice]
    cell: np.ndarray
    binning: Binning

    @property
    def compared(self) -> dict[str, np.ndarray]:
        """Charges (f, n) of everything but the reference, the null baselines last."""
        models = {name: charges for name, charges in self.charges.items() if name != self.reference}
        return models | dict(self.baselines)

    @property
    def time_label(self) -> str:
        """For an axis."""
        return "time / ps" if self.times_in_ps else "frame"

    def moment(self, number: int) -> str:
        """When frame ``number`` was, in words."""
        return f"{self.times[number]:.3f} ps" if self.times_in_ps else f"frame {self.times[number]}"


def replay(
    backends: Backends,
    frames: Iterable[np.ndarray],
    times: np.ndarray,
    times_in_ps: bool,
    models: Sequence[Model],
    store: Path,
) -> Replay:
    """Ask every model for the charges on every frame; the first model is the reference.

    Args:
        backends: of the case that the frames are of.
        frames: positions (N, 3) in bohr, as many as ``times``.
        models: without `fixed`, which is the null baseline Q/N.
        store: directory for the charges computed so far.

    Raises:
        InputError: too few frames.
        PolcoupleError: a backend that refuses the case, or does not converge.
    """
    from rich.progress import track

    if len(times) < FEWEST_FRAMES:
        raise InputError(f"{len(times)} frame(s) to replay; at least {FEWEST_FRAMES} are needed")
    store.mkdir(parents=True, exist_ok=True)
    case = backends.case
    surroundings = Surroundings(case, min(model.potential_accuracy(case) for model in models))
    answers = [_Answers(model, backends, surroundings, store) for model in models]
    rows: list[list[_Row]] = [[] for _ in models]
    try:
        shown = track(frames, description=f"{len(models)} backends", total=len(times))
        for number, positions in enumerate(shown):
            environment = surroundings.environment(positions)
            key = hashlib.sha256(positions.tobytes()).hexdigest()
            for row, answer in zip(rows, answers, strict=True):
                row.append(answer.on(key, environment, f"frame {number}"))
    finally:
        for answer in answers:
            answer.save()
    charges = {m.label: np.array([r.charges for r in row]) for m, row in zip(models, rows, strict=True)}
    sums = {m.label: np.array([r.unprojected_sum for r in row]) for m, row in zip(models, rows, strict=True)}
    reference = charges[models[0].label]
    return Replay(
        models[0].label,
        charges,
        _null_charges(case, reference),
        {name: values for name, values in sums.items() if np.isfinite(values).all()},
        {m.label: np.array([r.seconds for r in row]) for m, row in zip(models, rows, strict=True)},
        times,
        times_in_ps,
        case.total_charge,
        case.electrode.positions,
        {one.name: own for one, own in zip(case.system.electrodes, case.electrode_slices, strict=True)},
        case.lattice,
        common_binning(models, case, reference),
    )


def _null_charges(case: Case, reference: np.ndarray) -> dict[str, np.ndarray]:
    """Charges (f, n) of no model; uniform over each electrode, with the charge that it has."""
    parts = [null_charges(reference[:, own], reference[:, own]) for own in case.electrode_slices]
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}


@dataclass(frozen=True, eq=False)
class _Row:
    """One answer: charges (n,) and their sum before projection in e (NaN: exact), wall time in s."""

    charges: np.ndarray
    unprojected_sum: float
    seconds: float


class _Answers:
    """Charges of one model by digest of the positions, kept on disk; the backend is made when needed."""

    def __init__(self, model: Model, backends: Backends, surroundings: Surroundings, store: Path) -> None:
        self._model = model
        self._backends = backends
        self._surroundings = surroundings
        self._solver: ChargeSolver | None = None
        self._path = store / f"{model.backend}-{model.identity(backends.case)}.npz"
        self._rows: dict[str, _Row] = self._load()
        self._saved = len(self._rows)
        self._next_save = time.monotonic() + _SAVE_PERIOD
        self._guess: ChargeResult | None = None
        self._warned = Warned()

    def on(self, key: str, environment: Environment, where: str) -> _Row:
        """The answer for the frame whose digest is ``key``."""
        if key not in self._rows:
            self._rows[key] = self._ask(environment, f"{self._model.label}, {where}")
            if time.monotonic() > self._next_save:
                self.save()
        return self._rows[key]

    def save(self) -> None:
        """Write what is known; the file is replaced when it is complete."""
        if len(self._rows) > self._saved:
            rows = self._rows.values()
            arrays = {
                "keys": np.array(list(self._rows)),
                "charges": np.array([row.charges for row in rows]),
                "unprojected_sums": np.array([row.unprojected_sum for row in rows]),
                "seconds": np.array([row.seconds for row in rows]),
            }
            write_npz(self._path, arrays)
            self._saved = len(self._rows)
        self._next_save = time.monotonic() + _SAVE_PERIOD

    def _load(self) -> dict[str, _Row]:
        if not self._path.exists():
            return {}
        try:
            with np.load(self._path) as stored:
                names = ("keys", "charges", "unprojected_sums", "seconds")
                return {
                    str(key): _Row(charges, float(total), float(seconds))
                    for key, charges, total, seconds in zip(*(stored[name] for name in names), strict=True)
                }
        except (OSError, ValueError, KeyError, BadZipFile):
            raise InputError(f"{self._path}: damaged; remove it, its charges are computed anew") from None

    def _ask(self, environment: Environment, where: str) -> _Row:
        if self._solver is None:
            backend = self._backends.of(self._model)
            self._solver = ChargeSolver(self._backends.case, backend, self._surroundings)
        _ = environment.site_potentials  # not to be counted to the first backend that looks at them
        start = time.perf_counter()
        result = self._solver.solve(environment, where, self._guess)
        seconds = time.perf_counter() - start
        self._guess = result
        self._warned.log(f"{self._model.label}: {warning}" for warning in result.warnings)
        total = np.nan if result.unprojected_sum is None else result.unprojected_sum
        return _Row(result.charges, total, seconds)
