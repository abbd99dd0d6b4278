"""What a dataset's HDF5 file holds: made empty, read, and checked.

Layout (every array carries its unit as the attribute ``unit``)::

    /                            attributes format = "polcouple dataset", version = 1, origin (free text),
                                 backends (JSON: the case's settings of backends by name)
    /conditions                  (bytes,) uint8: JSON, how the frames were sampled (:mod:`.conditions`); only
                                 of `polcouple sample`
    /electrode/symbols           (n,) str             attribute fingerprint of /electrode
    /electrode/positions         (n, 3) bohr
    /electrode/cell              (3, 3) bohr, one lattice vector per row
    /electrode/pbc               (3,) bool
    /electrolyte/symbols         (m,) str
    /electrolyte/charges         (m,) e
    /electrolyte/ion_indices     (k,) int
    /frames                      attribute n_frames: how many frames are complete
    /frames/time                 (f,) ps
    /frames/site_potentials      (f, n) Hartree/e
    /frames/ion_positions        (f, k, 3) bohr, not folded into the cell
    /frames/positions            (f, m, 3) bohr, float32; only where asked for
    /labels/NAME                 attributes backend, total_charge (e), settings (JSON: what decides the
                                 charges); NAME is "BACKEND@CHARGE"
    /labels/NAME/charges         (f, n) e
    /labels/NAME/energy          (f,) Hartree, NaN where the backend has none
    /labels/NAME/fermi_level     (f,) Hartree, NaN where the backend has none
    /labels/NAME/status          (f,) int8: 0 not labelled, 1 converged, 2 not converged

Rows beyond ``n_frames`` mean nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from polcouple.data.growing_file import BLOCK, GrowingFile
from polcouple.data.hdf5 import MOVING, set_text, sound_array, text, write_array, write_growing
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import InputError
from polcouple.files import replacing

_FORMAT = "polcouple dataset"
_VERSION = 1

PENDING, CONVERGED, UNCONVERGED = 0, 1, 2


def write_empty(
    path: Path,
    electrode: Electrode,
    electrolyte: Electrolyte,
    store_positions: bool,
    origin: str,
    backends: Mapping[str, Mapping[str, Any]],
) -> None:
    """A file without frames, of what :meth:`polcouple.data.dataset.Dataset.create` takes."""
    n, m, k = len(electrode), len(electrolyte), len(electrolyte.ion_indices)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        set_text(file, "format", _FORMAT)
        set_text(file, "origin", origin)
        set_text(file, "backends", json.dumps(backends))
        file.attrs["version"] = _VERSION
        group = file.create_group("electrode")
        set_text(group, "fingerprint", electrode.fingerprint())
        write_array(group, "symbols", np.array(electrode.symbols, dtype="S3"), "")
        write_array(group, "positions", np.asarray(electrode.positions, dtype=float), "bohr")
        write_array(group, "cell", np.asarray(electrode.cell, dtype=float), "bohr")
        write_array(group, "pbc", np.array(electrode.pbc), "")
        group = file.create_group("electrolyte")
        write_array(group, "symbols", np.array(electrolyte.symbols, dtype="S3"), "")
        write_array(group, "charges", np.asarray(electrolyte.charges, dtype=float), "e")
        write_array(group, "ion_indices", np.asarray(electrolyte.ion_indices, dtype=np.int64), "")
        group = file.create_group("frames")
        group.attrs["n_frames"] = 0
        write_growing(group, "time", (), "f8", "ps", BLOCK)
        write_growing(group, "site_potentials", (n,), "f8", "Hartree/e", BLOCK)
        write_growing(group, "ion_positions", (k, 3), "f8", "bohr", BLOCK)
        if store_positions:
            write_growing(group, "positions", (m, 3), "f4", "bohr", BLOCK)
        file.create_group("labels")


def require_format(path: Path, file: h5py.File) -> None:
    """Refuse other files.

    Raises:
        InputError: saying what it is.
    """
    if text(file, "format") == MOVING:
        raise InputError(
            f"{path}: holds frames of an electrode that moves; this is done for electrodes in"
            " their place (`polcouple export` writes it for other trainers)"
        )
    if text(file, "format") != _FORMAT:
        raise InputError(f"{path}: an HDF5 file, but not a polcouple dataset")
    if file.attrs.get("version") != _VERSION:
        raise InputError(
            f"{path}: dataset version {file.attrs.get('version')}, this program reads {_VERSION}"
        )


def read_system(stored: GrowingFile, file: h5py.File) -> tuple[Electrode, Electrolyte]:
    """Whose frames they are.

    Raises:
        InputError: an array is missing, or the geometry was changed after the file was made.
    """
    electrode = Electrode(
        tuple(stored.array(file, "electrode/symbols").astype(str)),
        stored.array(file, "electrode/positions"),
        stored.array(file, "electrode/cell"),
        tuple(stored.array(file, "electrode/pbc").tolist()),
    )
    electrolyte = Electrolyte(
        tuple(stored.array(file, "electrolyte/symbols").astype(str)),
        stored.array(file, "electrolyte/charges"),
        stored.array(file, "electrolyte/ion_indices"),
    )
    if text(file["electrode"], "fingerprint") != electrode.fingerprint():
        raise InputError(f"{stored.path}: /electrode was changed after the dataset was made")
    return electrode, electrolyte


def check_frames(
    stored: GrowingFile, file: h5py.File, electrode: Electrode, electrolyte: Electrolyte
) -> None:
    """Refuse frames of another shape than the system's, and numbers that are not finite.

    Raises:
        InputError: naming the array.
    """
    n, m, k = len(electrode), len(electrolyte), len(electrolyte.ion_indices)
    frames = int(file["frames"].attrs["n_frames"])
    shapes = {"time": (), "site_potentials": (n,), "ion_positions": (k, 3)}
    if "frames/positions" in file:
        shapes["positions"] = (m, 3)
    for name, shape in shapes.items():
        found = sound_array(stored.path, file, f"frames/{name}").shape
        if found[1:] != shape or found[0] < frames:
            raise InputError(
                f"{stored.path}: /frames/{name} has shape {found}, expected {(frames, *shape)}: "
                "frames of different systems, or a damaged file"
            )
        if name == "positions":
            continue
        finite = np.isfinite(stored.array(file, f"frames/{name}", frames))
        bad = np.flatnonzero(~finite.all(axis=tuple(range(1, finite.ndim))))
        if len(bad):
            raise InputError(f"{stored.path}: /frames/{name}: frame {bad[0]} holds NaN or infinity")


def create_labels(file: h5py.File, name: str, backend: str, total_charge: float, n: int) -> h5py.Group:
    """An empty set of labels of ``n`` electrode atoms."""
    group = file["labels"].create_group(name)
    set_text(group, "backend", backend)
    group.attrs["total_charge"] = float(total_charge)
    write_growing(group, "charges", (n,), "f8", "e", BLOCK, np.nan)
    write_growing(group, "energy", (), "f8", "Hartree", BLOCK, np.nan)
    write_growing(group, "fermi_level", (), "f8", "Hartree", BLOCK, np.nan)
    write_growing(group, "status", (), "i1", "", BLOCK, PENDING)
    return group


def require_rows(path: Path, frames: h5py.Group, columns: Mapping[str, np.ndarray], added: int) -> None:
    """Refuse ``added`` new rows of /frames of another shape, and numbers that are not finite.

    Raises:
        InputError: naming the column.
    """
    for name, values in columns.items():
        found, expected = np.shape(values), (added, *frames[name].shape[1:])
        if found != expected:
            raise InputError(f"{path}: new {name} have shape {found}, expected {expected}")
        if not np.isfinite(values).all():
            raise InputError(f"{path}: new {name} hold NaN or infinity; nothing was added")


def read_labels(stored: GrowingFile, file: h5py.File, name: str, n: int) -> list[np.ndarray]:
    """Charges, energies, Fermi levels and status of ``n`` frames; NaN and PENDING where rows are missing."""
    fills = {"charges": np.nan, "energy": np.nan, "fermi_level": np.nan, "status": PENDING}
    return [_padded(stored.array(file, f"labels/{name}/{key}", n), n, fill) for key, fill in fills.items()]


def _padded(values: np.ndarray, rows: int, fill: float) -> np.ndarray:
    missing = max(0, rows - len(values))
    return np.concatenate([values[:rows], np.full((missing, *values.shape[1:]), fill, dtype=values.dtype)])
