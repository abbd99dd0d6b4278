"""Datasets of electrodes that move: frames, and energies, forces, charges and electrons at charges or levels.

Layout (every array carries its unit as the attribute ``unit``)::

    /                            attributes format = "polcouple moving dataset", version = 1, origin (free
                                 text), counts = (complete frames, complete labels), sets (JSON: a list of
                                 label sets), temperature (kelvin, of the nuclei in the runs; only where
                                 they had one)
    /case                        (bytes,) uint8: JSON, the texts of the case's files by name
    /conditions                  (bytes,) uint8: JSON, how the frames were sampled (:mod:`.conditions`); only
                                 of `polcouple sample`
    /atoms/symbols               (N,) str
    /atoms/start                 (N, 3) bohr, the case's positions
    /atoms/cell                  (3, 3) bohr, one lattice vector per row
    /atoms/electrode             (n,) int, which of the atoms are the electrode's
    /frames/time                 (f,) ps, NaN where a frame was given
    /frames/trajectory           (f,) int, the label set whose run the frame is of, -1 where it was given
    /frames/positions            (f, N, 3) bohr, as they came, not folded into the cell
    /labels/frame, /labels/set   (l,) int, what is labelled, and the label set
    /labels/internal_energy      (l,) Hartree, E; NaN where the backend does not know the entropy
    /labels/free_energy          (l,) Hartree, A = E - T S of the electrons
    /labels/grand_potential      (l,) Hartree, Omega = A - mu N
    /labels/fermi_level          (l,) Hartree, mu
    /labels/electrons            (l,) N, valence electrons
    /labels/capacitance          (l,) 1/Hartree, dN/dmu at fixed nuclei
    /labels/charges              (l, n) e, of the electrode's atoms
    /labels/forces               (l, N, 3) Hartree/bohr, -dA/dR at constant N = -dOmega/dR at constant mu
    /labels/status               (l,) int8: 1 converged, 2 not converged (then the numbers are NaN)

A label set is a backend with its settings and what it held: a Fermi level or a total charge. Frames and
labels are appended together, and ``counts`` is written last (:mod:`polcouple.data.growing_file`): several
processes may append to one file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from polcouple.data.growing_file import BLOCK, GrowingFile, grow, length_for
from polcouple.data.hdf5 import MOVING, set_text, sound_array, text, write_array, write_growing
from polcouple.data.moving_rows import CONVERGED, UNCONVERGED, LabelSet, MovingFrames, MovingLabels
from polcouple.errors import InputError, ModelMismatchError
from polcouple.files import replacing

_VERSION = 1
_UNITS = {
    "internal_energy": "Hartree",
    "free_energy": "Hartree",
    "grand_potential": "Hartree",
    "fermi_level": "Hartree",
    "electrons": "",
    "capacitance": "1/Hartree",
    "charges": "e",
    "forces": "Hartree/bohr",
}


#: NaN where a frame was given, or a backend has none
_MAY_BE_UNKNOWN = ("time", "capacitance", "fermi_level", "grand_potential", "internal_energy")


class MovingDataset:
    """An existing dataset file, validated when opened.

    Attributes:
        path: of the file.
        origin: where the frames come from.
        temperature: of the nuclei in the runs in kelvin; None where it is not known.
        symbols: of all N atoms.
        start: (N, 3) positions of the case in bohr.
        cell: (3, 3) in bohr.
        electrode: (n,) indices of the electrode's atoms.
        case_files: texts of the case's files by name.

    Raises:
        InputError: the file is not there, is damaged or is not such a dataset.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file = GrowingFile(self.path)
        with self._file.open("r") as file:
            if text(file, "format") != MOVING:
                raise InputError(f"{self.path}: no dataset of an electrode that moves")
            if file.attrs.get("version") != _VERSION:
                raise InputError(
                    f"{self.path}: dataset version {file.attrs.get('version')}, this program reads {_VERSION}"
                )
            self.origin = text(file, "origin")
            self.temperature = _temperature(file, self.path)
            array = self._file.array
            self.symbols = tuple(array(file, "atoms/symbols").astype(str).tolist())
            self.start = array(file, "atoms/start")
            self.cell = array(file, "atoms/cell")
            self.electrode = array(file, "atoms/electrode")
            self.case_files: dict[str, str] = json.loads(array(file, "case").tobytes())
            self._check(file)

    @classmethod
    def create(
        cls,
        path: Path | str,
        symbols: tuple[str, ...],
        start: np.ndarray,
        cell: np.ndarray,
        electrode: np.ndarray,
        case_files: Mapping[str, str],
        origin: str = "",
        temperature: float | None = None,
    ) -> MovingDataset:
        """Make an empty dataset; arguments are the attributes.

        Raises:
            InputError: there is such a file already.
        """
        path = Path(path)
        if path.exists():
            raise InputError(f"{path}: exists already; open it to append, or choose another name")
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, h5py.File(temporary, "w") as file:
            set_text(file, "format", MOVING)
            file.attrs["version"] = _VERSION
            set_text(file, "origin", origin)
            if temperature is not None:
                file.attrs["temperature"] = float(temperature)
            set_text(file, "sets", "[]")
            file.attrs["counts"] = np.zeros(2, np.int64)
            content = json.dumps(dict(case_files)).encode()
            write_array(file, "case", np.frombuffer(content, np.uint8), "")
            group = file.create_group("atoms")
            write_array(group, "symbols", np.array(symbols, dtype="S3"), "")
            write_array(group, "start", np.asarray(start, dtype=float), "bohr")
            write_array(group, "cell", np.asarray(cell, dtype=float), "bohr")
            write_array(group, "electrode", np.asarray(electrode, dtype=np.int64), "")
            group = file.create_group("frames")
            write_growing(group, "time", (), "f8", "ps", BLOCK)
            write_growing(group, "trajectory", (), "i4", "", BLOCK)
            write_growing(group, "positions", (len(symbols), 3), "f8", "bohr", BLOCK)
            group = file.create_group("labels")
            write_growing(group, "frame", (), "i8", "", BLOCK)
            write_growing(group, "set", (), "i4", "", BLOCK)
            shapes = {"charges": (len(electrode),), "forces": (len(symbols), 3)}
            for name, unit in _UNITS.items():
                write_growing(group, name, shapes.get(name, ()), "f8", unit, BLOCK, np.nan)
            write_growing(group, "status", (), "i1", "", BLOCK)
        return cls(path)

    def __len__(self) -> int:
        """How many frames."""
        with self._file.open("r") as file:
            return _counts(file)[0]

    def require_atoms(self, symbols: tuple[str, ...], cell: np.ndarray, electrode: np.ndarray) -> None:
        """Refuse other atoms or another cell: one dataset holds one system.

        Raises:
            ModelMismatchError: naming what differs.
        """
        same = np.array_equal(self.electrode, electrode) and np.allclose(self.cell, cell, atol=1e-6)
        if symbols != self.symbols or not same:
            raise ModelMismatchError(
                f"{self.path}: holds frames of another system ({len(self.symbols)} atoms, here"
                f" {len(symbols)}, or another cell or electrode); use another dataset file"
            )

    def sets(self) -> list[LabelSet]:
        """The label sets, in the order of their numbers."""
        with self._file.open("r") as file:
            return _sets(file)

    def number_of(self, wanted: LabelSet) -> int:
        """Number of a label set, which is added where it is not there.

        Raises:
            InputError: labels of the same backend were made with other settings; they are not mixed.
        """
        while True:
            with self._file.open("r+") as file:
                sets = _sets(file)
                for number, one in enumerate(sets):
                    if one.backend == wanted.backend:
                        self._require_settings(one, wanted)
                    if one.holds_the_same(wanted):
                        return number
                told = json.dumps([asdict(one) for one in [*sets, wanted]])
                self._file.replace(partial(set_text, name="sets", text=told))

    def _require_settings(self, there: LabelSet, wanted: LabelSet) -> None:
        for key in sorted(there.settings.keys() | wanted.settings.keys()):
            old, new = there.settings.get(key, "absent"), wanted.settings.get(key, "absent")
            if old != new:
                raise InputError(
                    f"{self.path}: labels {there.name} were made with {key} {old[:40]}, not {new[:40]}; give"
                    " the same settings, or use another dataset for these"
                )

    def append(self, frames: MovingFrames | None, labels: MovingLabels | None) -> None:
        """Add frames and labels; either all of them are in the file afterwards or, if killed, none.

        Args:
            frames: new ones, or None.
            labels: of the new frames, which their ``frame`` counts from 0, or else of those that are there.

        Raises:
            InputError: shapes that do not fit, or numbers that are not finite.
        """
        while not self._appended(frames, labels):
            pass

    def _appended(self, frames: MovingFrames | None, labels: MovingLabels | None) -> bool:
        """Write rows after the last ones; False where room had to be made first."""
        with self._file.open("r+") as file:
            n_frames, n_labels = _counts(file)
            parts = []
            if frames is not None:
                columns = {one.name: getattr(frames, one.name) for one in fields(frames)}
                parts.append((file["frames"], n_frames, columns))
            if labels is not None:
                columns = {one.name: getattr(labels, one.name) for one in fields(labels)}
                columns["frame"] = columns["frame"] + (n_frames if frames is not None else 0)
                parts.append((file["labels"], n_labels, columns))
            ends = [n_frames + len(frames or ()), n_labels + len(labels or ())]
            for group, start, columns in parts:
                end = start + len(next(iter(columns.values())))
                for name, values in columns.items():
                    self._require(name, values, (end - start, *group[name].shape[1:]), columns.get("status"))
                if any(len(group[name]) < end for name in columns):
                    self._file.replace(partial(_grow, name=group.name, rows=length_for(end, start)))
                    return False
            for group, start, columns in parts:
                for name, values in columns.items():
                    group[name][start : start + len(values)] = values
            file.flush()
            file.attrs.modify("counts", np.array(ends, np.int64))
            return True

    def _require(
        self, name: str, values: np.ndarray, shape: tuple[int, ...], status: np.ndarray | None
    ) -> None:
        if values.shape != shape:
            raise InputError(f"{self.path}: new {name} have shape {values.shape}, expected {shape}")
        if name in _MAY_BE_UNKNOWN:
            return
        counted = values if status is None else values[status == CONVERGED]
        if not np.isfinite(counted).all():
            raise InputError(f"{self.path}: new {name} hold NaN or infinity; nothing was added")

    def overwrite(self, rows: np.ndarray, labels: MovingLabels) -> None:
        """Put ``labels`` in the place of the labels in ``rows`` (l,), such as those that did not converge."""
        with self._file.open("r+") as file:
            group = file["labels"]
            order = np.argsort(rows)
            for one in fields(labels):
                if one.name != "status":
                    group[one.name][rows[order]] = getattr(labels, one.name)[order]
            file.flush()
            group["status"][rows[order]] = labels.status[order]

    def frames(self) -> MovingFrames:
        """All complete frames."""
        with self._file.open("r") as file:
            n = _counts(file)[0]
            return MovingFrames(
                *(self._file.array(file, f"frames/{one.name}", n) for one in fields(MovingFrames))
            )

    def labels(self) -> MovingLabels:
        """All complete labels, in the order in which they were made."""
        with self._file.open("r") as file:
            n_frames, n = _counts(file)
            found = MovingLabels(
                *(self._file.array(file, f"labels/{one.name}", n) for one in fields(MovingLabels))
            )
            n_sets = len(_sets(file))
        known = (found.frame >= 0) & (found.frame < n_frames) & (found.set >= 0) & (found.set < n_sets)
        sound = np.isfinite(found.forces).all(axis=(1, 2)) & np.isfinite(found.charges).all(axis=1)
        bad = (
            ~known | ((found.status == CONVERGED) & ~sound) | ~np.isin(found.status, (CONVERGED, UNCONVERGED))
        )
        if bad.any():
            raise InputError(f"{self.path}: /labels: row {np.flatnonzero(bad)[0]} is damaged; label anew")
        return found

    def _check(self, file: h5py.File) -> None:
        n_atoms, n_electrode = len(self.symbols), len(self.electrode)
        shapes = {"positions": (n_atoms, 3), "forces": (n_atoms, 3), "charges": (n_electrode,)}
        whole = self.cell.shape == (3, 3) and self.start.shape == (n_atoms, 3)
        if not whole or not np.isin(self.electrode, np.arange(n_atoms)).all():
            raise InputError(f"{self.path}: /atoms is damaged")
        kinds = {"frames": MovingFrames, "labels": MovingLabels}
        for (group, kind), rows in zip(kinds.items(), _counts(file), strict=True):
            for one in fields(kind):
                found = sound_array(self.path, file, f"{group}/{one.name}").shape
                expected = (rows, *shapes.get(one.name, ()))
                if found[1:] != expected[1:] or not 0 <= rows <= found[0]:
                    raise InputError(
                        f"{self.path}: /{group}/{one.name} has shape {found}, expected {expected}: damaged"
                    )
        _sets(file)
        positions = self._file.array(file, "frames/positions", _counts(file)[0])
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=(1, 2)))
        if len(bad):
            raise InputError(f"{self.path}: /frames/positions: frame {bad[0]} holds NaN or infinity")


def is_moving(path: Path) -> bool:
    """Whether a file says that it is such a dataset; False where it is not there or cannot be read."""
    try:
        with h5py.File(path, "r") as file:
            return text(file, "format") == MOVING
    except OSError:
        return False


def _temperature(file: h5py.File, path: Path) -> float | None:
    """In kelvin, None in a file that does not say.

    Raises:
        InputError: it is no temperature.
    """
    given = file.attrs.get("temperature")
    if given is None:
        return None
    if not isinstance(given, float) or not 0.0 < given < np.inf:
        raise InputError(f"{path}: its temperature {given} is none; the file is damaged")
    return float(given)


def _counts(file: h5py.File) -> tuple[int, int]:
    """Complete frames and labels."""
    frames, labels = np.asarray(file.attrs["counts"], dtype=np.int64).tolist()
    return frames, labels


def _sets(file: h5py.File) -> list[LabelSet]:
    return [LabelSet(**one) for one in json.loads(text(file, "sets"))]


def _grow(file: h5py.File, name: str, rows: int) -> None:
    grow(file[name], rows)
