"""Model directories: model.yaml (what it is), weights.h5 (arrays, nothing executable), README.md (the card).

The weights are plain HDF5 arrays named by :mod:`polcouple.nn.classifier` and
:mod:`polcouple.nn.response_net`, which
build the network in code: a model file cannot run anything. model.yaml holds the SHA-256 of weights.h5;
what it says of the network itself must agree with the weights, and the rest is for people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml

import polcouple
from polcouple.data.hdf5 import DAMAGE
from polcouple.errors import InputError, nearest
from polcouple.files import replacing, write_whole
from polcouple.nn.packed import Packed, write_array

#: of arrays as they are, and with arrays in codes, which readers of the first would take for weights
_PLAIN, _IN_CODES = 1, 2
DESCRIPTION, _WEIGHTS, _CARD = "model.yaml", "weights.h5", "README.md"
#: attribute of an array in codes: what a code of 1 stands for, by column
_SCALE = "scale"


def shipped_models() -> dict[str, Path]:
    """Directories of the models that come with the project, by name."""
    package = Path(polcouple.__file__).parent
    found: dict[str, Path] = {}
    for root in (package.parent / "models", package / "_models"):
        found.update({path.parent.name: path.parent for path in sorted(root.glob(f"*/{DESCRIPTION}"))})
    return found


def find_model(model: str | Path) -> Path:
    """Directory of a model: a :class:`~pathlib.Path` to it, or a string that is the name of a shipped one.

    Raises:
        InputError: there is none.
    """
    if isinstance(model, Path):
        if not (model / DESCRIPTION).is_file():
            raise InputError(f"no model in {model}: {DESCRIPTION} is not there")
        return model
    shipped = shipped_models()
    if model not in shipped:
        raise InputError(
            f"no shipped model '{model}'{nearest(model, shipped)}; shipped: {', '.join(shipped) or 'none'} "
            f"(a model of your own: ./{model})"
        )
    return shipped[model]


def save_model(
    directory: Path, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray | Packed], card: str
) -> None:
    """Write a model directory; each file appears complete or not at all, model.yaml last.

    Args:
        description: plain values for model.yaml; ``weights`` is added.
        arrays: for weights.h5, in the precision they are to be stored with, or in codes.
        card: text of README.md.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with replacing(directory / _WEIGHTS) as temporary:
        with h5py.File(temporary, "w") as file:
            for name, values in arrays.items():
                written = write_array(file, name, values.codes if isinstance(values, Packed) else values)
                if isinstance(values, Packed):
                    written.attrs[_SCALE] = values.scale
        weights = {"file": _WEIGHTS, "sha256": _sha256(temporary), "bytes": temporary.stat().st_size}
    write_whole(directory / _CARD, card)
    in_codes = any(isinstance(values, Packed) for values in arrays.values())
    document = {"format": _IN_CODES if in_codes else _PLAIN, **description, "weights": weights}
    write_whole(directory / DESCRIPTION, yaml.safe_dump(document, sort_keys=False, width=110))


def require_no_model(directory: Path) -> None:
    """Refuse a directory that holds a model, before a new one is trained.

    Raises:
        InputError: it does.
    """
    if (directory / DESCRIPTION).exists():
        raise InputError(f"{directory}: holds a model already; choose another name")


def load_description(directory: Path) -> dict[str, Any]:
    """Contents of model.yaml.

    Raises:
        InputError: the file is missing or malformed.
    """
    path = directory / DESCRIPTION
    try:
        description = yaml.safe_load(path.read_text())
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None
    if not isinstance(description, dict) or description.get("format") not in (_PLAIN, _IN_CODES):
        raise InputError(f"{path}: not a model description of format {_PLAIN} or {_IN_CODES}")
    return description


def load_model_files(directory: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read and verify a model directory.

    Returns:
        The contents of model.yaml and the arrays of weights.h5.

    Raises:
        InputError: a file is missing or malformed, or the weights are not those the description was written
        for.
    """
    description = load_description(directory)
    weights = directory / _WEIGHTS
    if not weights.is_file():
        raise InputError(f"{weights}: missing; copy the whole model directory")
    recorded = description.get("weights")
    if not isinstance(recorded, dict) or _sha256(weights) != recorded.get("sha256"):
        raise InputError(
            f"{weights}: its SHA-256 is not the one in {DESCRIPTION}; damaged, or of another model"
        )
    arrays: dict[str, np.ndarray] = {}
    try:
        # opened only now: what HDF5 makes of damaged bytes is not to be relied on
        with h5py.File(weights, "r") as file:
            file.visititems(
                lambda name, item: (
                    arrays.update({name: _values(item)}) if isinstance(item, h5py.Dataset) else None
                )
            )
    except DAMAGE as error:
        raise InputError(f"{weights}: cannot be read ({error}); copy the model again") from error
    return description, arrays


def require_kind(directory: Path, description: Mapping[str, Any], kind: str) -> None:
    """Refuse a model of another kind.

    Raises:
        InputError: naming both.
    """
    if description.get("kind") != kind:
        raise InputError(
            f"{directory / DESCRIPTION}: a model of kind {description.get('kind')!r}, and no {kind}"
        )


@contextmanager
def fitting_weights(directory: Path) -> Iterator[None]:
    """What is built in it from a model's arrays fits them, or it is said that it does not.

    Raises:
        InputError: in place of any error of building it.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise InputError(
            f"{directory / DESCRIPTION}: does not fit the weights beside it"
            f" ({type(error).__name__}: {error}); restore the file"
        ) from error


def require_stated(directory: Path, description: Mapping[str, Any], stated: Mapping[str, Any]) -> None:
    """Refuse a description that is not what the weights say of themselves.

    Args:
        stated: what the model that was built from the weights says.

    Raises:
        InputError: naming the first difference.
    """
    for key, value in stated.items():
        if description.get(key) != value:
            raise InputError(
                f"{directory / DESCRIPTION}: '{key}' is not what the weights beside it say; restore the file"
            )


def _values(stored: h5py.Dataset) -> np.ndarray:
    """An array as it is used, whether it is stored in codes or as it is."""
    scale = stored.attrs.get(_SCALE)
    values: np.ndarray = stored[...] if scale is None else Packed(stored[...], scale).values()
    return values


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
