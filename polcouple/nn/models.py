"""Loading whichever kind of model a directory holds."""

from __future__ import annotations

from pathlib import Path

from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.nn.classifier import Classifier
from polcouple.nn.model_files import load_model_files, require_electrode
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
    if electrode is not None:
        require_electrode(directory.name, arrays, electrode)
    own = Electrode(
        tuple(arrays["electrode/symbols"].astype(str)),
        arrays["electrode/positions"],
        arrays["electrode/cell"],
        tuple(arrays["electrode/pbc"].tolist()),
    )
    kind = description.get("kind")
    if kind == "classifier":
        return Classifier.from_files(directory.name, own, description, arrays)
    if kind == "response":
        return ResponseNet.from_files(directory.name, own, description, arrays)
    raise InputError(f"{directory / 'model.yaml'}: unknown kind of model '{kind}'")
