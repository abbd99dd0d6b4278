"""Settings of training a grand potential."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from polcouple.learning.potential_fitting import Cycle
from polcouple.nn.grand.architecture import Design


class GrandOptions(BaseModel):
    """Settings of a grand potential."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    design: Annotated[Design, Field(description="how the potential enters")] = "electrode"
    no_long_range: Annotated[bool, Field(description="leave charges that act at all distances out")] = False
    electrode: Annotated[tuple[str, ...], Field(min_length=1, description="elements of the electrode")] = (
        "C",
    )
    hopping: Annotated[float, Field(gt=0, description="between the electrode's neighbours, eV")] = 2.7
    hopping_decay: Annotated[float, Field(gt=0, description="of it with their distance, 1/A")] = 2.0
    neutral_level: Annotated[
        float | None, Field(description="of the bare electrode's orbitals, eV (by dftb for labels of dftb)")
    ] = None
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
    members: Annotated[int, Field(ge=1, description="networks in the committee")] = 1
    epochs: Annotated[int, Field(ge=1, description="passes over the frames")] = 40
    batch_size: Annotated[int, Field(ge=1, description="frames per step")] = 8
    learning_rate: Annotated[float, Field(gt=0, description="at the cycle's begin")] = 1e-3
    highest_learning_rate: Annotated[float, Field(gt=0, description="at 45 %% of the cycle")] = 1e-2
    final_learning_rate: Annotated[float, Field(gt=0, description="at its end")] = 1e-5
    cycle: Annotated[Cycle, Field(description="what the learning rate's cycle lasts for")] = "training"
    weight_decay: Annotated[
        float, Field(ge=0, description="share of the numbers a step takes off, times its rate")
    ] = 1e-4
    force_scale: Annotated[float, Field(gt=0, description="s of ln cosh(s x)/s for forces, A/eV")] = 10.0
    electrons_scale: Annotated[float, Field(gt=0, description="the same for electrons, 1/e")] = 50.0
    energy_scale: Annotated[float, Field(gt=0, description="the same for energies an atom, 1/eV")] = 50.0
    force_weight: Annotated[float, Field(ge=0, description="of forces in the loss")] = 1.0
    electrons_weight: Annotated[
        float, Field(ge=0, description="of electrons; 0: they are never shown, only predicted")
    ] = 1.0
    energy_weight: Annotated[float, Field(ge=0, description="of energies")] = 0.0
    leave_out: Annotated[
        tuple[float, ...], Field(description="potentials (V) to test on and not to train on")
    ] = ()
    test_fraction: Annotated[float, Field(gt=0, lt=1, description="of each trajectory, its end")] = 0.15
    validation_fraction: Annotated[
        float, Field(ge=0, lt=1, description="of each trajectory, before the test; chooses the epoch")
    ] = 0.1
    seed: Annotated[int, Field(ge=0, description="initial weights, order of frames")] = 0
