"""Model cards: what a model is, what it was trained on and how good it is, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polcouple.learning.evaluation import Metrics, level_table, markdown_table
from polcouple.learning.fitting import FitOptions, FitResult
from polcouple.nn.classifier import Classifier, composition
from polcouple.nn.response_net import ResponseNet

_INPUTS = {
    "ions": "x, y, z and charge of every ion: {ions}, in this order (relative to the first electrode atom, "
    "folded into\n  the cell and scaled to [-1, 1))",
    "site_potentials": "the electrolyte's potential at every electrode atom, less its mean, whitened",
}


def classifier_card(
    classifier: Classifier,
    options: Any,
    result: FitResult,
    data: Mapping[str, Any],
    rows: Mapping[str, Metrics],
) -> str:
    """README.md of a classifier; ``options`` are its ClassifierOptions."""
    inputs = _INPUTS[classifier.features].format(ions=composition(classifier.ion_symbols))
    hidden = " x ".join(str(width) for width in options.hidden_layers)
    binning = classifier.binning
    split = "contiguous blocks in time" if options.split == "blocks" else "random frames, as in the paper"
    return f"""# {classifier.name}

The dense classifier of the NN/MD papers: it assigns each electrode atom the label of a charge bin.

- Inputs ({classifier.network.input_shape[1]} numbers): {inputs}.
- Output: one label for each of {len(classifier.electrode)} atoms, in the case's order, regressed and rounded.
- Network: dense {hidden}, ReLU, linear output, stored in half precision. Loss: mean absolute
  label error + {options.sum_weight:g}/N times the absolute error of their sum.
- Bins: {binning.n_bins} of {binning.width:g} e from {binning.q_min:.6f} e; a label stands for the median
  charge of its bin.
- Total charge {classifier.total_charge:g} e. After decoding, the deficit is spread evenly.

## Data

{data["frames"]} frames, labels `{data["labels"]}`. {data["origin"]}
SHA-256 of charges and site potentials: `{data["sha256"]}`.

Split: {options.folds} folds of {split}; tested on the last one, stopped early on the one before,
trained on the others. {_fit_text(options, result)}
Augmentation by the lattice's translations and mirrors: {"yes" if options.augmentation else "no"}.

## Accuracy on frames unseen in training

{markdown_table(rows)}
Fractions count charges; R² is the explained part of the fluctuations about each atom's mean, so that
constant charges score 0 at best. "uniform Q/N" and "mean of each atom" (over the training frames) use no
model. Rows of a random split test on frames whose neighbours in time were trained on, and flatter the model.

## Use

`--backend nn` with `model: {classifier.name}`. It is refused for another electrode{_ion_clause(classifier)}
and at another total charge. It has no energy: charges jump from label to label, and dynamics with it
is not conservative.
"""


def response_card(
    net: ResponseNet,
    options: Any,
    result: FitResult,
    comparison: FitResult | None,
    description: Mapping[str, Any],
    rows: Mapping[str, Metrics],
    levels: Mapping[str, tuple[float, float]],
) -> str:
    """README.md of a response net.

    Args:
        options: its ResponseOptions.
        comparison: how the fit on the other kind of split ended.
        description: for model.yaml; its ``training`` and ``data``.
        levels: errors of energies and Fermi levels.
    """
    charges = ", ".join(f"{charge:g}" for charge in sorted(net.disagreements, reverse=True))
    usual = ", ".join(f"{value:.1e} e at {Q:g} e" for Q, value in sorted(net.disagreements.items())[::-1])
    split = "contiguous blocks in time" if options.split == "blocks" else "random frames"
    data, start = description["data"], description["training"]["start"]
    other = "" if start is None else f"\nTraining went on from the network of {start}."
    if comparison is not None:
        other += (
            "\nThe net scored on the other kind of split was trained likewise from random weights, for "
            f"{comparison.epochs} epochs in {comparison.seconds / 60:.1f} min."
        )
    return f"""# {net.name}

The electronic energy E(phi, Q) of the electrode as a function of the electrolyte's site potentials and the
total charge: linear response plus a small convolutional network. The charges are its derivative and sum to Q.

- Inputs: site potentials at {len(net.electrode)} atoms (less their mean), and Q, trained at {charges} e.
- Prior: {data["prior"]} Total charges:
  {", ".join(f"{Q:g}" for Q in reversed(net.prior.total_charges))} e, interpolated by cubics
  with the exact slopes, so that the energy has a continuous derivative.
- Network: {options.filters} filters per atom, two hidden layers of {options.width}, softplus; committee of
  {options.members}, each of which left out another part of the training frames.

## Data

{data["frames"]} frames, labels {", ".join(f"`{name}`" for name in data["labels"])}.
{data["origin"]}
SHA-256 of site potentials and labels: `{data["sha256"]}`.

Split: {options.folds} folds of {split}, the same frames at every charge; tested on the last one, stopped
early on the one before, trained on the others. {_fit_text(options, result)}
Each frame is moved by a random translation or mirror of the lattice. The loss is the squared error of the
charges + {options.energy_weight:g} times that of the energies + {options.fermi_weight:g} times that of the
Fermi levels, each in units of what linear response leaves at that total charge.{other}

## Accuracy on frames unseen in training

{markdown_table(rows)}
R² is the explained part of the fluctuations about each atom's mean. "uniform Q/N" and "mean of each atom"
(over the training frames) use no model; "linear response alone" is the prior without the network.
{_random_clause(rows)}
{level_table(levels)}
Energies and Fermi levels of the same frames; their standard deviations are what a constant would score.

## Use

`--backend nn` with `model: {net.name}`. It is refused for another electrode, and for a total charge outside
the prior's range. It knows nothing of the electrolyte but its potential: ions, concentration and water model
may change, and so may the height of the cell. Where the committee's members differ by more than twice what
they did on held-out frames ({usual}), the result carries a warning: at a total charge between
those trained on, heed it. The Fermi level is -dE/dQ of the same energy, the Fukui vector dq/dQ its mixed
derivative.
"""


def _fit_text(options: FitOptions, result: FitResult) -> str:
    last = options.final_learning_rate
    falling = "" if last is None else f" falling to {last:g} along a cosine"
    return (
        f"Adam {options.learning_rate:g}{falling}, batches of {options.batch_size}, patience "
        f"{options.patience} epochs, weights averaged with decay {options.weight_average:g} per step, seed "
        f"{options.seed}: {result.epochs} epochs in {result.seconds / 60:.1f} min (stopped by "
        f"{result.stopped_by}), best after {result.best_epoch} with validation loss {result.best_loss:.4g}."
    )


def _random_clause(rows: Mapping[str, Metrics]) -> str:
    if not any(name.endswith("random split") for name in rows):
        return ""
    return (
        "Rows of a random split test on frames whose neighbours in time were trained on, and flatter the "
        "model.\n"
    )


def _ion_clause(classifier: Classifier) -> str:
    return ", for other ions" if classifier.features == "ions" else ""
