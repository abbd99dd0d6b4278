"""What a response net was trained on, by digests: frames, labels and split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from polcouple.data.dataset import Dataset, label_name
from polcouple.data.splits import SplitKind
from polcouple.errors import InputError
from polcouple.nn.model_files import load_model_files


def require_trained_on(directory: Path, dataset: Dataset, labels: str, folds: int, split: SplitKind) -> None:
    """Refuse a response net that was trained on anything but these frames, their labels and this split.

    The dataset may have labels by ``labels`` at more total charges than the net was shown.

    Raises:
        InputError: saying what differs.
    """
    description, _ = load_model_files(directory)
    data, training = description.get("data", {}), description.get("training", {})
    shown = data.get("labels", [])
    known = {label_name(backend, Q): Q for backend, Q in dataset.label_sets() if backend == labels}
    missing = [name for name in shown if name not in known]
    reason = None
    if description.get("kind") != "response":
        reason = f"a model of kind {description.get('kind')}"
    elif (training.get("folds"), training.get("split")) != (folds, split):
        reason = f"split otherwise ({training.get('folds')} {training.get('split')})"
    elif data.get("frames") != len(dataset):
        reason = f"trained on {data.get('frames')} frames"
    elif missing or not shown:
        reason = f"trained on labels that {dataset.path} has not ({', '.join(missing) or 'not known'})"
    else:
        charges = sorted(known[name] for name in shown)
        found = [levels_of(dataset, labels, Q) for Q in charges]
        if digest_of(dataset.frames().site_potentials, found, folds, split) != data.get("sha256"):
            reason = "trained on other frames or labels, by their SHA-256"
    if reason is not None:
        raise InputError(
            f"{directory}: not a response net of the {len(dataset)} frames of {dataset.path} in {folds}"
            f" {split}, but {reason}: it may have seen those that test here"
        )


def levels_of(dataset: Dataset, backend: str, total_charge: float) -> tuple[np.ndarray, np.ndarray]:
    """(f, n) charges in e, and (f, 2) energies and Fermi levels in Hartree."""
    labels = dataset.complete_labels(backend, total_charge)
    return labels.charges, np.column_stack([labels.energy, labels.fermi_level])


def digest_of(
    potentials: np.ndarray, levels: Sequence[tuple[np.ndarray, np.ndarray]], folds: int, split: SplitKind
) -> str:
    """Of potentials, of charges and levels at each total charge, and of the split."""
    digest = hashlib.sha256(potentials.tobytes())
    for charges, energies in levels:
        digest.update(charges.tobytes())
        digest.update(energies.tobytes())
    digest.update(json.dumps([folds, split]).encode())
    return digest.hexdigest()
