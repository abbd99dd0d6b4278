"""How the frames of a dataset were sampled, kept beside them in the file: ``/conditions``, JSON as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.data.growing_file import GrowingFile
from polcouple.data.hdf5 import write_array
from polcouple.errors import InputError

_NAME = "conditions"


def read_conditions(path: Path) -> dict[str, Any] | None:
    """What :func:`write_conditions` wrote; None in a file that does not say.

    Raises:
        InputError: the file is damaged.
    """
    dataset = GrowingFile(path)
    with dataset.open("r") as file:
        if _NAME not in file:
            return None
        content = dataset.array(file, _NAME).tobytes()
    try:
        return dict(json.loads(content))
    except (ValueError, TypeError):
        raise InputError(f"{path}: /{_NAME} is damaged") from None


def write_conditions(path: Path, conditions: Mapping[str, Any]) -> None:
    """Put them into a dataset that has none."""
    content = np.frombuffer(json.dumps(conditions).encode(), np.uint8)
    GrowingFile(path).replace(lambda file: write_array(file, _NAME, content, ""))
