"""Training stock MACE on frames at several potentials: PE-MACE by mace-torch's own ``--embedding_specs``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.data.grand_frames import GrandFrames
from polcouple.data.splits import Split
from polcouple.errors import InputError
from polcouple.files import replacing, write_whole
from polcouple.learning.grand_scores import GrandScore, grand_scores
from polcouple.learning.grand_training import split_in_time
from polcouple.learning.mace_card import mace_card
from polcouple.learning.mace_options import MaceOptions
from polcouple.learning.mace_process import EpochDone, run_mace
from polcouple.nn.mace import FEATURE, MaceNetwork, require_mace
from polcouple.nn.model_files import require_no_model


@dataclass(frozen=True, eq=False)
class TrainedMace:
    """A network with its scores on frames that training did not see.

    Attributes:
        network: as saved.
        scores: by name of the row, and in it by potential ("all" for all together).
        maxwell: largest |dF/dmu - dn/dR| on test frames, by differences in double precision, 1/A.
        split: which rows were used for what.
    """

    network: MaceNetwork
    scores: dict[str, dict[str, GrandScore]]
    maxwell: float
    split: Split


def train_mace(
    frames: GrandFrames,
    model_directory: Path | str,
    options: MaceOptions | None = None,
    *,
    origin: str = "",
    done: EpochDone | None = None,
) -> TrainedMace:
    """Train, score and save.

    What mace-torch writes, checkpoints among them, goes to ``MODEL.training`` beside the model; repeat the
    call to go on after an interruption. mace-torch then goes on from its last checkpoint with the averaged
    weights, so that the result is not that of an uninterrupted training to the bit.

    Args:
        model_directory: must not hold a model yet.
        origin: where the frames came from, for the model card.

    Raises:
        InputError: mace-torch is not there, the directory holds a model, frames and options do not fit, or
            another training was begun in the same place.
        PolcoupleError: mace_run_train failed.
    """
    require_mace()
    options, directory = options or MaceOptions(), Path(model_directory)
    require_no_model(directory)
    if frames.reference is None:
        raise InputError("these labels know no zero of the potential; sample them with --potentials")
    split = split_in_time(frames, options)
    if not len(split.validation):
        raise InputError("no frames to choose the epoch by; give more frames or --validation-fraction")
    work = directory.with_name(f"{directory.name}.training")
    _begin(work, frames, split, options)
    trained = run_mace(work, options.arguments(), done)
    levels = tuple(float(one) for one in np.unique(np.round(frames.levels[split.train], 9)))
    network = MaceNetwork.trained(directory.name, trained, options.architecture, levels, frames.reference)
    scores, maxwell = grand_scores(network, frames, split.train, split.test)
    found = TrainedMace(network, scores, maxwell, split)
    _save(directory, found, options, frames, origin)
    return found


def _begin(work: Path, frames: GrandFrames, split: Split, options: MaceOptions) -> None:
    """Write what mace_run_train reads, or refuse what another training left there."""
    told = {"options": options.model_dump(mode="json"), "frames": frames.digest()}
    settings, path = json.dumps(told, indent=1, sort_keys=True), work / "settings.json"
    if path.exists():
        if path.read_text() != settings:
            raise InputError(
                f"{work}: a training on other frames or with other options; remove it, or name another model"
            )
        return
    work.mkdir(parents=True, exist_ok=True)
    for name in ("train", "validation"):
        write_frames(work / f"{name}.xyz", frames, getattr(split, name))
    write_whole(path, settings)


def write_frames(path: Path, frames: GrandFrames, rows: np.ndarray) -> None:
    """Write frames for mace-torch: ``REF_energy`` in eV, ``REF_forces`` in eV/A, ``potential`` in V."""
    from ase import Atoms
    from ase.io import write

    assert frames.reference is not None
    with replacing(path) as temporary, temporary.open("w") as stream:
        for row in rows:
            atoms = Atoms(frames.symbols, frames.positions[row], cell=frames.cell, pbc=True)
            potential = round(frames.reference - float(frames.levels[row]), 9)
            atoms.info = {"REF_energy": float(frames.energies[row]), FEATURE: potential}
            atoms.arrays["REF_forces"] = frames.forces[row]
            write(stream, atoms, format="extxyz")


def _save(
    directory: Path, found: TrainedMace, options: MaceOptions, frames: GrandFrames, origin: str
) -> None:
    data = {"origin": origin, "frames": len(frames), "sha256": frames.digest()}
    extra: Mapping[str, Any] = {
        "training": options.model_dump(mode="json"),
        "data": data | {"split": found.split.sizes()},
        "metrics": {name: {at: asdict(one) for at, one in row.items()} for name, row in found.scores.items()},
        "maxwell": found.maxwell,
    }
    found.network.save(directory, extra, mace_card(found.network, options, extra, found.scores))
