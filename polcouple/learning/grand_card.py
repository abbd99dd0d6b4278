"""The model card of a grand potential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polcouple.learning.grand_scores import GrandScore, grand_table
from polcouple.nn.grand.potential import GrandPotential


def grand_card(
    potential: GrandPotential, description: Mapping[str, Any], scores: Mapping[str, Mapping[str, GrandScore]]
) -> str:
    """README.md of a grand potential; ``description`` is that of model.yaml."""
    a, training, data = potential.architecture, description["training"], description["data"]
    base, split = a.surroundings, data["split"]
    levels = ", ".join(f"{level:.3f}" for level in a.levels)
    volts = "" if a.reference is None else f" (0 V at {a.reference:.3f} eV, U = -(mu - mu_ref)/e)"
    if a.design == "electrode":
        far = "charges that act at all distances" if a.long_range else "no charges beyond the cut-off"
        how = f"""the electrode ({", ".join(a.electrode)}) has one level an atom (hopping {a.hopping:g} eV, decay
  {a.decay:g} /A, {a.neutral_level:.3f} eV when bare and neutral); the network gives each atom an energy, a shift of the
  levels, a stiffness and a charge; {far}."""
    else:
        how = "mu is an input of the network beside the element's embedding, as in PE-MACE."
    shown = "shown" if training["electrons_weight"] else "never shown: what is said of them is predicted"
    left = ""
    if training["leave_out"]:
        left = f"\nAt {', '.join(f'{one:g}' for one in training['leave_out'])} V no frame was trained on.\n"
    return f"""# {potential.name}

A grand potential Omega(R, mu) of {", ".join(base.elements)}: forces are -dOmega/dR, electrons -dOmega/dmu, the capacitance
-d2Omega/dmu2, all of one function. Electrons count as more than those of neutral atoms, n = -Q.

- Potential: {how}
- Descriptors: spherical Bessel power spectrum, {base.cutoff:g} A, l + n up to {base.n_max}; embedding of
  {base.embedding} an element.
- Network: {" x ".join(str(width) for width in base.widths)}, swish, layer norm;
  {"a repulsive Morse term" if base.repulsion else "no Morse term"}; {potential.members.shape[1]} numbers a member, {len(potential.members)} in all.
- Trained at mu = {levels} eV{volts}.

## Data

{data["frames"]} frames: {split["train"]} trained, {split["validation"]} chose the epoch, {split["test"]} tested (blocks in time, the end of each
trajectory is the test).
{data["origin"]}
SHA-256: `{data["sha256"]}`.
{left}
Loss: ln cosh of force components at {training["force_scale"]:g} A/eV, weight {training["force_weight"]:g}; of electrons at
{training["electrons_scale"]:g} /e, weight {training["electrons_weight"]:g}; of energies weight {training["energy_weight"]:g}.
Electrons were {shown}. {training["epochs"]} epochs, batches of {training["batch_size"]}, AdamW,
{training["seconds"] / 60:.0f} min in all.

## Accuracy on frames unseen in training

{grand_table(scores)}
Omega is compared without its mean error at each potential. The last rows use no model.

Maxwell's relation: |dF/dmu - dn/dR| <= {description["maxwell"]:.1e} /A on test frames, by differences in double precision.

## Use

`polcouple.GrandPotentialCalculator` for ASE, `polcouple-driver --potential` with `--at` under i-PI
(docs/grand_potentials.md). Another element is refused, a potential outside those above told of.
"""
