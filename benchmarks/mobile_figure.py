"""Figure of docs/moving.md: what is conserved where a sheet moves.

    python -m benchmarks.mobile_figure SHEET MTS docs/figures/mobile_energy.png

SHEET and MTS are the folders that :mod:`benchmarks.mobile_sheet`, with `fixed` and `response`, and
:mod:`benchmarks.mobile_mts` kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.phonons_figure import BLACK, BLUE, ORANGE
from benchmarks.trajectory import kept_shadows

GREEN = "#009E73"
#: ps over which energies are averaged on either side
_MEANS = 0.1, 0.02
_LOOKS = {"fixed": BLACK, "response": BLUE, "dftb": ORANGE, "dftb_every_2_fs": GREEN}
_WORDS = {"fixed": "fixed, frozen", "dftb_every_2_fs": "dftb every 2 fs,\nresponse every 0.5 fs"}


def draw(sheet: Path, mts: Path, path: Path) -> None:
    """Shadow energies of the frozen sheet and of one that moves, and with multiple time stepping."""
    figure, both = plt.subplots(1, 2, figsize=(9.0, 3.6), constrained_layout=True)
    wanted = (sheet, ("fixed", "response")), (mts, ("response", "dftb", "dftb_every_2_fs"))
    for axes, (folder, names), width in zip(both, wanted, _MEANS, strict=True):
        for name in names:
            times, shadows = kept_shadows(folder / f"{name}.npz")
            length = round(width / (times[1] - times[0]))
            blocks = len(times) // length
            at, means = (
                values[: blocks * length].reshape(blocks, length).mean(axis=1) for values in (times, shadows)
            )
            label = _WORDS.get(name, f"{name}, all atoms move")
            axes.plot(at, 1e3 * (means - means.mean()), color=_LOOKS[name], linewidth=1.3, label=label)
        axes.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
        axes.set(xlabel="time (ps)", ylabel="shadow energy (mK per moving atom)")
        axes.set_xlim(left=0.0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("sheet", "mts", "path"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    draw(args.sheet, args.mts, args.path)


if __name__ == "__main__":
    main()
