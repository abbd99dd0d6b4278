"""The training loop of a potential's member: AdamW along one-cycle schedules, restart, TensorBoard.

NeuralIL runs the whole cycle of the learning rate in every epoch and keeps the weights of the epoch with the
lowest validation loss. A cycle may instead last for the whole training: with few frames an epoch has too few
steps for its low end to matter.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from polcouple.errors import InputError
from polcouple.files import write_npz
from polcouple.learning.fitting import log_scalars
from polcouple.nn._tensorflow import tensorflow

Cycle = Literal["epoch", "training"]
#: called after each epoch: its number, the training and the validation loss
OnEpoch = Callable[[int, float, float], None]
_CHECKPOINT_SECONDS = 60.0
#: of Adam
_BETAS, _EPSILON = (0.9, 0.999), 1e-8


class Loss(Protocol):
    """What is minimised: a function of a member's numbers and of frames of the loss's own kind."""

    def value(self, vector: np.ndarray, frames: Sequence[Any]) -> float:
        """The loss."""

    def value_and_derivative(self, vector: np.ndarray, frames: Sequence[Any]) -> tuple[float, np.ndarray]:
        """The loss and its derivative (numbers,) by the member's vector."""


@dataclass(frozen=True)
class Schedule:
    """How a member is trained.

    Attributes:
        epochs: how many.
        batch_size: frames a step.
        rates: first, highest and last learning rate.
        cycle: what a cycle of them lasts for.
        weight_decay: share of the numbers that a step takes off, times its rate.
        seed: of the order of the frames.
    """

    epochs: int
    batch_size: int
    rates: tuple[float, float, float]
    cycle: Cycle
    weight_decay: float
    seed: int

    def rate(self, step: int, steps: int, epoch: int) -> float:
        """Of step ``step`` of ``steps`` in ``epoch``: up to the highest until 45 % of the cycle, down to the
        first again until 90 %, and on to the last.
        """
        passed = step / steps if self.cycle == "epoch" else (epoch + step / steps) / self.epochs
        first, highest, last = self.rates
        return float(np.interp(passed, [0.0, 0.45, 0.9, 1.0], [first, highest, first, last]))


@dataclass(frozen=True, eq=False)
class FittedMember:
    """A trained member.

    Attributes:
        vector: its numbers.
        epochs, best_epoch: how many were run, and whose numbers these are.
        best_loss: validation loss there; NaN where no frames were kept for it.
        seconds: of training, all parts of an interrupted one together.
    """

    vector: np.ndarray
    epochs: int
    best_epoch: int
    best_loss: float
    seconds: float


def fit_member(
    loss: Loss,
    start: np.ndarray,
    train: Sequence[Any],
    validation: Sequence[Any],
    schedule: Schedule,
    directory: Path,
    purpose: str,
    on_epoch: OnEpoch | None = None,
) -> FittedMember:
    """Minimise the loss from ``start``; the numbers of the best validation loss, or of the last epoch.

    Args:
        validation: frames that decide which epoch is kept; without any, the last one is.
        directory: for checkpoint.npz (at least every minute, and when interrupted) and TensorBoard's log; an
            existing checkpoint of the same ``purpose`` and schedule is continued to the same bits.
        purpose: whatever else determines the result.

    Raises:
        InputError: ``directory`` holds the checkpoint of another training, or the loss is no longer finite.
    """
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps([purpose, schedule.__dict__], sort_keys=True)
    state = _State(directory / "checkpoint.npz", start, hashlib.sha256(text.encode()).hexdigest())
    state.restore()
    if state.epoch >= schedule.epochs:
        return state.fitted(bool(validation))
    log = tensorflow().summary.create_file_writer(str(directory / "tensorboard"))
    started = last_saved = time.monotonic() - state.seconds
    try:
        while state.epoch < schedule.epochs:
            mean = _run_epoch(loss, state, train, schedule)
            found = loss.value(state.vector, validation) if validation else float("nan")
            state.judge(found)
            state.seconds = time.monotonic() - started
            log_scalars(log, state.epoch, {"loss/training": mean, "loss/validation": found})
            if on_epoch is not None:
                on_epoch(state.epoch, mean, found)
            if time.monotonic() - last_saved > _CHECKPOINT_SECONDS:
                state.save()
                last_saved = time.monotonic()
    finally:
        state.save()
        log.close()
    return state.fitted(bool(validation))


