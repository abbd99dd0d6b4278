"""Density models as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.nn.density.basis import DensityBasis
from polcouple.nn.density.features import Surroundings
from polcouple.nn.density.model import DensityDesign, DensityPart
from polcouple.nn.model_files import fitting_weights, load_model_files, require_kind, require_stated

KIND = "density"
_PARTS = ("neutral", "charged")


@dataclass(frozen=True, eq=False)
class DensityModel:
    """The density of a neutral electrode, and what charges add to it.

    Attributes:
        name: of the model.
        neutral, charged: of :mod:`polcouple.nn.density.model`.
        electrode: elements that a given number of electrons is spread over, where charges are learned.
    """

    name: str
    neutral: DensityPart
    charged: DensityPart
    electrode: tuple[str, ...]

    @property
    def learned_charges(self) -> bool:
        """Whether it takes a number of electrons instead of charges of atoms."""
        return self.charged.design.learned_charges

    def spread(self, symbols: Sequence[str], electrons: float) -> np.ndarray:
        """(n,) charges in e of ``electrons`` more than neutral atoms have, spread over the electrode.

        Raises:
            InputError: no atom of the electrode is there.
        """
        own = np.isin(np.array(symbols), self.electrode)
        if not own.any():
            names = ", ".join(self.electrode)
            raise InputError(f"density model {self.name}: no atom of its electrode ({names}) is there")

        return np.asarray(np.where(own, -electrons / own.sum(), 0.0))

    def require_serves(self, atoms: Electrode, mobile: bool) -> None:
        """Refuse an electrode that it was not made for.

        Raises:
            InputError: naming what differs.
        """
        self.neutral.design.surroundings.kinds(atoms.symbols)
        if mobile != self.learned_charges:
            made, here = ("moves", "stays in its place") if self.learned_charges else ("stays", "moves")
            raise InputError(
                f"density model {self.name}: for an electrode that {made}; that of the case {here}; train one"
                " on its frames (`polcouple train density`)"
            )

    def description(self) -> dict[str, Any]:
        """What model.yaml says of it."""
        return {
            "kind": KIND,
            "elements": list(self.neutral.design.surroundings.elements),
            "charges": "learned" if self.learned_charges else "given",
            "electrode": list(self.electrode),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """What weights.h5 holds."""
        parts = dict(zip(_PARTS, (self.neutral, self.charged), strict=True))
        # checked by SHA-256, which model.yaml itself is not
        told = {name: asdict(part.design) for name, part in parts.items()} | {"electrode": self.electrode}
        arrays = {name: part.weights for name, part in parts.items()}
        return arrays | {"design": np.frombuffer(json.dumps(told).encode(), np.uint8)}


def load_density(directory: Path) -> DensityModel:
    """Read and verify a density model.

    Raises:
        InputError: files are missing, damaged, or of another kind of model.
    """
    description, arrays = load_model_files(directory)
    require_kind(directory, description, KIND)
    with fitting_weights(directory):
        told = json.loads(arrays["design"].tobytes())
        neutral, charged = (_part(told[name], arrays[name]) for name in _PARTS)
        model = DensityModel(directory.name, neutral, charged, tuple(told["electrode"]))
    require_stated(directory, description, model.description())
    return model


def _part(told: dict[str, Any], weights: np.ndarray) -> DensityPart:
    basis = DensityBasis(**told["basis"] | {"exponents": tuple(told["basis"]["exponents"])})
    around = Surroundings(**told["surroundings"] | {"elements": tuple(told["surroundings"]["elements"])})
    design = DensityDesign(basis, around, told["learned_charges"])
    if weights.shape != (len(around.elements), design.length) or not np.isfinite(weights).all():
        raise ValueError(f"weights of shape {weights.shape}")
    return DensityPart(design, weights)
