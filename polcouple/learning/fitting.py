"""The training loop of both families: Adam, averaged weights, early stopping, TensorBoard, restart."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from polcouple.errors import InputError
from polcouple.files import write_npz
from polcouple.nn._tensorflow import tensorflow

#: called after each epoch with the epoch's number, the training loss, the validation loss and the epochs
#: without gain
OnEpoch = Callable[[int, float, float, int], None]
_CHECKPOINT_SECONDS = 60.0


class FitOptions(BaseModel):
    """How weights are optimised; defaults are the paper's where it gives a number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    learning_rate: Annotated[float, Field(gt=0, description="Adam's step size")] = 2e-4
    batch_size: Annotated[int, Field(ge=1, description="frames per step")] = 32
    final_learning_rate: Annotated[
        float | None,
        Field(
            gt=0,
            description="step size after max_epochs, reached along a cosine (none: it stays)",
        ),
    ] = None
    validate_every: Annotated[int, Field(ge=1, description="epochs between looks at the validation loss")] = 1
    patience: Annotated[int, Field(ge=1, description="epochs without gain in validation loss")] = 100
    max_epochs: Annotated[int, Field(ge=1, description="epochs at most")] = 20_000
    max_minutes: Annotated[float | None, Field(gt=0, description="time at most, looked at each epoch")] = None
    weight_average: Annotated[
        float, Field(ge=0, lt=1, description="decay per step of the running average of weights; 0: none")
    ] = 0.999
    seed: Annotated[int, Field(ge=0, description="initial weights, order of frames, augmentation")] = 0


@dataclass(frozen=True)
class FitResult:
    """How a fit ended.

    Attributes:
        epochs: how many were run.
        best_epoch: the one whose weights were kept.
        best_loss: its validation loss.
        stopped_by: "patience", "epochs" or "time".
        seconds: of training, all parts of an interrupted one together.
    """

    epochs: int
    best_epoch: int
    best_loss: float
    stopped_by: str
    seconds: float


