"""The card of a network of MACE with the potential as an input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polcouple.learning.grand_scores import GrandScore, grand_table
from polcouple.learning.mace_options import MaceOptions
from polcouple.nn.mace import MaceNetwork


def mace_card(
    network: MaceNetwork,
    options: MaceOptions,
    extra: Mapping[str, Any],
    scores: Mapping[str, Mapping[str, GrandScore]],
) -> str:
    """README.md; ``extra`` is what model.yaml has beside the network's description."""
    data, a = extra["data"], network.architecture
    split = data["split"]
    stages = "one stage"
    if options.second_start < options.epochs:
        stages = (
            f"after {options.second_start} epochs energies weigh {options.second_energy_weight:g} and the"
            f" learning\nrate is {options.second_learning_rate:g}"
        )
    left = ""
    if options.leave_out:
        left = f"\nAt {', '.join(f'{one:g}' for one in options.leave_out)} V no frame was trained on.\n"
    levels = ", ".join(f"{level:.3f}" for level in network.levels)
    used = f"{split['train']} trained, {split['validation']} chose the epoch, {split['test']} tested"
    rates = f"learning rate {options.learning_rate:g}"
    return f"""# {network.name}

Stock MACE (mace-torch) with the electrode's potential as an input, as in PE-MACE (arXiv 2604.07322): a grand
potential Omega(R, mu) of {", ".join(network.elements)}. Electrons count as more than those of neutral
atoms, n = -Q.

- {a.hidden}, {a.layers} interactions within {a.cutoff:g} A, correlation {a.correlation}, spherical harmonics
  up to {a.max_ell}; the potential in {a.features} numbers by mace-torch's `--embedding_specs`.
- Trained at mu = {levels} eV (0 V at {network.reference:.3f} eV).
- mace-torch gives no electrons: n = -dOmega/dmu by automatic differentiation, never trained on as such.

## Data

{data["frames"]} frames: {used}
(blocks in time, the end of each trajectory is the test).
{data["origin"]}
SHA-256: `{data["sha256"]}`.
{left}
{options.epochs} epochs in batches of {options.batch_size}, {rates}, weights of
forces {options.force_weight:g} and of energies {options.energy_weight:g};
{stages}.
Averages of the weights (0.99), {options.precision}, seed {options.seed}.

## Accuracy on frames unseen in training

{grand_table(scores)}
Energies without each potential's mean error. The other rows use no model.
Maxwell's relation, by differences: |dF/dmu - dn/dR| <= {extra["maxwell"]:.1e} /A.

## Use

`polcouple.GrandPotentialCalculator` for ASE, `polcouple-driver --potential` under i-PI
(docs/mace.md); needs `polcouple[mace]`.
"""
