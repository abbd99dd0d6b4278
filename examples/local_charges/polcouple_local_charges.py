"""`local_charges`: a local model of `polcouple paradigms` that drives a run.

    python polcouple_local_charges.py DATASET.h5 CUTOFF -o model.npz
    polcouple run CASE --backend local_charges --set model=./model.npz

The first line fits the model to the labels of `dftb` at the only charge that the dataset has. Charges are no
derivative of an energy: a thermostat has to take what they give the liquid.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from pydantic import Field

from polcouple.backends.base import BackendOptions, ChargeResult, Environment
from polcouple.backends.capabilities import Capabilities
from polcouple.data.dataset import Dataset
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import InputError
from polcouple.paradigms.descriptors import require_plane
from polcouple.paradigms.frames import Frame, read_parts
from polcouple.paradigms.local import LocalCharges


class Options(BackendOptions):
    """Which model."""

    model: Path = Field(description="file of a fitted model")

    def capabilities(self) -> Capabilities:
        """Positions of the whole liquid are read, and no potentials."""
        return Capabilities(site_potentials=False, positions="all")

    def files(self, symbols: object) -> tuple[Path, ...]:
        """The model decides the charges."""
        return (self.model,)


class Backend:
    """Charges that each atom has from what is near it."""

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        self.capabilities = options.capabilities()
        self._electrode = electrode
        self._model = load(options.model)
        require_plane(electrode)
        unknown = set(electrolyte.symbols) - set(self._model.species)
        if unknown:
            raise InputError(
                f"{options.model}: not fitted to {', '.join(sorted(unknown))}; fit it to this liquid"
            )

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """One matrix-vector product after the descriptors."""
        frame = Frame(
            self._electrode, environment.electrolyte, environment.positions, np.zeros(0), total_charge
        )
        return ChargeResult(self._model.charges(frame))


def save(model: LocalCharges, path: Path) -> None:
    """Write a fitted model (.npz)."""
    np.savez(path, cutoff=model.cutoff, species=np.array(model.species), weights=model.weights)


def load(path: Path) -> LocalCharges:
    """Read what :func:`save` wrote.

    Raises:
        InputError: it is no such file.
    """
    try:
        with np.load(path) as file:
            model = LocalCharges(float(file["cutoff"]))
            model.species = tuple(str(one) for one in file["species"])
            model.weights = file["weights"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: no model of local charges ({error})") from None
    return model


def main() -> None:
    """Fit one and say what it leaves unexplained on later frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("cutoff", type=float, help="in Angstrom")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    dataset = Dataset(args.dataset)
    (charge,) = {charge for backend, charge in dataset.label_sets() if backend == "dftb"}
    parts = read_parts(dataset, "dftb", charge)
    model = LocalCharges(args.cutoff)
    model.fit(parts.train, parts.validation)
    found = np.array([model.charges(frame) for frame in parts.test.frames])
    whole = parts.test.charges - parts.test.charges.mean()
    left = ((found - parts.test.charges) ** 2).sum() / (whole**2).sum()
    save(model, args.output)
    print(f"{args.output}: {model.name}, R^2 {1.0 - left:.4f} on {len(found)} later frames")


if __name__ == "__main__":
    main()
