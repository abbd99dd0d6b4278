"""How site potentials and linear response grow with the electrode and the electrolyte.

The recorded frame of the reference system is repeated in the plane, which makes sheet and liquid larger, or
upwards, which makes the liquid alone larger. Times are medians in ms.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from benchmarks.site_potentials import FRAME, PERIODIC, tiled
from polcouple.electrode import Electrode
from polcouple.electrostatics.lattice_convolution import LatticeConvolution, lattice_orbits
from polcouple.electrostatics.site_potential import SitePotential
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
    frame, rows = _frame(), []
    for repeats in plane:
        large = tiled(frame, *repeats)
        electrode = Electrode(("C",) * len(large["sites"]), large["sites"], large["cell"])
        rows.append(_products(electrode))
    return rows


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
