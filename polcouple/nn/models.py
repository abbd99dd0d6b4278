"""Loading whichever kind of model a directory holds."""

from __future__ import annotations

from pathlib import Path

from polcouple.electrode import Electrode
from polcouple.errors import InputError, ModelMismatchError
from polcouple.nn.classifier import Classifier
from polcouple.nn.kinds import GRAND_POTENTIAL, MACE, POTENTIAL
from polcouple.nn.model_electrode import (
    difference_of_sheets,
    fits_electrode,
    formula,
    require_electrode,
    same_or_repeated,
    stored_electrode,
)
from polcouple.nn.model_files import (
    DESCRIPTION,
    fitting_weights,
    load_description,
    load_model_files,
    require_stated,
    shipped_models,
)
from polcouple.nn.response_net import ResponseNet


def load_model(directory: Path, electrode: Electrode | None = None) -> Classifier | ResponseNet:
    """Load and verify a model.

    Args:
        directory: as :func:`polcouple.nn.model_files.find_model` returns it.
        electrode: refuse a model made for another one; a response net may be of a cell of another height,
            see :mod:`polcouple.nn.other_height`.

    Raises:
        InputError: files are missing, malformed or damaged.
        ModelMismatchError: it was made for another electrode.
    """
    description, arrays = load_model_files(directory)
    path = directory / DESCRIPTION
    kind = description.get("kind")
    if kind in (POTENTIAL, GRAND_POTENTIAL, MACE):
        raise InputError(
            f"{path}: a potential, and no source of charges; use it with polcouple-driver --potential"
        )
    if kind not in ("classifier", "response"):
        raise InputError(f"{path}: unknown kind of model '{kind}'; restore the file")
    with fitting_weights(directory):
        own = stored_electrode(arrays)
        if electrode is not None:
            require_electrode(directory.name, own, electrode, any_height=kind == "response")
        family = Classifier if kind == "classifier" else ResponseNet
        model = family.from_files(directory.name, own, description, arrays)
        stated = model.description()
    require_stated(directory, description, stated)
    return model


def default_model(electrode: Electrode) -> Classifier | ResponseNet:
    """The shipped response net that was made for ``electrode``.

    Raises:
        ModelMismatchError: none was, or several were.
    """
    nets = [path for path in shipped_models().values() if load_description(path).get("kind") == "response"]
    made_for = {path: stored_electrode(load_model_files(path)[1]) for path in nets}
    fitting = [path for path in nets if fits_electrode(made_for[path], electrode)]
    fitting = fitting or [path for path in nets if fits_electrode(made_for[path], electrode, any_height=True)]
    if len(fitting) == 1:
        return load_model(fitting[0], electrode)
    names = ", ".join(path.name for path in fitting or nets) or "none"
    if fitting:
        raise ModelMismatchError(
            f"several shipped response nets fit this electrode: name one as model: {names}"
        )
    why = "".join(
        f"; {path.name} is for {difference_of_sheets(own, electrode)}"
        for path, own in made_for.items()
        if same_or_repeated(own, electrode)
    )
    raise ModelMismatchError(
        f"no shipped response net was made for this electrode of {formula(electrode.symbols)} (shipped: "
        f"{names}){why}; train one (docs/networks.md) and name it as model: ./NAME"
    )
