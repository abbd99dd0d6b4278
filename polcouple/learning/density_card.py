"""The model card of a density model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polcouple.learning.density_scores import DensityScore, density_table
from polcouple.nn.density.files import DensityModel
from polcouple.units import BOHR_TO_ANGSTROM


def density_card(
    model: DensityModel, description: Mapping[str, Any], scores: Mapping[str, Mapping[str, DensityScore]]
) -> str:
    """README.md of a density model; ``description`` is that of model.yaml."""
    training, data = description["training"], description["data"]
    left = training["leave_out"]
    reach = round(model.charged.design.surroundings.cutoff * BOHR_TO_ANGSTROM, 3)
    numbers = model.neutral.weights.size + model.charged.weights.size
    command = "`polcouple electron-density CASE FRAMES --backend NAME --model MODEL`"
    if model.learned_charges:
        shared = (
            "how atoms share it is learned"
            if model.charged.design.levels is None
            else "they fill waves of one orbital on each atom (Hueckel); what those do to\n  the density"
            " about each atom is learned"
        )
        takes = f"""positions of the atoms and a number of electrons, spread evenly over
  {", ".join(model.electrode)}; {shared}"""
        use = f"{command}, of the case that was trained on"
    else:
        takes = "charges of the atoms, by any backend, at any total charge or potential"
        use = f"{command}, of electrodes of these elements"
    never = f"Never trained: {', '.join(left)}." if left else "Every label trained."
    counts = data["densities"]
    elements = ", ".join(model.neutral.design.surroundings.elements)
    return f"""# {model.name}

The density of valence electrons of {elements}, as its difference from neutral, spherical atoms:
linear in what each atom sees of its neighbours and of their charges, and it turns with them.

- Takes {takes}.
- Number of electrons: exact, by construction.
- {numbers} weights, by linear least squares. Gaussians up to l = {training["l_max"]} on every atom;
  neighbours within {training["bonds_cutoff"]:g} A for the neutral electrode, {reach:g} A for
  what charges add.

## Data

{counts["train"]} densities of SCC-DFTB in its set's orbitals to fit, {counts["test"]} of later times to test
(blocks in time), at {", ".join(data["labels"])}. {never}
{data["origin"]}
SHA-256: `{data["sha256"]}`. {training["seconds"]:.0f} s of processor time with the densities.

## Errors on frames unseen in training

{density_table(scores, left)}

Per electron: the integral of the absolute error over the number of valence electrons. The change is that from
the neutral electrode without a liquid, its error over the integral of its absolute value: 100 % is no better
than no change. Coefficients of a frame of {data["atoms"]} atoms take {description["milliseconds"]:.1f} ms.

What is not in it: what DFTB has not, such as polarisation of a flat sheet out of its plane
(docs/electron_density.md).

## Use

{use} (docs/electron_density.md).
"""
