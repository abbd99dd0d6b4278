"""Store a classifier in a tenth of the space: its weights become whole numbers, one scale a unit.

    python pack_classifier.py DATASET.h5 MODEL OUTPUT

DATASET.h5 is the one it was trained on (reference_dataset.py makes the shipped models'). Layer by layer the
weights are rounded one after the other, and what rounding one spoils on the frames the others make up for
(E. Frantar et al., arXiv 2210.17323). Frames are the dataset's and images of them by the lattice's
symmetries. The last layer, which is finer, is fitted so that every label of the dataset's own frames stays
what it was. Units that answer to none of them become zeros.

Printed: labels that changed, on the frames and on images that were not used.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from polcouple.data.dataset import Dataset
from polcouple.lattice.symmetry import lattice_symmetries
from polcouple.nn.classifier import Classifier
from polcouple.nn.model_electrode import electrode_arrays
from polcouple.nn.model_files import load_description, save_model
from polcouple.nn.models import load_model
from polcouple.nn.packed import Packed

#: images of frames to fit to and to test on
FITTED, TESTED = 6000, 2000
#: a frame of the dataset counts as so many images in the last layer
WEIGHT = 1000.0
#: labels stay so far from where they would be rounded to the next one
MARGIN = 0.05


def images(dataset: Dataset, model: Classifier, count: int, seed: int) -> np.ndarray:
    """(count, n_inputs) of random frames under random symmetries of the lattice."""
    random, frames = np.random.default_rng(seed), dataset.frames()
    symmetries = lattice_symmetries(dataset.electrode)
    chosen = random.integers(1, len(symmetries), size=count)
    index = random.integers(len(frames.site_potentials), size=count)
    inverse = np.array([np.argsort(operation.permutation) for operation in symmetries])
    potentials = np.take_along_axis(frames.site_potentials[index], inverse[chosen], axis=1)
    ions = [symmetries[s].positions(frames.ion_positions[i]) for s, i in zip(chosen, index, strict=True)]
    return model.inputs(potentials, np.stack(ions))


def rounded(weights: np.ndarray, moment: np.ndarray, step: np.ndarray, block: int = 128) -> np.ndarray:
    """(n, m) whole numbers c, such that c step is close to ``weights`` in the metric of the inputs.

    Args:
        weights: (n, m).
        moment: (n, n) second moment of the inputs; inputs that never vary have no weight.
        step: (m,).
    """
    live = np.flatnonzero(np.diag(moment) > 0.0)
    order = live[np.argsort(-np.diag(moment)[live])]
    left, metric = weights[order].copy(), moment[np.ix_(order, order)]
    metric = metric + 1e-4 * np.trace(metric) / len(order) * np.eye(len(order))
    factor = np.linalg.cholesky(np.linalg.inv(metric)).T
    codes = np.zeros_like(weights)
    for first in range(0, len(order), block):
        last = min(first + block, len(order))
        errors = np.zeros((last - first, weights.shape[1]))
        for i in range(first, last):
            codes[order[i]] = np.rint(left[i] / step)
            errors[i - first] = (left[i] - codes[order[i]] * step) / factor[i, i]
            left[i:last] -= np.outer(factor[i, i:last], errors[i - first])
        left[last:] -= factor[first:last, last:].T @ errors
    return codes


def pack(
    kernels: list[np.ndarray],
    biases: list[np.ndarray],
    inputs: np.ndarray,
    labels: np.ndarray,
    steps: tuple[float, float, float],
) -> tuple[list[Packed], list[np.ndarray]]:
    """The layers in whole numbers; the first rows of ``inputs`` keep their (f, n) ``labels``.

    ``steps`` are those of the first layer, of inner ones and of the last, over the deviation of weights.
    """
    exact = found = inputs.astype(float)
    own = len(labels)
    packed, shifts = [], []
    for i, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
        last = i == len(kernels) - 1
        target = exact @ kernel + bias
        weight = np.ones(len(inputs))
        weight[:own] = WEIGHT if last else 3.0
        wanted = target.copy()
        if last:
            wanted[:own] = labels + np.clip(target[:own] - labels, MARGIN - 0.5, 0.5 - MARGIN)
        weight /= weight.sum()
        silent = np.zeros(kernel.shape[1], bool) if last else (target <= 0.0).all(axis=0)
        mean, mean_wanted = weight @ found, weight @ wanted
        centred = np.where(np.ptp(found, axis=0) > 1e-12, found - mean, 0.0)
        moment = (centred * weight[:, None]).T @ centred
        ridge = (1e-7 if last else 1e-5) * np.trace(moment) / len(moment) * np.eye(len(moment))
        start = np.where(np.diag(moment)[:, None] > 0.0, kernel, 0.0)
        missing = (wanted - mean_wanted) - centred @ start
        fitted = start + np.linalg.solve(moment + ridge, (centred * weight[:, None]).T @ missing)
        fitted[:, silent] = 0.0
        step = np.where(silent, 1.0, steps[2 if last else min(i, 1)] * fitted.std(axis=0))
        step = step.astype(np.float32)
        codes = rounded(fitted, moment, step)
        codes = codes.astype(np.int8 if np.abs(codes).max() <= 127 else np.int16)
        packed.append(Packed(codes, step))
        weights = packed[-1].values()
        shift = np.where(silent, 0.0, mean_wanted - mean @ weights).astype(np.float32)
        shifts.append(shift)
        exact, found = np.maximum(target, 0.0), np.maximum(found @ weights + shift, 0.0)
    return packed, shifts


def main() -> None:
    """Pack one model and say what changed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument(
        "--steps",
        type=float,
        nargs=3,
        default=(0.7, 1.0, 0.05),
        help="of the codes of the first layer, of inner ones and of the last, over the deviation of weights",
    )
    args = parser.parse_args()
    source, output = args.source, args.output
    dataset = Dataset(args.dataset)
    model = load_model(source, dataset.electrode)
    if not isinstance(model, Classifier):
        parser.error(f"{source}: no classifier")
    arrays = model.arrays()
    layers = range(len(model.network.layers))
    frames = dataset.frames()
    own = model.inputs(frames.site_potentials, frames.ion_positions)
    kernels = [arrays[f"layers/{i}/kernel"].astype(float) for i in layers]
    biases = [arrays[f"layers/{i}/bias"].astype(float) for i in layers]
    inputs = np.concatenate([own, images(dataset, model, FITTED, seed=0)])
    packed, shifts = pack(kernels, biases, inputs, np.rint(model.predict_labels(own)), args.steps)
    stored = dict(arrays)
    for i in layers:
        stored[f"layers/{i}/kernel"], stored[f"layers/{i}/bias"] = packed[i], shifts[i]
    if model.whitening is not None:
        scale = (np.abs(model.whitening).max(axis=0) / np.iinfo(np.int16).max).astype(np.float32)
        stored["whitening"] = Packed(np.rint(model.whitening / scale).astype(np.int16), scale)
    description = load_description(source)
    description = {key: value for key, value in description.items() if key not in ("format", "weights")}
    description["network"]["stored_as"] = "codes"
    card = (source / "README.md").read_text()
    save_model(output, description, stored | electrode_arrays(dataset.electrode), card)
    small = load_model(output, dataset.electrode)
    for name, some in (("frames", own), ("images not used", images(dataset, model, TESTED, seed=1))):
        before, after = (np.rint(one.predict_labels(some)) for one in (model, small))
        apart = np.abs(before - after)
        print(f"{name}: {np.mean(apart > 0):.4%} of {apart.size} labels changed, by at most {apart.max():g}")
    print(
        f"{(source / 'weights.h5').stat().st_size} bytes before, {(output / 'weights.h5').stat().st_size} now"
    )


if __name__ == "__main__":
    main()
