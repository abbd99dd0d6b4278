"""Settings of MACE with the potential as an input."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from polcouple.nn.mace import MaceArchitecture


class MaceOptions(BaseModel):
    """The defaults are PE-MACE's (arXiv 2604.07322) but for three, chosen for one core.

    The paper has ``hidden`` 64x0e+64x1o, batches of 50 and float64.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: Annotated[
        str,
        Field(
            pattern=r"^\s*\d+x0e(\s*\+\s*\d+x(1o|2e|3o))*\s*$",
            description="features of an atom; 64x0e+64x1o in the paper",
        ),
    ] = "16x0e"
    layers: Annotated[int, Field(ge=1, le=5, description="interactions")] = 2
    correlation: Annotated[int, Field(ge=1, le=4, description="order of the products of neighbours")] = 2
    max_ell: Annotated[int, Field(ge=0, le=4, description="of the spherical harmonics")] = 2
    cutoff: Annotated[float, Field(gt=0.5, description="of an interaction, A")] = 5.0
    potential_features: Annotated[int, Field(ge=1, description="that the potential is embedded in")] = 16
    epochs: Annotated[int, Field(ge=1, description="passes over the frames")] = 100
    second_stage: Annotated[
        float, Field(gt=0, le=1, description="share of the epochs before energies weigh more; 1: never")
    ] = 0.15
    batch_size: Annotated[int, Field(ge=1, description="frames per step")] = 10
    learning_rate: Annotated[float, Field(gt=0, description="of the first stage")] = 1e-2
    second_learning_rate: Annotated[float, Field(gt=0, description="of the second stage")] = 1e-3
    force_weight: Annotated[float, Field(ge=0, description="of forces in the loss")] = 100.0
    energy_weight: Annotated[float, Field(ge=0, description="of energies an atom, first stage")] = 1.0
    second_energy_weight: Annotated[float, Field(ge=0, description="the same in the second stage")] = 1000.0
    precision: Annotated[Literal["float32", "float64"], Field(description="of the arithmetic")] = "float32"
    device: Annotated[Literal["cpu", "cuda"], Field(description="where to train")] = "cpu"
    leave_out: Annotated[
        tuple[float, ...], Field(description="potentials in V that are tested on and not trained on")
    ] = ()
    validation_fraction: Annotated[
        float, Field(gt=0, lt=1, description="of each trajectory, to choose the epoch")
    ] = 0.1
    test_fraction: Annotated[
        float, Field(gt=0, lt=1, description="of each trajectory, its end, for scores")
    ] = 0.15
    seed: Annotated[int, Field(ge=0, description="initial weights, order of frames")] = 0

    def arguments(self) -> dict[str, str]:
        """Those of ``mace_run_train`` that the settings decide."""
        found = self.architecture.arguments() | {
            "E0s": "average",
            "max_num_epochs": self.epochs,
            "batch_size": self.batch_size,
            "valid_batch_size": 2 * self.batch_size,
            "lr": self.learning_rate,
            "forces_weight": self.force_weight,
            "energy_weight": self.energy_weight,
            "ema_decay": 0.99,
            "default_dtype": self.precision,
            "device": self.device,
            "seed": self.seed,
            "error_table": "PerAtomMAE",
            "plot": False,
            # its stopping early does not stop, and would not know the second stage
            "patience": self.epochs + 1,
        }
        start = self.second_start
        if start < self.epochs:
            found |= {
                "start_swa": start,
                "swa_lr": self.second_learning_rate,
                "swa_energy_weight": self.second_energy_weight,
                "swa_forces_weight": self.force_weight,
            }
        return {name: str(value) for name, value in found.items()}

    @property
    def architecture(self) -> MaceArchitecture:
        """Of the network."""
        return MaceArchitecture(
            self.hidden.replace(" ", ""),
            self.layers,
            self.correlation,
            self.max_ell,
            self.cutoff,
            self.potential_features,
        )

    @property
    def second_start(self) -> int:
        """Epoch at which the second stage begins; that of the end where there is none."""
        return max(1, round(self.second_stage * self.epochs))
