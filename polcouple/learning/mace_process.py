"""``mace_run_train`` in a process of its own: followed by its log, ended with ours, gone on with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from polcouple.errors import PolcoupleError

#: called after each epoch: epoch (from 1), mean absolute errors of validation, meV an atom and meV/A
EpochDone = Callable[[int, float, float], None]

NAME = "mace"
_EPOCH = re.compile(r"Epoch (\d+): .*MAE_E_per_atom=\s*(\S+) meV, MAE_F=\s*(\S+) meV")


def run_mace(directory: Path, arguments: Mapping[str, str], done: EpochDone | None = None) -> Path:
    """Train in ``directory``, or go on from its last checkpoint; returns the file of the trained network.

    A training that has ended is not repeated.

    Args:
        arguments: of ``mace_run_train`` but for names and places; ``start_swa`` where it has two stages.
        done: told of epochs.

    Raises:
        PolcoupleError: it failed; its output is in ``output.log``.
    """
    trained = directory / f"{NAME}{'_stagetwo' if 'start_swa' in arguments else ''}.model"
    if trained.exists():
        return trained
    words = [f"--{name}={value}" for name, value in arguments.items()]
    places = {"train_file": "train.xyz", "valid_file": "validation.xyz", "work_dir": "."}
    words += [f"--{name}={value}" for name, value in places.items()]
    words += [f"--name={NAME}", "--ema", "--restart_latest", "--save_cpu"]
    log = directory / "output.log"
    command = [sys.executable, "-W", "ignore", "-m", "mace.cli.run_train", *words]
    with log.open("a") as kept:
        process = subprocess.Popen(
            command,
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )
        last = ""
        try:
            assert process.stdout is not None
            for line in process.stdout:
                kept.write(line)
                kept.flush()
                last = line.strip() or last
                if done is not None and (found := _EPOCH.search(line)):
                    done(int(found[1]) + 1, float(found[2]), float(found[3]))
            status = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if status:
        raise PolcoupleError(f"mace_run_train failed ({last}); its output is in {log}")
    return trained
