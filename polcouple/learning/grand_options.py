"""Settings of training a grand potential."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from polcouple.learning.committee import CommitteeOptions
from polcouple.learning.potential_fitting import Cycle
from polcouple.nn.grand.architecture import Design


class GrandOptions(CommitteeOptions):
    """Settings of a grand potential."""

    design: Annotated[Design, Field(description="how the potential enters")] = "electrode"
    electrode: Annotated[tuple[str, ...], Field(min_length=1, description="elements of the electrode")] = (
        "C",
    )
    hopping: Annotated[float, Field(gt=0, description="between the electrode's neighbours, eV")] = 2.7
    hopping_decay: Annotated[float, Field(gt=0, description="of it with their distance, 1/A")] = 2.0
    slako: Annotated[
        str, Field(description="parameter set of labels of dftb, by which the next three are computed")
    ] = "mio-1-1"
    neutral_level: Annotated[float | None, Field(description="of the bare electrode's orbitals, eV")] = None
    hardness: Annotated[
        float | None, Field(description="of an atom of the electrode beyond its Gaussian charge, eV")
    ] = None
    charges: Annotated[
        tuple[str, ...], Field(description="of the liquid's elements, such as O=-0.63 H=0.315, e")
    ] = ()
    members: Annotated[int, Field(ge=1, description="networks in the committee")] = 1
    epochs: Annotated[int, Field(ge=1, description="passes over the frames")] = 40
    cycle: Annotated[Cycle, Field(description="what the learning rate's cycle lasts for")] = "training"
    electrons_scale: Annotated[float, Field(gt=0, description="the same for electrons, 1/e")] = 50.0
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
