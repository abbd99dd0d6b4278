"""Datasets: frames of a run and the electrode charges that backends assigned to them, in one HDF5 file.

An append writes the rows first and ``n_frames`` last, and a label's charges before its ``status``: what a
killed process leaves behind is a complete, shorter dataset (:mod:`polcouple.data.growing_file`). What is
where in the file: :mod:`polcouple.data.dataset_layout`.

Electrodes that move have another format (:mod:`polcouple.data.moving`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from polcouple.data.dataset_layout import (
    CONVERGED,
    PENDING,
    UNCONVERGED,
    check_frames,
    create_labels,
    read_labels,
    read_system,
    require_format,
    require_rows,
    write_empty,
)
from polcouple.data.growing_file import GrowingFile, grow, length_for
from polcouple.data.hdf5 import set_text, text
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import InputError, ModelMismatchError

#: total charges that differ by less are the same (e)
_SAME_CHARGE = 1e-9


@dataclass(frozen=True, eq=False)
class Frames:
    """Consecutive frames.

    Attributes:
        time: (f,) in ps.
        site_potentials: (f, n) in Hartree/e.
        ion_positions: (f, k, 3) in bohr.
        positions: (f, m, 3) of all electrolyte atoms in bohr, or None.
    """

    time: np.ndarray
    site_potentials: np.ndarray
    ion_positions: np.ndarray
    positions: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Labels:
    """What one backend says about every frame at one total charge; NaN where ``status`` is PENDING.

    Attributes:
        charges: (f, n) in e.
        energy, fermi_level: (f,) in Hartree.
        status: (f,) PENDING, CONVERGED or UNCONVERGED.
    """

    charges: np.ndarray
    energy: np.ndarray
    fermi_level: np.ndarray
    status: np.ndarray


def label_name(backend: str, total_charge: float) -> str:
    """Name of a label group, such as ``dftb@-4``."""
    return f"{backend}@{total_charge + 0.0:g}"  # no minus before a zero


class Dataset:
    """An existing dataset file, validated when opened.

    Raises:
        InputError: the file is not there, is truncated or is not a dataset; an array is missing, has the
            wrong shape or holds NaN; the geometry was changed after the file was made.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file = GrowingFile(self.path)
        with self._file.open("r") as file:
            require_format(self.path, file)
            self.origin = text(file, "origin")
            self._backends: dict[str, dict[str, Any]] = json.loads(text(file, "backends") or "{}")
            self.electrode, self.electrolyte = read_system(self._file, file)
            self.has_positions = "frames/positions" in file
            check_frames(self._file, file, self.electrode, self.electrolyte)

    @classmethod
    def create(
        cls,
        path: Path | str,
        electrode: Electrode,
        electrolyte: Electrolyte,
        *,
        store_positions: bool = False,
        origin: str = "",
        backends: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Dataset:
        """Make an empty dataset; an existing file is never overwritten.

        Args:
            store_positions: keep all electrolyte positions in float32 (12 bytes per atom and frame).
            origin: where the frames come from, kept with every model trained on them.
            backends: the case's settings of backends by name, paths absolute; labels are made with them.
        """
        path = Path(path)
        if path.exists():
            raise InputError(f"{path}: exists already; open it to append, or choose another name")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_empty(path, electrode, electrolyte, store_positions, origin, backends or {})
        return cls(path)

    def __len__(self) -> int:
        with self._file.open("r") as file:
            return int(file["frames"].attrs["n_frames"])

    def with_own_settings(self, backend: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of a backend, ``given`` ones over those of the case that the frames are of."""
        return self._backends.get(backend, {}) | dict(given)

    def require_system(self, electrode: Electrode, electrolyte: Electrolyte) -> None:
        """Refuse another electrode or electrolyte: one dataset holds one system.

        Raises:
            ModelMismatchError: naming what differs.
        """
        if electrode.fingerprint() != self.electrode.fingerprint():
            raise ModelMismatchError(
                f"{self.path}: holds frames of another electrode; use another dataset file"
            )
        if electrolyte.symbols != self.electrolyte.symbols or not np.allclose(
            electrolyte.charges, self.electrolyte.charges, atol=1e-9
        ):
            raise ModelMismatchError(
                f"{self.path}: holds frames of another electrolyte ({len(self.electrolyte)} atoms, here "
                f"{len(electrolyte)}); use another dataset file"
            )

    def append(self, frames: Frames) -> None:
        """Add frames at the end; either all of them are in the file afterwards or, if killed, none.

        Raises:
            InputError: shapes that do not fit, or numbers that are not finite.
        """
        added = len(frames.time)
        columns = {
            "time": frames.time,
            "site_potentials": frames.site_potentials,
            "ion_positions": frames.ion_positions,
        }
        if self.has_positions:
            if frames.positions is None:
                raise InputError(f"{self.path}: stores all positions, the new frames have none")
            columns["positions"] = frames.positions
        while not self._appended(columns, added):
            pass

    def _appended(self, columns: Mapping[str, np.ndarray], added: int) -> bool:
        """Write rows after the last one; False where room had to be made first."""
        with self._file.open("r+") as file:
            group = file["frames"]
            start = int(group.attrs["n_frames"])
            require_rows(self.path, group, columns, added)
            end = start + added
            if any(len(group[name]) < end for name in columns):
                self._file.replace(lambda new: grow(new["frames"], length_for(end, start)))
                return False
            for name, values in columns.items():
                group[name][start:end] = values
            file.flush()
            group.attrs["n_frames"] = end
            return True

    def frames(self, *, positions: bool = False) -> Frames:
        """All complete frames, with all positions (float32) where asked for."""
        if positions and not self.has_positions:
            raise InputError(f"{self.path}: all positions were not stored; sample again with them")
        with self._file.open("r") as file:
            n = int(file["frames"].attrs["n_frames"])
            found = self._file.array(file, "frames/positions", n) if positions else None
            if found is not None and not np.isfinite(found).all():
                frame = np.argwhere(~np.isfinite(found))[0, 0]
                raise InputError(f"{self.path}: /frames/positions: frame {frame} holds NaN or infinity")
            return Frames(
                self._file.array(file, "frames/time", n),
                self._file.array(file, "frames/site_potentials", n),
                self._file.array(file, "frames/ion_positions", n),
                found,
            )

    def label_sets(self) -> list[tuple[str, float]]:
        """(backend, total charge in e) of every set of labels, in the order of their names."""
        with self._file.open("r") as file:
            found = []
            for name, group in file["labels"].items():
                backend, total_charge = text(group, "backend"), float(group.attrs["total_charge"])
                if name != label_name(backend, total_charge):
                    raise InputError(f"{self.path}: /labels/{name} is not what its attributes say: damaged")
                found.append((backend, total_charge))
            return found

    def label_settings(self, backend: str, total_charge: float) -> dict[str, str]:
        """What decided these labels, as :meth:`require_settings` takes it; empty where it is not known."""
        name = label_name(backend, total_charge)
        with self._file.open("r") as file:
            group = file["labels"].get(name, {})
            known = name in file["labels"] and "settings" in group.attrs
            settings = dict(json.loads(text(group, "settings"))) if known else {}
        return {name: str(value) for name, value in settings.items()}

    def require_settings(self, backend: str, total_charge: float, settings: Mapping[str, str]) -> None:
        """Refuse to mix labels: those that are there must have been made with the same settings.

        Args:
            settings: as :meth:`polcouple.backends.base.BackendOptions.identity` has them.

        Raises:
            InputError: naming what differs, or another total charge of the same name.
        """
        name = label_name(backend, total_charge)
        with self._file.open("r") as file:
            if name not in file["labels"]:
                return
            group = file["labels"][name]
            charge = float(group.attrs["total_charge"])
        before = self.label_settings(backend, total_charge)
        if abs(charge - total_charge) > _SAME_CHARGE:
            raise InputError(
                f"{self.path}: labels {name} are of {charge:.12g} e, not {total_charge:.12g} e; give that one"
            )
        for key in sorted(before.keys() & settings.keys()):
            if before[key] != settings[key]:
                what = f"{key} {before[key][:40]}, not {settings[key][:40]}"
                raise InputError(
                    f"{self.path}: labels {name} were made with {what}; give the same settings, or use"
                    " another dataset for these"
                )

    def write_labels(
        self,
        backend: str,
        total_charge: float,
        indices: Sequence[int] | np.ndarray,
        charges: np.ndarray,
        energy: np.ndarray,
        fermi_level: np.ndarray,
        converged: np.ndarray,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Store what ``backend`` found for the frames ``indices``.

        Args:
            indices: (b,) frame numbers.
            charges: (b, n) in e.
            energy, fermi_level: (b,) in Hartree, NaN where there is none.
            converged: (b,) bool.
            settings: what decides these labels; kept with the first of a set (:meth:`require_settings`).
        """
        order = np.argsort(indices)
        rows = np.asarray(indices)[order]
        n_frames = len(self)
        if len(rows) and not 0 <= rows[0] <= rows[-1] < n_frames:
            raise InputError(f"{self.path}: labels for frame {rows[-1]}, but there are {n_frames} frames")
        charges = np.asarray(charges)
        expected = (len(rows), len(self.electrode))
        if charges.shape != expected:
            raise InputError(f"{self.path}: labels have shape {charges.shape}, expected {expected}")
        name, told = label_name(backend, total_charge), json.dumps(dict(settings or {}))

        def prepare(new: h5py.File) -> None:
            n = len(self.electrode)
            group = new["labels"].get(name) or create_labels(new, name, backend, total_charge, n)
            if settings is not None and not group["status"][:].any():
                set_text(group, "settings", told)
            grow(group, len(new["frames/time"]))

        def is_prepared(group: h5py.Group | None) -> bool:
            if group is None or any(len(column) < n_frames for column in group.values()):
                return False
            return settings is None or text(group, "settings") == told or group["status"][:].any()

        while True:
            with self._file.open("r+") as file:
                group = file["labels"].get(name)
                if not is_prepared(group):
                    self._file.replace(prepare)
                    continue
                group["charges"][rows] = charges[order]
                group["energy"][rows] = np.asarray(energy, dtype=float)[order]
                group["fermi_level"][rows] = np.asarray(fermi_level, dtype=float)[order]
                file.flush()
                group["status"][rows] = np.where(np.asarray(converged)[order], CONVERGED, UNCONVERGED)
                return

    def labels(self, backend: str, total_charge: float) -> Labels:
        """Labels of every complete frame.

        Raises:
            InputError: there is no such set; a converged label is not finite.
        """
        name = label_name(backend, total_charge)
        with self._file.open("r") as file:
            n = int(file["frames"].attrs["n_frames"])
            if name not in file["labels"]:
                known = ", ".join(file["labels"]) or "none"
                raise InputError(f"{self.path}: no labels {name}; there are: {known}")
            labels = Labels(*read_labels(self._file, file, name, n))
        bad = (labels.status == CONVERGED) & ~np.isfinite(labels.charges).all(axis=1)
        if bad.any():
            raise InputError(f"{self.path}: /labels/{name}/charges: frame {np.flatnonzero(bad)[0]} holds NaN")
        return labels

    def complete_labels(self, backend: str, total_charge: float) -> Labels:
        """Labels that are fit for training: every frame labelled and converged.

        Raises:
            InputError: naming the first frame that is not, and the cure.
        """
        labels = self.labels(backend, total_charge)
        where = f"{self.path}: labels {label_name(backend, total_charge)}"
        for status, word in ((UNCONVERGED, "did not converge"), (PENDING, "is missing")):
            frames = np.flatnonzero(labels.status == status)
            if len(frames):
                raise InputError(
                    f"{where}: frame {frames[0]} {word} ({len(frames)} of {len(labels.status)} frames); "
                    f"run `polcouple label` again"
                )
        totals = labels.charges.sum(axis=1)
        wrong = np.flatnonzero(np.abs(totals - total_charge) > 1e-4)
        if len(wrong):
            raise InputError(f"{where}: charges of frame {wrong[0]} sum to {totals[wrong[0]]:.4f} e")
        return labels