def fit(
    variables: list[Any],
    loss: Callable[..., Any],
    batches: Callable[[int], Iterable[tuple[np.ndarray, ...]]],
    validation_loss: Callable[[], float],
    options: FitOptions,
    directory: Path,
    purpose: str,
    on_epoch: OnEpoch | None = None,
) -> FitResult:
    """Minimise ``loss``; leave in ``variables`` the (averaged) weights of the best validation loss.

    Args:
        variables: trainable TensorFlow variables.
        loss: scalar tensor of one batch, given as tensors; traced once.
        batches: the batches of epoch i, equal in shape and determined by i alone.
        validation_loss: evaluated with the averaged weights in place, every ``options.validate_every`` epochs
            and at the end.
        directory: for checkpoint.npz (at least every minute, and when interrupted) and TensorBoard's log; an
            existing checkpoint of the same ``purpose`` and options is continued.
        purpose: whatever determines the result besides the options: data, split, bins.

    Raises:
        InputError: ``directory`` holds the checkpoint of another purpose.
    """
    tf = tensorflow()
    optimizer = tf.keras.optimizers.Adam(
        options.learning_rate, use_ema=options.weight_average > 0, ema_momentum=options.weight_average or 0.99
    )
    optimizer.build(variables)

    def train_step(*batch: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(*batch)
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    step = tf.function(train_step, autograph=False)
    directory.mkdir(parents=True, exist_ok=True)
    state = _State(directory / "checkpoint.npz", variables, optimizer, _digest(options, purpose))
    state.restore()
    log = tf.summary.create_file_writer(str(directory / "tensorboard"))
    started = last_saved = time.monotonic() - state.seconds
    stopped_by = ""
    try:
        while not stopped_by:
            optimizer.learning_rate.assign(_step_size(options, state.epoch))
            losses = [step(*(tf.constant(part) for part in batch)) for batch in batches(state.epoch)]
            train = float(np.mean([value.numpy() for value in losses]))
            state.epoch += 1
            state.seconds = time.monotonic() - started
            if state.epoch >= options.max_epochs:
                stopped_by = "epochs"
            elif options.max_minutes is not None and state.seconds > 60.0 * options.max_minutes:
                stopped_by = "time"
            if stopped_by or state.epoch % options.validate_every == 0:
                current = [variable.numpy() for variable in variables]
                if options.weight_average > 0:
                    optimizer.finalize_variable_values(variables)
                state.judge(validation_loss())
                for variable, value in zip(variables, current, strict=True):
                    variable.assign(value)
                if state.waited >= options.patience:
                    stopped_by = "patience"
            log_scalars(log, state.epoch, {"loss/training": train, "loss/validation": state.validation})
            if on_epoch is not None:
                on_epoch(state.epoch, train, state.validation, state.waited)
            if time.monotonic() - last_saved > _CHECKPOINT_SECONDS:
                state.save()
                last_saved = time.monotonic()
    finally:
        state.save()
        log.close()
    for variable, value in zip(variables, state.best, strict=True):
        variable.assign(value)
    return FitResult(state.epoch, state.best_epoch, state.best_loss, stopped_by, state.seconds)


class _State:
    """Everything an interrupted fit needs to go on as if it had not been."""

    def __init__(self, path: Path, variables: list[Any], optimizer: Any, digest: str) -> None:
        self.path = path
        self._variables = variables
        self._optimizer = optimizer
        self._digest = digest
        self.best = [variable.numpy() for variable in variables]
        self.best_loss = np.inf
        self.epoch = self.best_epoch = 0
        self.seconds = 0.0
        #: validation loss when it was last looked at
        self.validation = np.inf

    @property
    def waited(self) -> int:
        """Epochs since the best one."""
        return self.epoch - self.best_epoch

    def judge(self, validation: float) -> None:
        """Keep the weights that the variables have now if they are the best so far."""
        self.validation = validation
        if validation < self.best_loss:
            self.best_loss, self.best_epoch = validation, self.epoch
            self.best = [variable.numpy() for variable in self._variables]

    def save(self) -> None:
        arrays = {f"best_{i}": value for i, value in enumerate(self.best)}
        arrays |= {f"variable_{i}": variable.numpy() for i, variable in enumerate(self._variables)}
        arrays |= {f"optimizer_{i}": variable.numpy() for i, variable in enumerate(self._optimizer.variables)}
        scalars = [self.epoch, self.best_epoch, self.validation, self.best_loss, self.seconds]
        state = {"scalars": np.array(scalars), "digest": np.array(self._digest)}
        write_npz(self.path, state | arrays)

    def restore(self) -> None:
        if not self.path.is_file():
            return
        with np.load(self.path, allow_pickle=False) as saved:
            if str(saved["digest"]) != self._digest:
                raise InputError(
                    f"{self.path}: of a training with other data, split, bins or options; "
                    f"delete {self.path.parent} to begin again"
                )
            epoch, best_epoch, self.validation, self.best_loss, self.seconds = map(float, saved["scalars"])
            self.epoch, self.best_epoch = int(epoch), int(best_epoch)
            self.best = [saved[f"best_{i}"] for i in range(len(self._variables))]
            for i, variable in enumerate(self._variables):
                variable.assign(saved[f"variable_{i}"])
            for i, variable in enumerate(self._optimizer.variables):
                variable.assign(saved[f"optimizer_{i}"])


def _step_size(options: FitOptions, epoch: int) -> float:
    """Of Adam in epoch ``epoch``, from 0: half a cosine from the first to the final one."""
    first, last = options.learning_rate, options.final_learning_rate
    if last is None:
        return first
    passed = min(1.0, epoch / options.max_epochs)
    return last + 0.5 * (first - last) * (1.0 + math.cos(math.pi * passed))


def _digest(options: FitOptions, purpose: str) -> str:
    limits = {"max_epochs", "max_minutes", "compare_minutes", "patience"}
    if options.final_learning_rate is not None:
        limits.remove("max_epochs")  # decides every step's size
    text = json.dumps(options.model_dump(mode="json", exclude=limits), sort_keys=True) + purpose
    return hashlib.sha256(text.encode()).hexdigest()


def log_scalars(writer: Any, step: int, values: dict[str, float]) -> None:
    """What tf.summary.scalar writes; that function itself needs the tensorboard package."""
    tf = tensorflow()
    metadata = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class=1
    )
    with writer.as_default():
        for name, value in values.items():
            tf.summary.write(name, tf.constant(value, tf.float32), step=step, metadata=metadata)
