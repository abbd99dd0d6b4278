"""A committee of networks for energies: settings of network and training, and one fit after another."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from polcouple.learning.potential_fitting import Cycle, FittedMember, Loss, Schedule, fit_member
from polcouple.nn.potential.potential import Architecture

#: called after each epoch: name of the member, epochs in all, epoch, training and validation loss
Progress = Callable[[str, int, int, float, float], None]


class CommitteeOptions(BaseModel):
    """Settings of networks of atoms' surroundings and of their training; the defaults are NeuralIL's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cutoff: Annotated[float, Field(gt=0.5, description="of the surroundings, A")] = 3.5
    n_max: Annotated[int, Field(ge=0, le=12, description="highest l + n of the descriptors")] = 4
    embedding: Annotated[int, Field(ge=1, description="numbers an element")] = 2
    widths: Annotated[tuple[int, ...], Field(min_length=1, description="of the hidden layers")] = (
        64,
        32,
        16,
        16,
        16,
    )
    no_repulsion: Annotated[bool, Field(description="leave the Morse term out")] = False
    members: Annotated[int, Field(ge=1, description="networks in the committee")] = 10
    epochs: Annotated[int, Field(ge=1, description="passes over the frames")] = 500
    batch_size: Annotated[int, Field(ge=1, description="frames per step")] = 8
    learning_rate: Annotated[float, Field(gt=0, description="at the cycle's begin")] = 1e-3
    highest_learning_rate: Annotated[float, Field(gt=0, description="at 45 %% of the cycle")] = 1e-2
    final_learning_rate: Annotated[float, Field(gt=0, description="at its end")] = 1e-5
    cycle: Annotated[Cycle, Field(description="what the learning rate's cycle lasts for")] = "epoch"
    weight_decay: Annotated[
        float, Field(ge=0, description="share of the numbers a step takes off, times its rate")
    ] = 1e-4
    force_scale: Annotated[float, Field(gt=0, description="s of ln cosh(s x)/s for forces, A/eV")] = 10.0
    energy_scale: Annotated[float, Field(gt=0, description="the same for energies an atom, 1/eV")] = 50.0
    force_weight: Annotated[float, Field(ge=0, description="of forces in the loss")] = 1.0
    seed: Annotated[int, Field(ge=0, description="initial weights, order of frames")] = 0

    def architecture(self, elements: tuple[str, ...]) -> Architecture:
        """Of the network, for atoms of these elements."""
        return Architecture(
            elements, self.cutoff, self.n_max, self.embedding, tuple(self.widths), not self.no_repulsion
        )

    def schedule(self, number: int) -> Schedule:
        """How member ``number`` is trained."""
        rates = (self.learning_rate, self.highest_learning_rate, self.final_learning_rate)
        seed = self.seed + number
        return Schedule(self.epochs, self.batch_size, rates, self.cycle, self.weight_decay, seed)


def fit_committee(
    loss: Loss,
    starts: Sequence[np.ndarray],
    train: Sequence[Any],
    validation: Sequence[Any],
    options: CommitteeOptions,
    directory: Path,
    purpose: str,
    progress: Progress | None,
) -> list[FittedMember]:
    """Fit members one after another; see :func:`polcouple.learning.potential_fitting.fit_member`.

    Args:
        starts: the members before training.
        directory: of the model; checkpoints go to ``directory``.training beside it.
        purpose: whatever else than options and starts determines the result.

    Raises:
        InputError: there are checkpoints of another training, or the loss is no longer finite.
    """
    work, fitted = directory.with_name(f"{directory.name}.training"), []
    for number, start in enumerate(starts):
        name = f"member_{number}"
        fitted.append(
            fit_member(
                loss,
                start,
                train,
                validation,
                options.schedule(number),
                work / name,
                json.dumps([purpose, start.tobytes().hex()]),
                None if progress is None else partial(progress, name, options.epochs),
            )
        )
    return fitted


def descriptor_scales(spectra: Sequence[np.ndarray]) -> np.ndarray:
    """Standard deviation of each descriptor over all atoms; 1 where it does not change."""
    deviations = np.concatenate(spectra).std(axis=0)
    # elements that never meet have descriptors that never change
    return np.where(deviations > 1e-9 * deviations.max(), deviations, 1.0)
