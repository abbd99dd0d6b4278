"""Energy conservation in NVE, backend by backend: table and figure.

    python examples/energy_conservation.py CASE --steps 600 --runs fixed response dftb response:20 [-o DIR]

A run is a backend, or BACKEND:N for charges refreshed every N steps. The drift is the slope of the straight
line through the conserved quantity, the fluctuation the standard deviation about it; both per moving atom.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.analysis.conserved import Conserved, drift_and_spread, read_conserved
from polcouple.case.model import read_case
from polcouple.cli.commands import main as polcouple
from polcouple.report.style import line_styles

JOULE_PER_KILOJOULE = 1e3


def nve(case: Path, run: str, steps: int, directory: Path) -> Conserved:
    """The conserved quantity of one NVE run; a finished one is not repeated."""
    backend, _, interval = run.partition(":")
    output = directory / run.replace(":", "_every_")
    if not (output / "RESTART").exists():
        words = ["run", str(case), "--backend", backend, "--input", "input_nve.xml", "--steps", str(steps)]
        try:
            polcouple([*words, "--output", str(output), "--refresh", interval or "1"])
        except SystemExit as end:
            if end.code != 0:
                raise
    return read_conserved(output)


def draw(results: dict[str, Conserved], atoms: int, path: Path) -> None:
    """Left the conserved quantities; right, magnified, the same less the work of refreshes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    scale = JOULE_PER_KILOJOULE / atoms
    widths = range(2 * len(results), 0, -2)  # curves that coincide all show
    for (run, style), width in zip(line_styles(list(results)).items(), widths, strict=True):
        data, style["linewidth"] = results[run], 0.6 * width
        corrected = f"{run}, less work" if data.refresh_work.any() else run
        curves = ((run, data.conserved), (corrected, data.corrected))
        for axes, (label, values) in zip(panels, curves, strict=True):
            axes.plot(data.time, scale * (values - values[0]), label=label, **style)
    panels[0].set_ylabel("conserved quantity / J/mol per moving atom")
    for axes in panels:
        axes.set_xlabel("time / ps")
        axes.legend(fontsize="small")
    low, high = panels[1].get_ylim()
    panels[1].set_ylim(low, high + 0.8 * (high - low))
    figure.savefig(path, dpi=150)


def main() -> None:
    """Run what is missing, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--runs", nargs="+", default=["fixed", "response", "dftb", "response:20"])
    parser.add_argument("-o", "--output", type=Path, default=Path("energy_conservation"))
    args = parser.parse_args()
    atoms = len(read_case(args.case).electrolyte)
    results = {run: nve(args.case, run, args.steps, args.output) for run in args.runs}
    print("\n| run | drift, J/mol/ps per atom | fluctuation, J/mol per atom | drift less refreshes' work |")
    print("|---|---|---|---|")
    for run, data in results.items():
        scale = JOULE_PER_KILOJOULE / atoms
        drift, spread = (scale * value for value in drift_and_spread(data.time, data.conserved))
        corrected = scale * drift_and_spread(data.time, data.corrected)[0]
        print(f"| {run} | {drift:.3f} | {spread:.3f} | {corrected:.3f} |")
    draw(results, atoms, args.output / "energy_conservation.png")


if __name__ == "__main__":
    main()
