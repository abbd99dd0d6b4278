"""A small metatomic model of water, for ``i-pi-driver-py -m metatomic`` in the liquid's seat.

    python examples/electrode_part/metatomic_liquid.py water.pt

Gaussian wells between O and H and between H and H hold molecules together, barriers keep others out, and
Lennard-Jones acts between oxygens. It is smooth and cheap, and no water to publish. Your own model takes its
place, exported by metatrain or by whatever else writes metatomic's files.
"""

import argparse
from pathlib import Path
from typing import Dict, List, Optional  # noqa: UP035

import torch
from metatensor.torch import Labels, TensorBlock, TensorMap
from metatomic.torch import (
    AtomisticModel,
    ModelCapabilities,
    ModelMetadata,
    ModelOutput,
    NeighborListOptions,
    System,
)

CUTOFF = 6.0  # Angstrom


def gaussian(distance: torch.Tensor, height: float, centre: float, width: float) -> torch.Tensor:
    """A well or a barrier over a distance."""
    return height * torch.exp(-0.5 * ((distance - centre) / width) ** 2)


class PairsOfWater(torch.nn.Module):
    """A sum over pairs in eV: wells and barriers with H, 4 eps ((s/r)^12 - (s/r)^6) between oxygens.

    All end at the cut-off with the factor (1 - r^2 / rc^2)^3.
    """

    def __init__(self) -> None:
        super().__init__()
        self.neighbours = NeighborListOptions(cutoff=CUTOFF, full_list=False, strict=True)

    def requested_neighbor_lists(self) -> List[NeighborListOptions]:  # noqa: UP006
        """Every pair once."""
        return [self.neighbours]

    def forward(
        self,
        systems: List[System],  # noqa: UP006
        outputs: Dict[str, ModelOutput],  # noqa: UP006
        selected_atoms: Optional[Labels],  # noqa: UP045
    ) -> Dict[str, TensorMap]:  # noqa: UP006
        """The energy of each system."""
        values: List[torch.Tensor] = []  # noqa: UP006
        for system in systems:
            pairs = system.get_neighbor_list(self.neighbours)
            first = system.types[pairs.samples.column("first_atom").to(torch.long)]
            second = system.types[pairs.samples.column("second_atom").to(torch.long)]
            distance = torch.linalg.vector_norm(pairs.values.reshape(-1, 3), dim=1)
            attraction = (3.165492 / distance) ** 6
            both = first * second
            energy = torch.where(
                both == 8,
                gaussian(distance, -2.0, 1.012, 0.2) + gaussian(distance, 0.6, 1.45, 0.15),
                torch.where(
                    both == 1,
                    gaussian(distance, -0.5, 1.55, 0.2) + gaussian(distance, 0.3, 2.0, 0.12),
                    4.0 * 0.00674 * (attraction**2 - attraction),
                ),
            )
            values.append((energy * (1.0 - (distance / 6.0) ** 2) ** 3).sum())
        energies = torch.stack(values).reshape(-1, 1)
        device = energies.device
        block = TensorBlock(
            values=energies,
            samples=Labels(["system"], torch.arange(len(systems), device=device).reshape(-1, 1)),
            components=[],
            properties=Labels(["energy"], torch.tensor([[0]], device=device)),
        )
        return {"energy": TensorMap(Labels(["_"], torch.tensor([[0]], device=device)), [block])}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    capabilities = ModelCapabilities(
        outputs={"energy": ModelOutput(quantity="energy", unit="eV")},
        atomic_types=[1, 8],
        interaction_range=CUTOFF,
        length_unit="Angstrom",
        supported_devices=["cpu"],
        dtype="float64",
    )
    AtomisticModel(PairsOfWater().eval(), ModelMetadata(), capabilities).save(str(args.output))


if __name__ == "__main__":
    main()
