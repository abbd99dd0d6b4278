"""Stock MACE with the electrode's potential as an input (PE-MACE, arXiv 2604.07322).

mace-torch embeds the potential U, one number a frame, in a small network and adds it to the elements'
embedding (``--embedding_specs``). The energy is A + mu Q (:mod:`polcouple.data.grand_frames`), its derivative
by positions the forces at this potential. mace-torch has no electrons; here they are the derivative by U
that automatic differentiation gives: N - N0 = dE/dU.

The network is kept as arrays and built in code, so that a model directory can run nothing; torch is imported
when one is trained or loaded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.errors import InputError
from polcouple.nn.grand.outside import outside_text
from polcouple.nn.grand.potential import GrandResult
from polcouple.nn.kinds import MACE
from polcouple.nn.model_files import (
    fitting_weights,
    load_model_files,
    require_kind,
    require_stated,
    save_model,
)

#: what mace-torch's files call the potential
FEATURE = "potential"


@dataclass(frozen=True)
class MaceArchitecture:
    """What decides the network's shape.

    Attributes:
        hidden: irreps of an atom's features, such as 64x0e+64x1o.
        layers: interactions.
        correlation: order of the products of neighbours.
        max_ell: of the spherical harmonics.
        cutoff: of an interaction, A.
        features: that the potential is embedded in.
    """

    hidden: str = "16x0e"
    layers: int = 2
    correlation: int = 2
    max_ell: int = 2
    cutoff: float = 5.0
    features: int = 16

    def specs(self) -> dict[str, dict[str, Any]]:
        """mace-torch's ``embedding_specs``."""
        return {FEATURE: {"type": "continuous", "per": "graph", "in_dim": 1, "emb_dim": self.features}}

    def arguments(self) -> dict[str, Any]:
        """Those of ``mace_run_train``."""
        return {
            "model": "MACE",
            "hidden_irreps": self.hidden,
            "num_interactions": self.layers,
            "correlation": self.correlation,
            "max_ell": self.max_ell,
            "r_max": self.cutoff,
            "embedding_specs": self.specs(),
        }


def require_mace() -> None:
    """Refuse to go on without mace-torch.

    Raises:
        InputError: with the cure.
    """
    try:
        # it tells torch how to read what e3nn reads when that is imported
        import mace  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"mace-torch is not there ({error}): pip install 'polcouple[mace]' (docs/mace.md)"
        ) from None


