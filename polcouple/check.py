"""``polcouple check``: look for what would spoil a run before it starts."""

from __future__ import annotations

import argparse
import shutil
import socket
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from polcouple.case import Case, read_case
from polcouple.errors import PolcoupleError
from polcouple.ipi_input import UNIX_SOCKET_PREFIX, init_file, read_xml, socket_addresses
from polcouple.options import add_backend_arguments, backend_from_arguments
from polcouple.units import ANGSTROM_TO_BOHR

#: atoms of different molecules closer than this make the first forces explode (Angstrom)
_OVERLAP = 1.2
#: empty space above the electrolyte below which periodic images of a charged slab matter (Angstrom)
_THIN_VACUUM = 30.0
_LITTLE_DISK = 2 * 1024**3
#: longest time step that flexible water bears without and with multiple time stepping (fs)
_LONGEST_INNER_STEP = 1.0
_TIME_UNITS_FS = {"femtosecond": 1.0, "picosecond": 1e3, "atomic_unit": 0.02418884326585747}


@dataclass(frozen=True)
class Finding:
    """One line of the report; an ``error`` means that the run may not start."""

    severity: Literal["error", "warning", "fine"]
    message: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple check``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case directory")
    parser.add_argument("--input", default="input.xml", help="which of the case's i-PI inputs (input.xml)")
    add_backend_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print one line a finding; exit status 1 if the run may not start."""
    findings = list(check(args))
    for finding in findings:
        print(f"{finding.severity + ':':<9}{finding.message}")
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = sum(finding.severity == "warning" for finding in findings)
    verdict = "the run may not start" if errors else "the run may start"
    print(f"{errors} error(s), {warnings} warning(s): {verdict}")
    return 1 if errors else 0


def check(args: argparse.Namespace) -> Iterator[Finding]:
    """All findings; what needs a readable case is left out when there is none."""
    path = args.case / args.input
    try:
        root = read_xml(path)
        case = read_case(args.case, init_file(root))
    except PolcoupleError as error:
        yield Finding("error", str(error))
        return
    yield Finding("fine", f"{len(case)} atoms in the topology's order, cell neutral, units known")
    yield from _overlaps(case)
    yield from _vacuum(case)
    yield from _frozen_atoms(case, root, args.input)
    yield from _time_step(root, args.input)
    yield from _multiple_time_stepping(root, args.input)
    yield from _surroundings(args.case)
    yield from _sockets(root, path)
    yield from _backend(case, root, args)


def _overlaps(case: Case) -> Iterator[Finding]:
    from scipy.spatial import cKDTree

    inverse = np.linalg.inv(case.cell)
    fractional = case.positions @ inverse
    wrapped = (fractional - np.floor(fractional)) % 1.0
    # neighbours across the boundary are found through copies of the atoms near it
    copies = [wrapped + np.array([i, j, 0]) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    margin = 3.0 * ANGSTROM_TO_BOHR / np.linalg.norm(case.cell, axis=1)
    everything = np.concatenate(copies)
    owner = np.tile(np.arange(len(case)), 9)
    near = np.all((everything > -margin) & (everything < 1 + margin), axis=1)
    tree = cKDTree(everything[near] @ case.cell)
    pairs = owner[near][tree.query_pairs(_OVERLAP * ANGSTROM_TO_BOHR, output_type="ndarray")]
    molecule = np.arange(len(case))
    for hydrogen in (1, 2):
        molecule[case.water_oxygens + hydrogen] = case.water_oxygens
    bad = pairs[molecule[pairs[:, 0]] != molecule[pairs[:, 1]]]
    if len(bad):
        i, j = sorted(bad[0])
        yield Finding(
            "error",
            f"atoms {i} ({case.symbols[i]}) and {j} ({case.symbols[j]}) of two molecules are closer than"
            f" {_OVERLAP} Angstrom ({len(bad)} such pairs); minimise the structure (`polcouple build` does)",
        )
    else:
        yield Finding("fine", f"no atoms of different molecules within {_OVERLAP} Angstrom")


def _vacuum(case: Case) -> Iterator[Finding]:
    heights = np.sort(case.positions[:, 2] % case.cell[2, 2]) / ANGSTROM_TO_BOHR
    period = case.cell[2, 2] / ANGSTROM_TO_BOHR
    gap = float(np.diff([*heights, heights[0] + period]).max())
    if gap < _THIN_VACUUM:
        yield Finding(
            "warning",
            f"{gap:.0f} Angstrom of vacuum: the periodic images of the slab's dipole act on it; take"
            f" {_THIN_VACUUM:.0f} or more and look at how the results depend on it",
        )
    else:
        yield Finding(
            "fine",
            f"{gap:.0f} Angstrom of vacuum; the electrode's {case.total_charge:+g} e and the electrolyte make"
            " the cell neutral, so that the uniform background does no work",
        )


def _frozen_atoms(case: Case, root: ElementTree.Element, name: str) -> Iterator[Finding]:
    text = root.findtext(".//fixatoms") or ""
    fixed = {int(word) for word in text.replace("[", " ").replace("]", " ").replace(",", " ").split()}
    missing = sorted(set(case.electrode_indices.tolist()) - fixed)
    if missing:
        yield Finding(
            "error",
            f"{name}: <fixatoms> leaves {len(missing)} electrode atoms free, the first is {missing[0]}; list"
            " them all",
        )
    fixcom = (root.findtext(".//fixcom") or "True").strip().lower()
    if fixed and fixcom != "false":
        yield Finding(
            "error", f"{name}: <fixcom> is on together with <fixatoms>; set <fixcom> False </fixcom>"
        )
    elif not missing:
        yield Finding("fine", "the electrode is frozen, the centre of mass is free")


def _time_step(root: ElementTree.Element, name: str) -> Iterator[Finding]:
    element = root.find(".//dynamics/timestep")
    if element is None or root.find(".//ffsocket") is None:
        return
    unit = element.get("units", "atomic_unit").strip()
    if unit not in _TIME_UNITS_FS:
        yield Finding("error", f"{name}: <timestep> in '{unit}'; use femtosecond")
        return
    outer = float(element.text or 0) * _TIME_UNITS_FS[unit]
    levels = _numbers(root.findtext(".//nmts"))
    inner = outer / float(np.prod(levels)) if levels else outer
    if inner > _LONGEST_INNER_STEP:
        yield Finding(
            "error",
            f"{name}: flexible water is integrated with {inner:g} fs; use 0.5 fs, or input_mts.xml's multiple"
            " time stepping",
        )
    else:
        yield Finding("fine", f"water's bonds are integrated with {inner:g} fs")


def _multiple_time_stepping(root: ElementTree.Element, name: str) -> Iterator[Finding]:
    levels = _numbers(root.findtext(".//nmts"))
    if not levels:
        return
    weights = {f.get("forcefield", "?"): _numbers(f.findtext("mts_weights")) for f in root.iter("force")}
    parts = {f.get("name", "?"): f.findtext("parameters") or "" for f in root.iter("ffsocket")}
    for force, weight in weights.items():
        if len(weight) != len(levels) or sum(weight) != 1:
            yield Finding(
                "error",
                f"{name}: <mts_weights> of '{force}' are {weight}; give {len(levels)} numbers that sum to 1",
            )
        elif "nonbonded" in parts.get(force, "") and weight[0] != 1:
            yield Finding("error", f"{name}: '{force}' belongs to the outer level; give it weights [ 1, 0 ]")


def _surroundings(directory: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(directory).free
    if free < _LITTLE_DISK:
        yield Finding(
            "warning", f"{free / 1024**3:.1f} GiB of disk left in {directory}; make room for the output"
        )
    if (directory / "EXIT").exists():
        yield Finding("error", f"{directory / 'EXIT'} makes i-PI stop at once; remove it")


def _sockets(root: ElementTree.Element, path: Path) -> Iterator[Finding]:
    if root.find(".//ffsocket") is None and root.find(".//ffdirect") is not None:
        yield Finding("fine", "the potential runs inside i-PI, no socket is needed")
        return
    try:
        addresses = socket_addresses(root, path)
    except PolcoupleError as error:
        yield Finding("error", str(error))
        return
    for address in addresses:
        file = Path(UNIX_SOCKET_PREFIX + address.address)
        if address.mode == "unix" and file.exists() and not _listening(file):
            yield Finding("error", f"{file} is left over from a run that was killed; remove it")


def _listening(file: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as stream:
        try:
            stream.connect(str(file))
        except OSError:
            return False
    return True


def _backend(case: Case, root: ElementTree.Element, args: argparse.Namespace) -> Iterator[Finding]:
    """Build the backend (parameters, models) and time it on the initial structure."""
    from polcouple.forces import ForceProvider

    try:
        provider = ForceProvider(case, backend_from_arguments(args, case))
        start = time.perf_counter()
        provider.evaluate(case.positions, case.cell)
        first = time.perf_counter() - start
        start = time.perf_counter()
        provider.evaluate(case.positions, case.cell)
        next_call = time.perf_counter() - start
    except PolcoupleError as error:
        yield Finding("error", str(error))
        return
    yield Finding(
        "fine",
        f"backend {args.backend}: {first:.2f} s for the first step, {1e3 * next_call:.1f} ms for the next",
    )
    for element in root.iter("ffsocket"):
        name = element.get("name", "?")
        timeout = float(element.findtext("timeout") or 0.0)
        if 0.0 < timeout < 3.0 * first:
            yield Finding(
                "error",
                f"<ffsocket name='{name}'>: i-PI gives up after <timeout> {timeout:g} s, a step may take"
                f" {first:.1f} s; set it to {10 * first:.0f}",
            )
        latency = float(element.findtext("latency") or 1e-4)
        if latency > 0.1 * next_call:
            yield Finding(
                "warning",
                f"<ffsocket name='{name}'>: <latency> {latency:g} s is more than a tenth of a step; set 1e-4",
            )
    for warning in sorted(provider.warnings):
        yield Finding("warning", warning)


def _numbers(text: str | None) -> list[float]:
    return [
        float(word) for word in (text or "").replace("[", " ").replace("]", " ").replace(",", " ").split()
    ]
