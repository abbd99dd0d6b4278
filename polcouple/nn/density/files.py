"""Density models as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.nn.density.basis import DensityBasis
from polcouple.nn.density.features import Surroundings
from polcouple.nn.density.levels import ElectrodeLevels
from polcouple.nn.density.model import DensityDesign, DensityPart
from polcouple.nn.model_files import fitting_weights, load_model_files, require_kind, require_stated

KIND = "density"
_PARTS = ("neutral", "charged")
#: what an atom sees may leave the trained range by this part of it and of its largest value
_BEYOND_RANGE, _BEYOND_VALUE = 0.1, 0.02


@dataclass(frozen=True, eq=False)
class DensityModel:
    """The density of a neutral electrode, and what charges add to it.

    Attributes:
        name: of the model.
        neutral, charged: of :mod:`polcouple.nn.density.model`.
        electrode: elements that a given number of electrons is spread over, where charges are learned.
        trained: (elements, 2, k) lowest and highest :func:`seen_by` of the atoms that it was trained on.
    """

    name: str
    neutral: DensityPart
    charged: DensityPart
    electrode: tuple[str, ...]
    trained: np.ndarray

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

    def unlike(self, atoms: Electrode) -> str | None:
        """One line where an atom's neighbours are unlike all that the model was trained on."""
        around = self.charged.design.surroundings
        lowest, highest = self.trained[around.kinds(atoms.symbols)].transpose(1, 0, 2)
        allowed = _BEYOND_RANGE * (highest - lowest) + _BEYOND_VALUE * highest.max(axis=1)[:, None]
        seen = seen_by(around, atoms)
        outside = ((seen < lowest - allowed) | (seen > highest + allowed)).any(axis=1)
        if not outside.any():
            return None
        return (
            f"density model {self.name}: {outside.sum()} of {len(atoms)} atoms have neighbours unlike those"
            f" it was trained on, the first is atom {np.argmax(outside)} (from 0)"
        )

    def require_serves(self, atoms: Electrode, mobile: bool) -> None:
        """Refuse an electrode that it was not made for; atoms that move are looked at frame by frame.

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
        if not mobile and (told := self.unlike(atoms)) is not None:
            raise InputError(f"{told}; train one on frames of this electrode (`polcouple train density`)")

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
        arrays["trained"] = self.trained
        return arrays | {"design": np.frombuffer(json.dumps(told).encode(), np.uint8)}


def seen_by(surroundings: Surroundings, atoms: Electrode) -> np.ndarray:
    """(n, k) what each atom sees of its neighbours as far as charges are seen, whichever way it is turned."""
    pairs, nothing = surroundings.pairs(atoms), np.zeros(len(atoms))
    features = replace(surroundings, charged=False, bonds=False).of(atoms, pairs, nothing, nothing)
    ends = [(momentum**2, (momentum + 1) ** 2) for momentum in range(surroundings.l_max + 1)]
    return np.concatenate([np.linalg.norm(features[:, :, a:b], axis=2) for a, b in ends], axis=1)


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
        model = DensityModel(directory.name, neutral, charged, tuple(told["electrode"]), arrays["trained"])
        if model.trained.shape[:2] != (len(neutral.weights), 2) or not np.isfinite(model.trained).all():
            raise ValueError(f"trained of shape {model.trained.shape}")
    require_stated(directory, description, model.description())
    return model


def _part(told: dict[str, Any], weights: np.ndarray) -> DensityPart:
    basis = DensityBasis(**told["basis"] | {"exponents": tuple(told["basis"]["exponents"])})
    around = Surroundings(**told["surroundings"] | {"elements": tuple(told["surroundings"]["elements"])})
    levels = told.get("levels")
    if levels is not None:
        levels = ElectrodeLevels(**levels | {"k_points": tuple(levels["k_points"])})
    design = DensityDesign(basis, around, told["learned_charges"], levels)
    if weights.shape != (len(around.elements), design.length) or not np.isfinite(weights).all():
        raise ValueError(f"weights of shape {weights.shape}")
    return DensityPart(design, weights)
