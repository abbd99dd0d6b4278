"""What filling the levels of one electrode costs, without electrolyte: curves and a report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import matplotlib.figure
import numpy as np

from polcouple.backends.base import backends_with, resolved_options
from polcouple.backends.capabilities import LevelOptions
from polcouple.backends.setting_words import setting_word
from polcouple.case.model import Case, read_case
from polcouple.dftb.bands import Bands
from polcouple.dftb.quantum_capacitance import QuantumCapacitance, rigid, self_consistent
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import load_parameters
from polcouple.electrode import Electrode
from polcouple.errors import InputError, nearest
from polcouple.lattice.cell import base_area
from polcouple.log import Warned, log
from polcouple.report.directory import require_free, write_report
from polcouple.report.section import Figure, Section, Table
from polcouple.report.style import WIDTH_INCHES, line_styles
from polcouple.units import (
    ATOMIC_TO_MICROFARAD_PER_CM2,
    BOHR_TO_ANGSTROM,
    EV_TO_HARTREE,
    HARTREE_TO_EV,
    KELVIN_TO_HARTREE,
)

#: bands as steep as graphene's (Hartree bohr) ...
_SLOPE = 0.4
#: ... are sampled in steps of so many k_B T, where the sum over k-points agrees with the integral within 1 %
_STEP = 2.5
#: and, to show it, with this part of the k-points along each side, of which there are so many at least
_COARSER, _LEAST = 0.75, 4
#: k-points times atoms that memory has room for: some gigabytes of levels
_MOST = 3e7
#: points of the curve, an odd number: the neutral electrode is one of them
_POINTS = 401
#: self-consistent points
_CHARGES = 9
_UNIT = "µF/cm²"


@dataclass(frozen=True)
class QuantumStudy:
    """What to compute.

    Attributes:
        case: its directory.
        electrode: which of its electrodes; the first where None.
        window: how far to fill its levels, in eV on either side of neutrality.
        backend: with the capability ``levels``; the electronic problem is its.
        given: settings of the backend over those of system.yaml.
    """

    case: Path
    electrode: str | None = None
    window: float = 1.0
    backend: str = "dftb"
    given: Mapping[str, Any] = field(default_factory=dict)


def quantum_capacitance(asked: QuantumStudy, output: Path) -> Path:
    """Compute the rigid curve and the self-consistent points, write the report.

    Args:
        output: directory of the report.

    Returns:
        The report's page.

    Raises:
        InputError: no such electrode, a backend without levels, or ``output`` is in use.
        ConvergenceError: the electrode has no self-consistent state.
    """
    case = read_case(asked.case)
    electrode, name = _electrode(case, asked.electrode)
    if not 0.0 < asked.window < math.inf:
        raise InputError(f"--window {asked.window:g}: give a positive energy in eV")
    options = _options(asked, case)
    subject = _subject(asked)
    require_free(output, subject)
    frozen = options.frozen_electrode(electrode)
    mesh = _mesh(electrode, frozen.temperature)
    Warned().log(frozen.warnings)
    log(f"{name}: neutral, self-consistent with {' x '.join(map(str, options.k_points))} k-points")
    neutral = frozen.solve(np.zeros(len(electrode)), 0.0)
    bands = Bands(electrode, load_parameters(options.slako_directory, electrode.symbols))
    fillings = np.linspace(-asked.window, asked.window, _POINTS) * EV_TO_HARTREE
    fillings[_POINTS // 2] = 0.0
    curves = []
    for points in (mesh, _thinned(mesh)):
        log(f"levels at {' x '.join(map(str, points))} k-points")
        levels = bands.levels(points, -frozen.prepared.gamma @ neutral.charges)
        curves.append(rigid(levels, frozen.temperature, fillings))
    curve, coarser = curves
    own = _self_consistent(frozen, curve)
    area = base_area(electrode.cell)
    difference = float(np.abs(coarser.differential / curve.differential - 1.0).max())
    section = _section(curve, own, name, area, mesh, options, difference)
    write_report(output, f"Quantum capacitance: {name}", subject, [section])
    return output / "report.html"


def _electrode(case: Case, name: str | None) -> tuple[Electrode, str]:
    names = [section.name for section in case.system.electrodes]
    name = names[0] if name is None else name
    if name not in names:
        raise InputError(
            f"--electrode {name}: no such electrode{nearest(name, names)}; known: {', '.join(names)}"
        )
    return case.electrodes[names.index(name)], name


def _options(asked: QuantumStudy, case: Case) -> LevelOptions:
    """What of the backend's settings defines the electronic problem.

    Raises:
        InputError: a backend without one, an unknown setting, or charges by shell.
    """
    settings = case.backend_settings(asked.backend, asked.given)
    options = resolved_options(asked.backend, settings, case.directory)
    capabilities = options.capabilities()
    for needed in ("levels", "filling"):
        if not getattr(capabilities, needed):
            reason = capabilities.reasons.get(needed) or f"use {backends_with(needed)}"
            raise InputError(f"--backend {asked.backend}: the quantum capacitance needs {needed}; {reason}")
    return cast(LevelOptions, options)


def _mesh(electrode: Electrode, temperature: float) -> tuple[int, int, int]:
    """So dense that the sum over levels is their integral; one k-point across the vacuum."""
    lengths = np.linalg.norm(electrode.cell, axis=1)
    needed = (math.ceil(2.0 * np.pi * _SLOPE / (_STEP * temperature * length)) for length in lengths[:2])
    nx, ny = (max(_LEAST, count) for count in needed)
    atom_points = 0.5 * nx * ny * len(electrode)
    if atom_points > _MOST:
        kelvin = temperature / KELVIN_TO_HARTREE
        least = math.ceil(kelvin * math.sqrt(atom_points / _MOST))
        raise InputError(
            f"{kelvin:g} K: bands that are filled so sharply need {nx} x {ny} k-points of {len(electrode)}"
            f" atoms; give --set temperature_kelvin={least} or more"
        )
    return nx, ny, 1


def _thinned(mesh: tuple[int, int, int]) -> tuple[int, int, int]:
    return math.ceil(_COARSER * mesh[0]), math.ceil(_COARSER * mesh[1]), 1


def _self_consistent(frozen: FrozenElectrode, curve: QuantumCapacitance) -> QuantumCapacitance:
    """At charges over the range of the curve, with the k-points of the settings."""
    from rich.progress import track

    charges = np.linspace(curve.charges[-1], curve.charges[0], _CHARGES)
    found = [self_consistent(frozen, [charge]) for charge in track(charges, description="self-consistent")]
    return QuantumCapacitance(
        np.concatenate([one.fillings for one in found]),
        charges,
        np.concatenate([one.differential for one in found]),
    )


def _section(
    curve: QuantumCapacitance,
    own: QuantumCapacitance,
    name: str,
    area: float,
    mesh: tuple[int, int, int],
    options: LevelOptions,
    difference: float,
) -> Section:
    columns = ("filling (eV)", "charge (e)", f"differential ({_UNIT})", f"integral ({_UNIT})")
    k_points = " x ".join(map(str, options.k_points))
    tables = (
        Table("rigid", columns, _rows(curve, area), "Levels of the neutral electrode on the dense mesh."),
        Table("self_consistent", columns, _rows(own, area), f"Self-consistent, with {k_points} k-points."),
    )
    paragraph = (
        f"Levels of the neutral electrode at {options.temperature_kelvin:g} K on {mesh[0]} x {mesh[1]}"
        f" k-points; with {_COARSER:g} as many along each side the differential capacitance differs by"
        f" {100 * difference:.1g} % at most. The points are self-consistent with the {k_points} k-points of"
        " the settings, as the backends have it; where so few sample the bands badly, they scatter about the"
        " curve."
    )
    caption = (
        "Quantum capacitance against the filling, the Fermi level less the electrostatic potential energy at"
        " the atoms, from the neutral electrode (above), and against the charge (below)."
    )
    return Section(
        f"Electrode {name}",
        (paragraph,),
        (Figure("quantum_capacitance", _figure(curve, own, area, k_points), caption),),
        tables,
        numbers={
            "area_nm2": 1e-2 * area * BOHR_TO_ANGSTROM**2,
            "k_points": list(mesh),
            "largest_relative_difference_with_fewer_k_points": difference,
            "neutral": dict(zip(columns, _rows(curve, area)[_POINTS // 2], strict=True)),
        },
    )


def _rows(found: QuantumCapacitance, area: float) -> list[tuple[float, ...]]:
    unit = ATOMIC_TO_MICROFARAD_PER_CM2 / area
    columns = (
        found.fillings * HARTREE_TO_EV,
        found.charges,
        found.differential * unit,
        found.integral * unit,
    )
    return [tuple(float(x) for x in row) for row in zip(*columns, strict=True)]


def _figure(
    curve: QuantumCapacitance, own: QuantumCapacitance, area: float, k_points: str
) -> matplotlib.figure.Figure:
    figure = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, 6.0), layout="constrained")
    panels = figure.subplots(2)
    names = ("differential", "integral")
    styles = line_styles(names)
    lines, points = np.array(_rows(curve, area)).T, np.array(_rows(own, area)).T
    per_nm2 = 100.0 / (area * BOHR_TO_ANGSTROM**2)
    for axes, column, unit in ((panels[0], 0, 1.0), (panels[1], 1, per_nm2)):
        for number, name in enumerate(names, start=2):
            axes.plot(lines[column] * unit, lines[number], label=name, **styles[name])
            axes.plot(
                points[column] * unit,
                points[number],
                marker="os"[number - 2],
                markersize=4,
                linestyle="none",
                color=styles[name]["color"],
                label=f"{name}, {k_points} k-points",
            )
        axes.set_ylabel(f"quantum capacitance ({_UNIT})")
        axes.set_ylim(0.0, 1.3 * lines[2].max())
    panels[0].set_xlabel("filling (eV)")
    panels[1].set_xlabel("charge (e/nm²)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    return figure


def _subject(asked: QuantumStudy) -> dict[str, Any]:
    """What the report is about, to tell it from others."""
    settings = [setting_word(key, value) for key, value in asked.given.items()]
    own = {"backend": asked.backend, "settings": settings}
    others = {"electrode": asked.electrode, "window": asked.window}
    return {"case": str(asked.case.resolve())} | own | others
