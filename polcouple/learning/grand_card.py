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
        symbols = ", ".join(a.electrode)
        every = zip(base.elements, a.charges, strict=True)
        charges = ", ".join(f"{symbol} {charge:.4f}" for symbol, charge in every if symbol not in a.electrode)
        gives = ", a shift of the levels and a stiffness" if a.learned else " and nothing else"
        how = f"""the electrode ({symbols}) has one level an atom: hopping {a.hopping:g} eV, decay
  {a.decay:g} /A, {a.neutral_level:.3f} eV when bare and neutral, hardness {a.hardness:.3f} eV. It is next
  to fixed charges ({charges} e), which act at all distances. The network gives each atom an energy{gives}."""
    else:
        how = "mu is an input of the network beside the element's embedding, as in PE-MACE."
    shown = "shown" if training["electrons_weight"] else "never shown: what is said of them is predicted"
    left = ""
    if training["leave_out"]:
        left = f"\nAt {', '.join(f'{one:g}' for one in training['leave_out'])} V no frame was trained on.\n"
    widths = " x ".join(str(width) for width in base.widths)
    morse = "a repulsive Morse term" if base.repulsion else "no Morse term"
    numbers = f"{potential.members.shape[1]} numbers a member, {len(potential.members)} in all"
    names = ("force", "electrons", "energy")
    weights = ", ".join(f"{training[f'{name}_weight']:g}" for name in names)
    rates = ", ".join(f"{training[f'{name}_scale']:g}" for name in names)
    time = f"{training['seconds'] / 60:.0f} min in all"
    electrons = f"of {', '.join(base.elements)}: forces are -dOmega/dR, electrons -dOmega/dmu"
    given = f", of them {data['given']} of no trajectory" if data["given"] else ""
    used = f"{split['train']} trained{given}, {split['validation']} chose the epoch, {split['test']} tested"
    return f"""# {potential.name}

A grand potential Omega(R, mu) {electrons}, the
capacitance -d2Omega/dmu2, all of one function. Electrons count as more than those of neutral atoms, n = -Q.

- Potential: {how}
- Descriptors: spherical Bessel power spectrum, {base.cutoff:g} A, l + n up to {base.n_max}; embedding of
  {base.embedding} an element.
- Network: {widths}, swish, layer norm; {morse}; {numbers}.
- Trained at mu = {levels} eV{volts}.

## Data

{data["frames"]} frames: {used}
(blocks in time, the end of each trajectory is the test).
{data["origin"]}
SHA-256: `{data["sha256"]}`.
{left}
Loss: ln cosh of the errors of force components (A/eV), electrons (1/e) and energies an atom (1/eV) at
{rates}, with weights {weights}. Electrons were {shown}.
{training["epochs"]} epochs, batches of {training["batch_size"]}, AdamW, {time}.

## Accuracy on frames unseen in training

{grand_table(scores)}
Omega is compared without its mean error at each potential. The last rows use no model.

Maxwell's relation on test frames, by differences in double precision: |dF/dmu - dn/dR| <=
{description["maxwell"]:.1e} /A.

## Use

`polcouple.GrandPotentialCalculator` for ASE, `polcouple-driver --potential` with `--at` under i-PI
(docs/grand_potentials.md). Another element is refused, a potential outside those above told of.
"""
