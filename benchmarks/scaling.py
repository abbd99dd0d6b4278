"""How site potentials, linear response and networks grow with the electrode and the electrolyte.

The recorded frame of the reference system is repeated in the plane, which makes sheet and liquid larger, or
upwards, which makes the liquid alone larger. Times are medians in ms.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.site_potentials import FRAME, PERIODIC, tiled
from polcouple.electrode import Electrode
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.lattice.convolution import LatticeConvolution, lattice_orbits
from polcouple.lattice.matrix import fill_block_circulant
from polcouple.nn.binning import Binning
from polcouple.nn.classifier import Classifier, build_network
from polcouple.nn.correction import Correction, initial_weights
from polcouple.nn.prior import PairMatrix, Prior
from polcouple.nn.response_net import ResponseNet
from polcouple.units import ANGSTROM_TO_BOHR

#: repetitions in the plane (along both sides) and upwards
PLANE = ((1, 1), (2, 1), (2, 2), (4, 2), (4, 4))
UPWARDS = (1, 2, 4, 8, 16)


def median_ms(function: Callable[[], object], seconds: float = 2.0) -> float:
    """Median wall time in ms of calls during ``seconds``, three at least, after one that is not counted."""
    function()
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < 3 or (time.perf_counter() - start < seconds and len(times) < 200):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return 1e3 * float(np.median(times))


def exponent(sizes: np.ndarray, times: np.ndarray) -> float:
    """Slope of the logarithm of the time against that of the size, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def site_potentials(plane: tuple[tuple[int, int], ...] = PLANE, upwards: tuple[int, ...] = UPWARDS) -> dict:
    """Time of the site potentials for sheets with their liquid, and for one sheet under more liquid."""
    frame = _frame()
    sheets = [_timed(tiled(frame, *repeats)) for repeats in plane]
    liquids = [_timed(_stacked(frame, layers)) for layers in upwards]
    return {"sheets": sheets, "liquids": liquids}


def response(plane: tuple[tuple[int, int], ...] = PLANE) -> list[dict[str, float]]:
    """Time of a dense matrix-vector product and of the convolution that replaces it."""
    return [_products(electrode) for electrode in _sheets(plane)]


def networks(plane: tuple[tuple[int, int], ...] = PLANE) -> list[dict[str, float]]:
    """Time of a solve by networks as large as the shipped ones are for 336 atoms, with random weights.

    The time does not depend on the weights. The classifier takes site potentials.
    """
    return [_solves(electrode) for electrode in _sheets(plane)]


def _sheets(plane: tuple[tuple[int, int], ...]) -> Iterator[Electrode]:
    for repeats in plane:
        large = tiled(_frame(), *repeats)
        yield Electrode(("C",) * len(large["sites"]), large["sites"], large["cell"])


def _solves(electrode: Electrode) -> dict[str, float]:
    potentials = 0.01 * np.random.default_rng(0).normal(size=len(electrode))
    net, classifier = _response_net(electrode), _classifier(electrode)
    labels = classifier.compiled()
    return {
        "atoms": len(electrode),
        "response_net_ms": median_ms(lambda: net.respond(potentials, -0.5)),
        "classifier_ms": median_ms(lambda: labels(classifier.inputs(potentials[None], None)).numpy()),
    }


def _response_net(electrode: Electrode) -> ResponseNet:
    n, random = len(electrode), np.random.default_rng(0)
    orbits, shape = lattice_orbits(electrode)
    columns = np.arange(float(n * orbits.shape[1])).reshape(n, -1)
    classes = fill_block_circulant(columns, orbits, shape).astype(np.int32)
    uniform, values = np.full((1, n), 1.0 / n), random.normal(size=(1, columns.size))
    prior = Prior(np.array([-0.5]), np.zeros(1), np.zeros(1), -0.5 * uniform, uniform, values, classes)
    weights = initial_weights(classes, filters=8, width=32, members=4, seed=0)
    correction = Correction(classes, PairMatrix(values[0], classes), 1.0, 1e-3, weights)
    return ResponseNet("random weights", electrode, prior, correction, {-0.5: 1e-5})


def _classifier(electrode: Electrode) -> Classifier:
    n = len(electrode)
    binning = Binning.fit(np.linspace(-0.1, 0.1, 5 * n).reshape(5, n), 0.007)
    network = build_network(n, [1024] * 4, n, seed=0)
    none = np.zeros(0)
    return Classifier(
        "random weights", "site_potentials", electrode, -0.5, (), none, np.eye(n), binning, network
    )


def _products(electrode: Electrode) -> dict[str, float]:
    n = len(electrode)
    random = np.random.default_rng(0)
    matrix, vector = random.normal(size=(n, n)), random.normal(size=n)
    start = time.perf_counter()
    orbits, shape = lattice_orbits(electrode)
    found = time.perf_counter() - start
    convolution = LatticeConvolution(matrix[:, orbits[0]], orbits, shape)
    return {
        "atoms": n,
        "dense_ms": median_ms(lambda: matrix @ vector),
        "convolution_ms": median_ms(lambda: convolution(vector)),
        "dense_mib": matrix.nbytes / 2**20,
        "convolution_mib": 16 * orbits.shape[1] * n / 2**20,
        "set_up_s": found,
    }


def _timed(frame: dict[str, np.ndarray]) -> dict[str, float]:
    start = time.perf_counter()
    potential = SitePotential(frame["sites"], frame["cell"], PERIODIC, 1e-6)
    set_up = time.perf_counter() - start
    elapsed = median_ms(lambda: potential(frame["positions"], frame["charges"]))
    return {
        "atoms": len(frame["sites"]),
        "charges": len(frame["charges"]),
        "ms": elapsed,
        "set_up_s": set_up,
    }


def _stacked(frame: dict[str, np.ndarray], layers: int) -> dict[str, np.ndarray]:
    """The liquid repeated upwards over one sheet."""
    height = frame["cell"][2]
    shifts = np.arange(layers)[:, None, None] * height
    return {
        "sites": frame["sites"],
        "positions": (frame["positions"] + shifts).reshape(-1, 3),
        "charges": np.tile(frame["charges"], layers),
        "cell": np.array([frame["cell"][0], frame["cell"][1], layers * height]),
    }


def _frame() -> dict[str, np.ndarray]:
    with np.load(FRAME) as data:
        return {
            "sites": data["electrode_positions"] * ANGSTROM_TO_BOHR,
            "positions": data["positions"].astype(float) * ANGSTROM_TO_BOHR,
            "cell": data["cell"] * ANGSTROM_TO_BOHR,
            "charges": data["electrolyte_charges"].astype(float),
        }
