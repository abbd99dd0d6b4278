"""The tables of docs/speed_openmm.md between its markers, and its two figures, from the measured entries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.qm import DFTBPLUS_CPU, DFTBPLUS_WALL
from benchmarks.results import ROOT
from benchmarks.scaling import exponent

PAGE = ROOT / "docs" / "speed_openmm.md"
FIGURES = ROOT / "docs" / "figures"

#: item, what it is called, and femtoseconds a step
STEPS = (
    ("openmm_fixed", "OpenMM's own integrator, fixed charges", 0.5),
    ("ipi_fixed", "i-PI and driver, `fixed`", 0.5),
    ("ipi_response", "i-PI and driver, `response` every step", 0.5),
    ("ipi_nn", "i-PI and driver, `nn` every step", 0.5),
    ("ipi_response_10", "i-PI and driver, `response` every 10", 0.5),
    ("ipi_nn_10", "i-PI and driver, `nn` every 10", 0.5),
    ("ipi_response_inet", "`response`, inet socket", 0.5),
    ("ipi_response_shm", "`response`, shared memory and i-PI's driver", 0.5),
    ("ipi_response_ffdirect", "`response`, `<ffdirect>`", 0.5),
    ("ipi_response_mts", "`response`, multiple time stepping", 2.0),
    ("openmm_matrix", "OpenMM's ConstantPotentialForce, matrix", 0.5),
    ("openmm_cg", "OpenMM's ConstantPotentialForce, CG", 0.5),
    ("lammps_fixed", "LAMMPS, fixed charges, accuracy 1e-4", 0.5),
    ("lammps_mat_inv", "LAMMPS ELECTRODE mat_inv, 1e-4", 0.5),
    ("lammps_cg", "LAMMPS ELECTRODE cg, 1e-4", 0.5),
    ("lammps_mat_inv_own", "LAMMPS ELECTRODE mat_inv, 1e-4, its own division", 0.5),
    ("lammps_mat_inv_loose", "LAMMPS ELECTRODE mat_inv, 1e-5", 0.5),
    ("lammps_fixed_equal", "LAMMPS, fixed charges, accuracy 2e-6", 0.5),
    ("lammps_mat_inv_equal", "LAMMPS ELECTRODE mat_inv, 2e-6", 0.5),
    ("lammps_cg_equal", "LAMMPS ELECTRODE cg, 2e-6", 0.5),
    ("lammps_mat_inv_example", "LAMMPS ELECTRODE mat_inv, 1e-7", 0.5),
)
#: processor time of other programs, in cores, that spoils a run
_NOISE = 0.15
#: what is compared (item, item, factor, in words) and what was aimed at
_PAIRS = (
    ("ipi_response", "ipi_fixed", 1.0, "`response` every step over `fixed`", "at most 1.25"),
    ("ipi_nn", "ipi_fixed", 1.0, "`nn` every step over `fixed`", "at most 1.25"),
    ("ipi_response", "openmm_fixed", 1.0, "`response` every step over OpenMM's integrator", ""),
    ("ipi_response", "lammps_mat_inv", 1.0, "`response` over LAMMPS mat_inv, accuracy 1e-4", "at most 1"),
    ("ipi_response", "lammps_mat_inv_own", 1.0, "the same, the cell divided as LAMMPS does", "at most 1"),
    ("ipi_response", "lammps_mat_inv_loose", 1.0, "`response` over LAMMPS mat_inv, 1e-5", "at most 1"),
    ("ipi_response", "lammps_mat_inv_equal", 1.0, "`response` over LAMMPS mat_inv, 2e-6", "at most 1"),
    ("ipi_response", "openmm_matrix", 1.0, "`response` over OpenMM's matrix", ""),
    ("ipi_response", "ipi_response_mts", 4.0, "simulated time: multiple over single steps", "at least 2"),
)
_SHARES = ("forces", "charges", "i-PI and socket", "rest")
#: Okabe and Ito's colours, which the colour-blind tell apart
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#999999")
_WHOLE = "#56B4E9"


def write(entries: dict[str, Any], page: Path = PAGE, figures: Path = FIGURES) -> None:
    """Replace what stands between the page's markers, and draw both figures."""
    tables = {
        "machine": machine_line(entries),
        "steps": step_table(entries),
        "ratios": ratio_table(entries),
        "agreement": agreement_table(entries),
        "qm": qm_table(entries),
        "site_potentials": site_potential_table(entries),
        "response": response_table(entries),
        "networks": network_table(entries),
        "network_growth": network_growth_table(entries),
    }
    text = page.read_text()
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.S)
        text = pattern.sub(lambda match, table=table: f"{match[1]}\n{table}\n\n{match[2]}", text)
    page.write_text(text)
    draw_steps(entries, figures / "speed_steps.png")
    draw_scaling(entries, figures / "speed_scaling.png")


