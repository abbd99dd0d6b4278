"""The runs of a comparison that is asked for by a case and backends: one directory each, resumable."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any

from polcouple.case import Case, read_case
from polcouple.check.findings import require_sound
from polcouple.checkpoints import restart_file
from polcouple.command import log
from polcouple.compare.models import Model
from polcouple.errors import InputError
from polcouple.ipi_input import read_xml, step_of, write_xml
from polcouple.options import forwarded_arguments, setting_word
from polcouple.run import RunFailedError, prepare, propagate
from polcouple.start_file import start_file

#: written beside the run: what it was made from
_IDENTITY = "comparison.json"
#: steps between checkpoints: what an interruption costs at most
_CHECKPOINT_STRIDE = 200


def make_runs(
    args: argparse.Namespace,
    case: Path,
    models: Sequence[Model],
    directory: Path,
) -> list[Path]:
    """Run the case once with each model for ``args.steps`` steps; what is finished is kept.

    Args:
        args: ``input``, ``steps``, ``every``, and the engine's options.
        directory: the runs go into subdirectories of it.

    Returns:
        The run directories, in the order of the models.

    Raises:
        InputError: a directory holds a run made in another way, or one of the missing runs could not start.
        RunFailedError: i-PI or the driver stopped early.
    """
    made = [directory / re.sub(r"[^\w.-]+", "_", model.label).strip("_") for model in models]
    identities = [_identity(args, case, model) for model in models]
    # all of them before the first is run
    for run, identity in zip(made, identities, strict=True):
        if (run / _IDENTITY).exists() and (run / _IDENTITY).read_text() != identity:
            raise InputError(
                f"{run} holds a run of another case, or with other settings or --every; remove it, or choose"
                " another -o"
            )
    missing = [not (run / _IDENTITY).exists() or _reached(run) < args.steps for run in made]
    for model in compress(models, missing):
        settings = partial(_settings_of, model)
        require_sound(case, args.input, model.backend, settings, args.platform, args.threads, args.steps)
    for model, run, identity, is_missing in zip(models, made, identities, missing, strict=True):
        if not is_missing:
            log(f"{run}: finished before, kept")
            continue
        if not (run / _IDENTITY).exists():
            prepare(case, args.input, run)
            _set_strides(run, args.every)
            (run / _IDENTITY).write_text(identity)
        if propagate(run, args.steps, _driver_words(args, model)) < args.steps:
            raise RunFailedError(f"{run}: i-PI was asked to stop; repeat the command to go on")
    return made


def _settings_of(model: Model, _: Case) -> Mapping[str, Any]:
    return model.settings


def _driver_words(args: argparse.Namespace, model: Model) -> list[str]:
    engine = {"platform": args.platform, "threads": args.threads, "refresh": args.refresh, "slako": None}
    settings = [setting_word(key, value) for key, value in model.given.items()]
    return forwarded_arguments(argparse.Namespace(backend=model.backend, settings=settings, **engine))


def _identity(args: argparse.Namespace, case: Path, model: Model) -> str:
    """What decides the trajectory, as text."""
    root = read_xml(case / args.input)
    files = [case / "system.yaml", case / args.input, case / start_file(root).name]
    made_from = {
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
        "model": model.identity(read_case(case, start_file(root))),
        "driver": _driver_words(args, model),
        "every": args.every,
    }
    return json.dumps(made_from, indent=1) + "\n"


def _set_strides(run: Path, every: int) -> None:
    """Positions and charges every ``every`` steps; checkpoints, so that an interruption is cheap."""
    root = read_xml(run / "input.xml")
    for trajectory in root.iter("trajectory"):
        content = (trajectory.text or "").partition("{")[0].strip()
        if content == "positions" or trajectory.get("extra_type") == "charges":
            trajectory.set("stride", str(every))
    for checkpoint in root.iter("checkpoint"):
        checkpoint.set("stride", str(_CHECKPOINT_STRIDE))
    write_xml(root, run / "input.xml")


def _reached(run: Path) -> int:
    """Step at which the run stands."""
    restart = restart_file(run)
    return step_of(read_xml(restart)) if restart is not None else 0
