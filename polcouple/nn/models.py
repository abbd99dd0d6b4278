"""Loading whichever kind of model a directory holds."""

from __future__ import annotations

from pathlib import Path

from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.nn.classifier import Classifier
from polcouple.nn.model_files import DESCRIPTION, load_model_files, require_electrode
from polcouple.nn.response_net import ResponseNet


def load_model(directory: Path, electrode: Electrode | None = None) -> Classifier | ResponseNet:
    """Load and verify a model.

    Args:
        directory: as :func:`polcouple.nn.model_files.find_model` returns it.
        electrode: refuse a model made for another one.

    Raises:
        InputError: files are missing, malformed or damaged.
        ModelMismatchError: it was made for another electrode.
    """
    description, arrays = load_model_files(directory)
    path = directory / DESCRIPTION
    kind = description.get("kind")
    if kind not in ("classifier", "response"):
        raise InputError(f"{path}: unknown kind of model '{kind}'; restore the file")
    try:
        if electrode is not None:
            require_electrode(directory.name, arrays, electrode)
        own = Electrode(
            tuple(arrays["electrode/symbols"].astype(str)),
            arrays["electrode/positions"],
            arrays["electrode/cell"],
            tuple(arrays["electrode/pbc"].tolist()),
        )
        family = Classifier if kind == "classifier" else ResponseNet
        model = family.from_files(directory.name, own, description, arrays)
        stated = model.description()
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise InputError(
            f"{path}: does not fit the weights beside it ({type(error).__name__}: {error}); restore the file"
        ) from error
    for key, value in stated.items():
        if description.get(key) != value:
            raise InputError(f"{path}: '{key}' is not what the weights beside it say; restore the file")
    return model