def chosen(entries: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The run of an item that counts: the fastest of those that other programs disturbed little, or None."""
    runs, quiet = entries.get(name, []), _undisturbed(entries, name)
    if not quiet:
        return min(runs, key=lambda run: run["other_programs_cores"], default=None)
    first = quiet[0]["measured"]
    if isinstance(first, dict) and "total" in first:
        return min(quiet, key=lambda run: run["measured"]["total"])
    return quiet[-1]


def best(entries: dict[str, Any], name: str) -> Any:
    """What the run that counts measured, or None."""
    run = chosen(entries, name)
    return run["measured"] if run else None


def machine_line(entries: dict[str, Any]) -> str:
    """One sentence."""
    machine = dict(entries.get("machine", {}))
    hardware = [f"{machine.pop('cores', '?')} cores of {machine.pop('processor', '?')}"]
    hardware.append(f"{machine.pop('memory', '?')} of memory")
    return ", ".join([*hardware, *(f"{name} {value}" for name, value in machine.items())]) + "."


def step_table(entries: dict[str, Any]) -> str:
    """Cost per step, ratios to OpenMM's step and to `fixed`, simulated time, and the shares."""
    reference, fixed = best(entries, "openmm_fixed"), best(entries, "ipi_fixed")
    rows = []
    for name, label, step_fs in STEPS:
        cost = best(entries, name)
        if cost is None:
            continue
        total = cost["total"]
        shares = ", ".join(f"{share} {cost[share]:.1f}" for share in _SHARES if share in cost)
        run = chosen(entries, name)
        others = run["other_programs_cores"] if run else 0.0
        rows.append(
            (
                label,
                f"{total:.1f}",
                f"{total / reference['total']:.2f}" if reference else "",
                f"{total / fixed['total']:.2f}" if fixed and name.startswith("ipi") else "",
                f"{86.4 * step_fs / total:.2f}",
                shares,
                f"{len(entries[name])}, {others:.2f}",
            )
        )
    head = ("way", "ms/step", "/ OpenMM", "/ `fixed`", "ns/day", "of which (ms)", "runs, other programs")
    return markdown(head, rows)


def ratio_table(entries: dict[str, Any]) -> str:
    """Ratios within rounds of short runs that took turns, median and range, and i-PI's share."""
    rounds = [turn for name in ("turns", "turns_backends") for turn in best(entries, name) or []]
    rows = []
    for first, second, factor, label, aim in _PAIRS:
        both = [(turn[first], turn[second]) for turn in rounds if first in turn and second in turn]
        ratios = [factor * a["total"] / b["total"] for a, b in both]
        rows.append((label, *_spread(ratios), aim))
    shares = [turn["ipi_response"]["i-PI and socket"] / turn["ipi_response"]["total"] for turn in rounds]
    rows.append(("i-PI and socket in a step", *_spread(shares), "at most 0.20"))
    return markdown(("ratio", "median", "range", "rounds", "aim"), [row for row in rows if row[1]])


def _spread(ratios: list[float]) -> tuple[str, str, str]:
    """Median, range and number."""
    if not ratios:
        return "", "", ""
    return f"{np.median(ratios):.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}", str(len(ratios))


def _undisturbed(entries: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [run for run in entries.get(name, []) if run["other_programs_cores"] < _NOISE]


def agreement_table(entries: dict[str, Any]) -> str:
    """Errors of the forces."""
    errors = best(entries, "agreement") or {}
    return markdown(
        ("program and its accuracy", "relative error of the forces"),
        [(k, f"{v:.1e}") for k, v in errors.items()],
    )


def qm_table(entries: dict[str, Any]) -> str:
    """Seconds of CPU per configuration by size, and the exponents."""
    rows = [best(entries, name) for name in entries if name.startswith("qm_")]
    rows = sorted((row for row in rows if row), key=lambda row: row["carbons"])
    keys = ("preparation_cpu", "cold_cpu", "warm_cpu", "full_cycle_cpu")
    cells = [
        (
            f"{row['carbons']}",
            *(f"{row[key]:.3g}" for key in keys),
            f"{row['cycles']:.1f}",
            f"{row['memory_mib']:.0f}",
        )
        for row in rows
    ]
    if len(rows) > 1:
        sizes = np.array([row["carbons"] for row in rows])
        cells.append(
            (
                "exponent",
                *(f"{exponent(sizes, np.array([row[key] for row in rows])):.1f}" for key in keys),
                "",
                f"{exponent(sizes, np.array([row['memory_mib'] for row in rows])):.1f}",
            )
        )
    head = ("carbons", "preparation", "cold", "warm", "full cycle", "cycles, warm", "memory / MiB")
    table = markdown(head, cells)
    reference = next((row for row in rows if row["carbons"] == 336), None)
    if reference:
        cold, warm = (DFTBPLUS_CPU / reference[key] for key in ("cold_cpu", "warm_cpu"))
        table += (
            f"\n\nDFTB+ 25.1 took {DFTBPLUS_CPU:g} s of CPU and {DFTBPLUS_WALL:g} s of wall for 336 carbons"
            " when its results were recorded, on another machine of two cores: no `dftb+` is at hand here."
            f" That is {warm:.0f} times the CPU time of `dftb` warm and {cold:.0f} times that of it cold."
        )
    return table


def site_potential_table(entries: dict[str, Any]) -> str:
    """Times of both series, with exponents against the number of charges."""
    series = best(entries, "site_potentials")
    if series is None:
        return ""
    rows = []
    for label, key in (("sheet and liquid", "sheets"), ("liquid alone", "liquids")):
        points = series[key]
        rows += [(label, f"{p['atoms']}", f"{p['charges']}", f"{p['ms']:.2f}") for p in points]
        slope = exponent(np.array([p["charges"] for p in points]), np.array([p["ms"] for p in points]))
        rows.append((f"{label}: exponent", "", "", f"{slope:.2f}"))
    return markdown(("growing", "sites", "charges", "ms"), rows)


def response_table(entries: dict[str, Any]) -> str:
    """Dense product against convolution."""
    points = best(entries, "response")
    if points is None:
        return ""
    rows = [
        (
            f"{p['atoms']}",
            f"{p['dense_ms']:.3f}",
            f"{p['convolution_ms']:.3f}",
            f"{p['dense_ms'] / p['convolution_ms']:.1f}",
            f"{p['dense_mib']:.1f}",
            f"{p['convolution_mib']:.2f}",
        )
        for p in points
    ]
    sizes = np.array([p["atoms"] for p in points])
    slopes = [
        f"{exponent(sizes, np.array([p[key] for p in points])):.2f}" for key in ("dense_ms", "convolution_ms")
    ]
    rows.append(("exponent", *slopes, "", "", ""))
    head = ("atoms", "dense / ms", "convolution / ms", "ratio", "dense / MiB", "convolution / MiB")
    return markdown(head, rows)


def network_table(entries: dict[str, Any]) -> str:
    """What :mod:`benchmarks.networks` measured."""
    rows = best(entries, "networks") or []
    return markdown(("network", "figure"), [(r["what"], f"{r['value']:.3g} {r['unit']}") for r in rows])


def network_growth_table(entries: dict[str, Any]) -> str:
    """Solves of untrained networks by the number of atoms."""
    points = best(entries, "network_growth")
    if points is None:
        return ""
    sizes = np.array([p["atoms"] for p in points])
    keys = ("response_net_ms", "classifier_ms")
    rows = [(f"{p['atoms']}", *(f"{p[key]:.2f}" for key in keys)) for p in points]
    rows.append(("exponent", *(f"{exponent(sizes, np.array([p[key] for p in points])):.2f}" for key in keys)))
    return markdown(("atoms", "response net / ms", "classifier on potentials / ms"), rows)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def draw_steps(entries: dict[str, Any], path: Path) -> None:
    """Bars of ms per 0.5 fs, with the shares where they are known."""
    from matplotlib.figure import Figure

    rows = [(label, best(entries, name), step) for name, label, step in STEPS if best(entries, name)]
    if not rows:
        return
    figure = Figure((8.0, 0.6 + 0.3 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    longest = max(0.5 / step * cost["total"] for _, cost, step in rows if cost["total"] < 100)
    for height, (_, cost, step) in enumerate(rows):
        scale, left = 0.5 / step, 0.0
        parts = [(cost[s], c) for s, c in zip(_SHARES, _COLOURS, strict=True) if s in cost]
        for value, colour in parts or [(cost["total"], _WHOLE)]:
            axes.barh(height, scale * value, left=left, color=colour, height=0.7)
            left += scale * value
        total = scale * cost["total"]
        axes.text(
            min(total, 1.18 * longest) + 0.01 * longest, height, f"{total:.1f}", va="center", fontsize=8
        )
    for share, colour in zip((*_SHARES, "not divided"), (*_COLOURS, _WHOLE), strict=True):
        axes.barh(0, 0.0, color=colour, label=share)
    axes.set_yticks(range(len(rows)), [label.replace("`", "") for label, _, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0.0, 1.28 * longest)
    axes.set_xlabel("wall time per 0.5 fs of simulated time / ms (longer bars are cut off)")
    axes.legend(fontsize=8, loc="upper right", frameon=True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def draw_scaling(entries: dict[str, Any], path: Path) -> None:
    """Times against the number of electrode atoms, and against the number of charges."""
    from matplotlib.figure import Figure

    figure = Figure((8.0, 3.6), layout="constrained")
    electrode, liquid = figure.subplots(1, 2, sharey=True)
    curves: list[tuple[str, list[float], list[float]]] = []
    products, series = best(entries, "response"), best(entries, "site_potentials")
    sheets = [best(entries, name) for name in entries if name.startswith("qm_")]
    sheets = sorted((row for row in sheets if row), key=lambda row: row["carbons"])
    if sheets:
        sizes = [row["carbons"] for row in sheets]
        curves.append(("dftb, warm (CPU)", sizes, [1e3 * row["warm_cpu"] for row in sheets]))
    if series:
        points = series["sheets"]
        curves.append(("site potentials", [p["atoms"] for p in points], [p["ms"] for p in points]))
    if products:
        sizes = [p["atoms"] for p in products]
        curves.append(("response, dense", sizes, [p["dense_ms"] for p in products]))
        curves.append(("response, convolution", sizes, [p["convolution_ms"] for p in products]))
    growth = best(entries, "network_growth")
    if growth:
        sizes = [p["atoms"] for p in growth]
        curves.append(("response net", sizes, [p["response_net_ms"] for p in growth]))
    colours = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7")
    for (label, x, y), colour, marker in zip(curves, colours, "osD^v", strict=False):
        slope = f" (exponent {exponent(np.array(x), np.array(y)):.1f})" if len(x) > 1 else ""
        electrode.loglog(x, y, marker + "-", color=colour, label=label + slope, markersize=5)
    electrode.set_xlabel("electrode atoms")
    electrode.set_ylabel("time per call / ms")
    if series:
        for key, label, colour, marker in (
            ("sheets", "sheet and liquid", "#0072B2", "s"),
            ("liquids", "liquid alone", "#CC79A7", "v"),
        ):
            x, y = [p["charges"] for p in series[key]], [p["ms"] for p in series[key]]
            slope = f" (exponent {exponent(np.array(x), np.array(y)):.1f})"
            liquid.loglog(
                x, y, marker + "-", color=colour, label=f"site potentials, {label}{slope}", markersize=5
            )
    liquid.set_xlabel("electrolyte atoms")
    electrode.set_ylim(top=1000.0 * electrode.get_ylim()[1])  # room for the legends
    for axes in (electrode, liquid):
        axes.grid(True, which="major", alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7)
    figure.savefig(path, dpi=110)
