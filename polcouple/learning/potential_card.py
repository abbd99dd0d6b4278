"""The model card of a potential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polcouple.learning.potential_scores import Score, score_table
from polcouple.nn.potential.potential import Potential


def potential_card(potential: Potential, description: Mapping[str, Any], rows: Mapping[str, Score]) -> str:
    """README.md of a potential; ``description`` is that of model.yaml, with ``training`` and ``data``."""
    a, training, data = potential.architecture, description["training"], description["data"]
    split = data["split"]
    widths = " x ".join(str(width) for width in a.widths)
    numbers = potential.members.shape[1]
    weight = training["energy_weight"]
    energies = "0 where there are forces, else 1" if weight is None else f"{weight:g}"
    start = f"\nTraining went on from the members of {training['start']}." if training["start"] else ""
    morse = "a repulsive Morse term" if a.repulsion else "no Morse term"
    names = ("learning_rate", "highest_learning_rate", "final_learning_rate")
    rates = " to ".join(f"{training[name]:g}" for name in names)
    charged = ""
    if a.charges is not None:
        told = a.charges.description()
        formal, increments = (
            ", ".join(f"{name} {charge:.3g}" for name, charge in told[part].items())
            for part in ("formal", "increments")
        )
        charged = f"""- Coulomb energy of the atoms' charges (e): formal {formal};
  moved by bonds {increments}; Gaussians of {told["width"]:g} A.
"""
    usual = ""
    if potential.usual is not None:
        kept = (split["validation"] or split["test"]) and "folds" not in data
        which = "the frames that trained none of them" if kept else "the frames they were trained on"
        if data.get("usual_disagreement_unseen"):
            which = "frames that none has seen\n(by networks that left out the same part)"
        frame, atom = (1e3 * value for value in potential.usual)
        usual = f"""
Members differ: in three of four of {which} the root mean square of their deviation over
the atoms was below {frame:.0f} meV/A and that of the worst atom below {atom:.0f}. More than twice as much is
told of: those atoms are where no frame was.
"""
    box = ""
    if "egg_box" in data:
        points = " x ".join(map(str, data["egg_box"]["points"]))
        amplitudes = ", ".join(f"{name} {1e3 * a:.0f}" for name, a in data["egg_box"]["amplitudes"].items())
        box = f"""
Labels have the egg-box forces of a grid of {points} points taken off (amplitudes in meV/A: {amplitudes}),
which account for {100 * data["egg_box"]["explained"]:.0f} % of the squares of the frames' net forces.
"""
    scored = "No frames were kept to test on: see the folds in docs/potential_networks.md.\n"
    if rows:
        scored = f"""{score_table(dict(rows))}
"without net forces": the mean force of each frame is taken off the labels first; no function of relative
positions has one. The last row uses no model.
"""
    what = f"A potential of {', '.join(a.elements)}"
    driver = "`polcouple-driver --potential` beside an electrode under i-PI\n(docs/potential_networks.md)"
    use = f"`polcouple.PotentialCalculator` for ASE, {driver}."
    if potential.difference_to:
        what = f"The difference of {', '.join(a.elements)} to {potential.difference_to}"
        use = f"{driver}, which adds the case's own force field of the liquid.\nBy itself it is no energy."
    return f"""# {potential.name}

{what}: NeuralIL's network, whose energy has the forces as its derivative.

- Descriptors: spherical Bessel power spectrum, {a.cutoff:g} A, l + n up to {a.n_max}; embedding of
  {a.embedding} an element.
- Network: {widths}, swish, layer norm; {morse}; {numbers} numbers a member.
{charged}- Committee of {len(potential.members)}.

## Data

{data["frames"]} frames: {_used(data, training["split"])}.
{data["origin"]}
SHA-256: `{data["sha256"]}`.
{box}
Loss: ln cosh of force components at {training["force_scale"]:g} A/eV, weight {training["force_weight"]:g};
of energies an atom at {training["energy_scale"]:g} /eV, weight {energies}. {training["epochs"]} epochs,
batches of {training["batch_size"]}, AdamW, learning rate {rates} in every
{training["cycle"]}; seeds from {training["seed"]}. {training["seconds"] / 60:.0f} min in all.{start}

## Accuracy on frames unseen in training

{scored}{usual}
## Use

{use} Another element is refused.
"""


def _used(data: Mapping[str, Any], kind: str) -> str:
    """Which frames were used for what."""
    blocks = "contiguous blocks in time" if kind == "blocks" else "random frames"
    split = data["split"]
    if "folds" in data:
        return f"each member left out one of {data['folds']} parts ({blocks}) and is judged on it"
    return (
        f"{split['train']} trained, {split['validation']} chose the epoch, {split['test']} tested\n({blocks})"
    )