def _run_epoch(loss: Loss, state: _State, train: Sequence[Any], schedule: Schedule) -> float:
    """One pass over the frames in random order (what fills no batch is left out); the mean loss."""
    size = min(schedule.batch_size, len(train))
    steps = len(train) // size
    order = np.random.default_rng([schedule.seed, state.epoch]).permutation(len(train))
    before = state.copy()
    losses = []
    for step in range(steps):
        batch = [train[i] for i in order[step * size : (step + 1) * size]]
        value, derivative = loss.value_and_derivative(state.vector, batch)
        if not (np.isfinite(value) and np.isfinite(derivative).all()):
            epoch = state.epoch + 1
            state.put_back(before)
            raise InputError(
                f"epoch {epoch}: the loss is no longer finite; lower the learning rate, or look for frames"
                " with wrong forces"
            )
        state.step(derivative, schedule.rate(step, steps, state.epoch), schedule.weight_decay)
        losses.append(value)
    state.epoch += 1
    return float(np.mean(losses))


class _State:
    """Everything an interrupted training needs to go on as if it had not been."""

    def __init__(self, path: Path, start: np.ndarray, digest: str) -> None:
        self._path, self._digest = path, digest
        self.vector: np.ndarray = np.array(start, np.float32)
        self._first: np.ndarray = np.zeros_like(self.vector)
        self._second: np.ndarray = np.zeros_like(self.vector)
        self._best = self.vector
        self.epoch = self._steps = self._best_epoch = 0
        self._best_loss, self.seconds = np.inf, 0.0

    def step(self, derivative: np.ndarray, rate: float, decay: float) -> None:
        """Adam with weight decay."""
        self._steps += 1
        one, two = _BETAS
        self._first = np.float32(one) * self._first + np.float32(1.0 - one) * derivative
        self._second = np.float32(two) * self._second + np.float32(1.0 - two) * derivative**2
        first = self._first / np.float32(1.0 - one**self._steps)
        second = self._second / np.float32(1.0 - two**self._steps)
        move = first / (np.sqrt(second) + np.float32(_EPSILON)) + np.float32(decay) * self.vector
        self.vector = self.vector - np.float32(rate) * move

    def judge(self, validation: float) -> None:
        """Keep the numbers if they are the best so far."""
        if validation < self._best_loss:
            self._best, self._best_loss, self._best_epoch = self.vector, validation, self.epoch

    def fitted(self, validated: bool) -> FittedMember:
        """The result."""
        if validated and self._best_epoch:
            return FittedMember(self._best, self.epoch, self._best_epoch, self._best_loss, self.seconds)
        return FittedMember(self.vector, self.epoch, self.epoch, float("nan"), self.seconds)

    def copy(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """What an epoch changes."""
        return self.vector, self._first, self._second, self._steps

    def put_back(self, copied: tuple[np.ndarray, np.ndarray, np.ndarray, int]) -> None:
        """Undo an epoch."""
        self.vector, self._first, self._second, self._steps = copied

    def save(self) -> None:
        """Write the checkpoint."""
        scalars = [self.epoch, self._steps, self._best_epoch, self._best_loss, self.seconds]
        arrays = {"vector": self.vector, "first": self._first, "second": self._second, "best": self._best}
        write_npz(
            self._path, arrays | {"scalars": np.array(scalars, float), "digest": np.array(self._digest)}
        )

    def restore(self) -> None:
        """Go on from the checkpoint, if there is one.

        Raises:
            InputError: it is of another training.
        """
        if not self._path.is_file():
            return
        with np.load(self._path, allow_pickle=False) as saved:
            if str(saved["digest"]) != self._digest:
                raise InputError(
                    f"{self._path}: of a training with other data or options; delete {self._path.parent} to"
                    " begin again"
                )
            epoch, steps, best_epoch, self._best_loss, self.seconds = map(float, saved["scalars"])
            self.epoch, self._steps, self._best_epoch = int(epoch), int(steps), int(best_epoch)
            self.vector, self._best = saved["vector"], saved["best"]
            self._first, self._second = saved["first"], saved["second"]