class MaceNetwork:
    """A trained network: a grand potential (:class:`polcouple.nn.grand.model.GrandModel`).

    Args:
        architecture: of the network.
        weights: its state by name, as mace-torch has it.
        neighbours: their number an atom that messages are divided by.
        levels: mu of the training's frames, ascending, eV.
        reference: level at which the potential is zero, eV.
        precision: float32 or float64, of positions and potential, too.

    Attributes:
        elements: symbols that it knows.
        network: the module of torch.
    """

    def __init__(
        self,
        name: str,
        architecture: MaceArchitecture,
        weights: Mapping[str, np.ndarray],
        neighbours: float,
        levels: tuple[float, ...],
        reference: float,
        precision: str = "float32",
    ) -> None:
        from ase.data import chemical_symbols

        require_mace()
        self.name, self.architecture, self.neighbours = name, architecture, neighbours
        self.levels, self.reference, self.precision = levels, reference, precision
        self._weights = dict(weights)
        self._numbers = np.atleast_1d(weights["atomic_numbers"]).tolist()
        self.elements = tuple(chemical_symbols[number] for number in self._numbers)
        self.network = _built(architecture, self._weights, neighbours, precision)

    @classmethod
    def trained(
        cls,
        name: str,
        path: Path,
        architecture: MaceArchitecture,
        levels: tuple[float, ...],
        reference: float,
    ) -> MaceNetwork:
        """From the file that mace_run_train has just written here."""
        require_mace()
        import torch

        module = torch.load(path, map_location="cpu", weights_only=False)
        state = {key: value.numpy() for key, value in module.state_dict().items()}
        neighbours = float(module.interactions[0].avg_num_neighbors)
        return cls(name, architecture, state, neighbours, levels, reference, str(state["r_max"].dtype))

    def kinds(self, symbols: Sequence[str]) -> np.ndarray:
        """(n,) atomic numbers.

        Raises:
            InputError: elements that it was not trained on.
        """
        from ase.data import atomic_numbers

        unknown = sorted(set(symbols) - set(self.elements))
        if unknown:
            raise InputError(
                f"{self.name} knows {', '.join(self.elements)}, and not {', '.join(unknown)}; train one on"
                " frames with these elements"
            )
        return np.array([atomic_numbers[symbol] for symbol in symbols])

    def level(self, potential: float) -> float:
        """mu in eV at an electrode's potential U in V."""
        return self.reference - potential

    def in_double(self) -> MaceNetwork:
        """The same in double precision."""
        told = self.architecture, self._weights, self.neighbours, self.levels, self.reference
        return MaceNetwork(self.name, *told, "float64")

    def outside(self, level: float) -> str | None:
        """One line where ``level`` lies outside those of the training."""
        return outside_text(self.name, level, self.levels, self.reference)

    def evaluate(
        self, kinds: np.ndarray, positions: np.ndarray, cell: np.ndarray, level: float
    ) -> GrandResult:
        """Omega as A + mu Q, forces and n = -dOmega/dmu; no capacitance.

        Args:
            kinds: (n,) of :meth:`kinds`.
            positions: (n, 3) in A.
            cell: (3, 3) a vector per row, A, periodic in all directions.
            level: mu in eV.

        Raises:
            InputError: positions or cell are not finite.
        """
        import torch

        if not np.isfinite(positions).all() or not np.isfinite(cell).all():
            raise InputError(f"{self.name}: positions or cell are not finite")
        batch = self._batch(kinds, positions, cell, self.reference - level)
        batch[FEATURE].requires_grad_(True)
        energy = self.network(batch, compute_force=False)["energy"]
        by_positions, by_potential = torch.autograd.grad(energy.sum(), [batch["positions"], batch[FEATURE]])
        return GrandResult(
            float(energy.detach()),
            -by_positions.numpy().astype(float),
            float(by_potential),
            math.nan,
            np.zeros(len(kinds)),
        )

    def _batch(
        self, numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray, potential: float
    ) -> dict[str, Any]:
        from mace.data import AtomicData, Configuration
        from mace.tools import torch_geometric, torch_tools
        from mace.tools.utils import AtomicNumberTable

        with torch_tools.default_dtype(self.precision):
            graph = AtomicData.from_config(
                Configuration(
                    atomic_numbers=numbers,
                    positions=positions,
                    properties={FEATURE: potential},
                    property_weights={},
                    cell=np.array(cell),
                    pbc=(True,) * 3,
                ),
                z_table=AtomicNumberTable(self._numbers),
                cutoff=self.architecture.cutoff,
            )
        found: dict[str, Any] = torch_geometric.Batch.from_data_list([graph]).to_dict()
        return found

    def save(self, directory: Path, extra: Mapping[str, Any], card: str) -> None:
        """Write a model directory; ``extra`` goes to model.yaml beside the description."""
        text = json.dumps(self._told()).encode()
        arrays = self._weights | {"architecture": np.frombuffer(text, np.uint8)}
        save_model(directory, self.description() | dict(extra), arrays, card)

    def _told(self) -> dict[str, Any]:
        return {
            "architecture": asdict(self.architecture),
            "neighbours": self.neighbours,
            "levels": list(self.levels),
            "reference": self.reference,
            "precision": self.precision,
        }

    def description(self) -> dict[str, Any]:
        """What model.yaml says of it."""
        return {"kind": MACE, "elements": list(self.elements)} | self._told()


def _built(
    architecture: MaceArchitecture, weights: Mapping[str, np.ndarray], neighbours: float, precision: str
) -> Any:
    """The module of torch, as mace_run_train builds it."""
    import torch
    from e3nn import o3
    from mace import modules
    from mace.tools import torch_tools

    numbers = np.atleast_1d(weights["atomic_numbers"]).tolist()
    with torch_tools.default_dtype(precision):
        network = modules.ScaleShiftMACE(
            r_max=architecture.cutoff,
            num_bessel=8,
            num_polynomial_cutoff=5,
            max_ell=architecture.max_ell,
            interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
            interaction_cls_first=modules.interaction_classes["RealAgnosticInteractionBlock"],
            num_interactions=architecture.layers,
            num_elements=len(numbers),
            hidden_irreps=o3.Irreps(architecture.hidden),
            MLP_irreps=o3.Irreps("16x0e"),
            gate=torch.nn.functional.silu,
            atomic_energies=np.asarray(weights["atomic_energies_fn.atomic_energies"]),
            avg_num_neighbors=neighbours,
            atomic_numbers=numbers,
            correlation=architecture.correlation,
            radial_MLP=[64, 64, 64],
            radial_type="bessel",
            atomic_inter_scale=np.asarray(weights["scale_shift.scale"]),
            atomic_inter_shift=np.asarray(weights["scale_shift.shift"]),
            heads=["Default"],
            embedding_specs=architecture.specs(),
        )
        network.load_state_dict(
            {name: torch.as_tensor(np.asarray(values)) for name, values in weights.items()}
        )
    return network.to(getattr(torch, precision)).eval()


def load_mace(directory: Path) -> MaceNetwork:
    """Read and verify a network.

    Raises:
        InputError: files are missing, damaged or of another kind of model, or mace-torch is not there.
    """
    description, arrays = load_model_files(directory)
    require_kind(directory, description, MACE)
    require_mace()
    with fitting_weights(directory):
        told = json.loads(arrays.pop("architecture").tobytes())
        network = MaceNetwork(
            directory.name,
            MaceArchitecture(**told["architecture"]),
            arrays,
            told["neighbours"],
            tuple(told["levels"]),
            told["reference"],
            told["precision"],
        )
    require_stated(directory, description, network.description())
    return network
