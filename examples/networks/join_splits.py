"""Put the scores of a net that was trained and tested on random frames into the card of another.

    python join_splits.py MODEL RANDOM_SPLIT_MODEL

How both are trained is in reference_net.sh. Rows "all charges" of the second appear in
README.md and model.yaml of the first as "..., random split".
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from polcouple.learning.evaluation import Metrics, markdown_table
from polcouple.nn.model_files import load_description

_MARK = "R² is the explained part"


def main(model: Path, other: Path) -> None:
    """Rewrite both files of ``model``; its weights are not touched."""
    description, compared = load_description(model), load_description(other)
    if (description["training"]["split"], compared["training"]["split"]) != ("blocks", "random"):
        sys.exit(f"{model} is to be of blocks in time, {other} of random frames")
    if any(name.endswith("random split") for name in description["metrics"]):
        sys.exit(f"{model}: has such rows already")
    rows = {f"{n}, random split": m for n, m in compared["metrics"].items() if n.endswith("all charges")}
    table = markdown_table({name: Metrics(**values) for name, values in rows.items()}).splitlines()[2:]
    description["metrics"] |= rows
    card = (model / "README.md").read_text()
    before, mark, after = card.partition(_MARK)
    lines = after.split("\n")
    lines[1] += (
        "\nRows of a random split are of another net, trained from random weights on random frames. They test"
        "\non frames whose neighbours in time were trained on."
    )
    added = "\n".join(table)
    (model / "README.md").write_text(f"{before.rstrip()}\n{added}\n\n{mark}" + "\n".join(lines))
    (model / "model.yaml").write_text(yaml.safe_dump(description, sort_keys=False, width=110))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
