"""Draw what ions alone, and what site potentials, explain of the electrode's charges.

    python what_ions_explain.py reference.h5 figure.png

reference.h5 is made by reference_dataset.py; the models are the shipped ones. Frames: the last tenth, which
no model was trained on. "response to the ions" is the linear response of the electrode to the potential of
the ions alone, the water left out, with the one factor that fits the training frames best.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from polcouple.data.dataset import Dataset
from polcouple.data.splits import split_frames
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.learning.evaluate import backend_of, evaluate_backends
from polcouple.learning.evaluation import PAPER_TOLERANCE, Metrics, evaluate, markdown_table
from polcouple.learning.figures import parity_panel
from polcouple.nn.binning import Binning
from polcouple.nn.model_files import find_model
from polcouple.nn.models import load_model
from polcouple.nn.response_net import ResponseNet

TOTAL_CHARGE = -4.0
MODELS = {
    "classifier on ions": "graphene_nacl_classifier_ions",
    "classifier on potentials": "graphene_nacl_classifier",
    "response net": "graphene_nacl_response",
}


def response_to_ions(dataset: Dataset, charges: np.ndarray, train: np.ndarray) -> np.ndarray:
    """(f, n) Q/N + a K phi_ions in e, with a fitted to the frames ``train``."""
    net = load_model(find_model(MODELS["response net"]), dataset.electrode)
    assert isinstance(net, ResponseNet)
    electrode, liquid = dataset.electrode, dataset.electrolyte
    potential = SitePotential(electrode.positions, electrode.cell, electrode.pbc)
    ion_charges = liquid.charges[liquid.ion_indices]
    potentials = np.array([potential(ions, ion_charges) for ions in dataset.frames().ion_positions])
    induced = potentials @ net.prior.at(TOTAL_CHARGE).kernel
    uniform = TOTAL_CHARGE / len(electrode)
    factor = (induced[train] * (charges[train] - uniform)).sum() / (induced[train] ** 2).sum()
    print(f"factor of the response to the ions: {factor:.3f}")
    return uniform + factor * induced


def draw(path: Path, reference: np.ndarray, charges: dict[str, np.ndarray], rows: dict[str, Metrics]) -> None:
    """Left: predicted against reference charges; right: two scores, of which one misleads."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.25))
    limits = (-0.085, 0.025)
    panels = ((left, "classifier on ions"), (middle, "classifier on potentials"))
    for axis, name in panels:
        parity_panel(axis, reference, charges[name], np.array(limits), gridsize=60)
        axis.set(xlim=limits, ylim=limits, aspect="equal", xlabel="DFTB charge / e", title=name)
        axis.set_xticks((-0.08, -0.04, 0.0))
    left.set_ylabel("predicted charge / e")
    places = np.arange(len(rows))
    within = [100 * metrics.within_tolerance for metrics in rows.values()]
    explained = [100 * metrics.r2 for metrics in rows.values()]
    right.barh(places - 0.2, within, 0.38, color="#bbbbbb", label=f"charges within {PAPER_TOLERANCE:g} e")
    right.barh(
        places + 0.2, np.maximum(explained, 0.0), 0.38, color="#0072b2", label="fluctuations explained (R²)"
    )
    for place, share, r2 in zip(places, within, explained, strict=True):
        right.text(share + 1, place - 0.2, f"{share:.1f}", va="center", fontsize=8)
        right.text(
            max(r2, 0.0) + 1, place + 0.2, f"{r2:.1f}" if r2 < 99.95 else f"{r2:.5f}", va="center", fontsize=8
        )
    right.set_yticks(places, list(rows))
    right.invert_yaxis()
    right.set(xlim=(0, 124), xlabel="per cent")
    right.legend(loc="upper center", bbox_to_anchor=(0.4, 1.14), ncols=2, fontsize=8, frameon=False)
    figure.savefig(path, dpi=130)


def main(dataset_path: str, figure_path: str) -> None:
    """Print the table and write the figure."""
    dataset = Dataset(dataset_path)
    split = split_frames(len(dataset), 10, 9, "blocks")
    everything = dataset.complete_labels("dftb", TOTAL_CHARGE).charges
    backends = {name: backend_of(dataset, "nn", {"model": model}) for name, model in MODELS.items()}
    found, charges, _ = evaluate_backends(dataset, backends, split, ("dftb", TOTAL_CHARGE))
    ions = response_to_ions(dataset, everything, split.train)[split.test]
    binning = Binning.fit(everything[split.train])
    rows = {
        "uniform Q/N": found["uniform Q/N"],
        "response to the ions": evaluate(ions, everything[split.test], binning),
        **{name: found[name] for name in MODELS},
    }
    print(markdown_table(rows))
    draw(Path(figure_path), charges["reference"], charges, rows)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
