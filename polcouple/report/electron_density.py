"""What ``polcouple electron-density`` writes: cubes, profiles, figures, a summary."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.analysis.block_errors import Estimate
from polcouple.analysis.electron_density import ElectronDensity, Quantity
from polcouple.analysis.mean_orbitals import OrbitalQuantity
from polcouple.analysis.model_density import ModelQuantity
from polcouple.errors import InputError
from polcouple.files import require_writable, write_whole
from polcouple.frames.cube import BYTES, write_cube
from polcouple.number_words import fixed
from polcouple.output_paths import require_directory_name
from polcouple.report.electron_density_figures import Views, draw_profiles, draw_views
from polcouple.report.electron_section import draw_section
from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV

#: what may be written as a cube, and what its values are
GRIDS: dict[Quantity, str] = {
    "excess": "excess electrons per bohr^3, positive where electrons are added",
    "induced": "excess electrons per bohr^3 that the liquid induces",
    "potential": "electrostatic potential of the electrodes' charges in Hartree/e, without a slab's field",
}
#: the same of grids that are written where wave functions are given
ORBITAL_GRIDS: dict[OrbitalQuantity, str] = {
    "valence": "valence electrons per bohr^3",
    "difference": "valence electrons less those of neutral atoms, per bohr^3",
    "states": "states of both spins in a window of energy, per bohr^3",
}
#: the same of grids that are written where a density model is given
MODEL_GRIDS: dict[ModelQuantity, str] = {
    "model_excess": "by the model: electrons more than the neutral electrodes have, per bohr^3",
    "model_induced": "by the model: electrons per bohr^3 that the liquid induces",
    "model_difference": "by the model: valence electrons less those of neutral atoms, per bohr^3",
}
_PER_ANGSTROM3 = BOHR_TO_ANGSTROM**-3
_VOLT_PER_ANGSTROM = HARTREE_TO_EV / BOHR_TO_ANGSTROM


@dataclass(frozen=True)
class Output:
    """Where and what is written.

    Attributes:
        directory: that is not there yet, or empty.
        grids: of :data:`GRIDS` and, with a model, :data:`MODEL_GRIDS`.
        window: of averages along z, in bohr.
    """

    directory: Path
    grids: Sequence[str]
    window: float


def require_room(output: Output, shape: tuple[int, int, int]) -> None:
    """Refuse a directory that holds something, or a disk too small for the grids.

    Raises:
        InputError: with what would do.
    """
    directory = output.directory
    require_directory_name(directory)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"{directory}: there already, and not empty; choose another name")
    require_writable(directory)
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    points = int(np.prod(shape))
    needed, free = BYTES * points * len(output.grids), shutil.disk_usage(existing).free
    if needed > free:
        raise InputError(
            f"{directory}: {len(output.grids)} grids of {' x '.join(map(str, shape))} points take"
            f" {needed / 1e9:.3g} GB, and {free / 1e9:.3g} GB are free there; give a larger --spacing or"
            " fewer --grids"
        )


def write_density(found: ElectronDensity, output: Output, settings: dict[str, Any]) -> list[str]:
    """Write everything.

    Args:
        settings: what the means are of, for the summary.

    Returns:
        Lines that say what was found.
    """
    output.directory.mkdir(parents=True, exist_ok=True)
    views = _write_grids(found, output)
    write_whole(output.directory / "profiles.csv", _csv(found, output.window))
    numbers = settings | summary(found)
    write_whole(output.directory / "summary.json", json.dumps(numbers, indent=1) + "\n")
    pictures = {"profiles": draw_profiles(found, output.window), "views": draw_views(found, views)}
    if found.bare is not None:
        pictures["section"] = draw_section(found)
    for name, figure in pictures.items():
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=200)
        write_whole(output.directory / f"{name}.png", image.getvalue())
    return said(found)


def _write_grids(found: ElectronDensity, output: Output) -> Views:
    """The cube files, and the views that are seen while they are made."""
    grid, atoms = found.grid, found.case.electrode
    views: Views | None = None
    for name in GRIDS:
        wanted = name in output.grids and not (name == "induced" and found.induced_charges is None)
        if not wanted and name != "excess":
            continue
        planes = found.planes(name)
        if name == "excess":
            views = Views.of(found)
            planes = views.seen(planes)
        if wanted:
            path = output.directory / f"{name}.cube"
            write_cube(path, GRIDS[name], atoms.symbols, atoms.positions, grid.cell, grid.shape, planes)
        else:
            for _ in planes:
                pass
    orbitals = found.orbitals
    if found.by_model is not None:
        for part, comment in MODEL_GRIDS.items():
            if part not in output.grids or (part == "model_induced" and found.bare is None):
                continue
            path = output.directory / f"{part}.cube"
            planes = found.by_model.planes(part, found.charges.value, found.bare, grid.shape)
            write_cube(path, comment, atoms.symbols, atoms.positions, grid.cell, grid.shape, planes)
    for quantity, comment in ORBITAL_GRIDS.items() if orbitals is not None else ():
        assert orbitals is not None
        if quantity == "states" and orbitals.wanted.window is None:
            continue
        path = output.directory / f"{quantity}.cube"
        planes = orbitals.planes(quantity)
        write_cube(path, comment, atoms.symbols, atoms.positions, grid.cell, grid.shape, planes)
    assert views is not None
    return views


def summary(found: ElectronDensity) -> dict[str, Any]:
    """Numbers of the means with their standard errors, for JSON; what is not known is None."""
    names = [section.name for section in found.case.system.electrodes]
    levels = found.fermi_levels()
    per_electrode: dict[str, Any] = {}
    potentials, works = found.electrode_potentials(), found.work_functions()
    for number, (name, own) in enumerate(zip(names, found.case.electrode_slices, strict=True)):
        per_electrode[name] = {
            "excess_electrons": -float(found.charges.value[own].sum()),
            "potential_volt": _number(potentials, number, HARTREE_TO_EV),
            "fermi_level_ev": _number(levels, number, HARTREE_TO_EV),
            "work_function_below_ev": None if works is None else _number(works, (number, 0), HARTREE_TO_EV),
            "work_function_above_ev": None if works is None else _number(works, (number, 1), HARTREE_TO_EV),
        }
    whole: dict[str, Any] = {
        "frames": found.frames,
        "grid_points": list(found.grid.shape),
        "electrodes": per_electrode,
        "drop_volt": _number(found.drop(), (), HARTREE_TO_EV) if len(names) > 1 else None,
    }
    others = {
        "bulk_potential_volt": (found.bulk_potential(), HARTREE_TO_EV),
        "vacuum_field_volt_per_angstrom": (found.vacuum_field(), _VOLT_PER_ANGSTROM),
    }
    for name, (value, unit) in others.items():
        whole[name] = None if value is None else _number(value, (), unit)
    vacuum = found.vacuum_levels()
    for side, name in enumerate(("below", "above")):
        whole[f"vacuum_potential_{name}_volt"] = (
            None if vacuum is None else _number(vacuum, side, HARTREE_TO_EV)
        )
    return whole


def said(found: ElectronDensity) -> list[str]:
    """The summary in words, a line for each electrode."""
    numbers, lines = summary(found), []
    bulk = numbers["bulk_potential_volt"]
    for name, one in numbers["electrodes"].items():
        words = [f"{name}: {fixed(one['excess_electrons'], 4, sign=True)} excess electrons"]
        potential = one["potential_volt"]["value"]
        if bulk is not None:
            words.append(f"{fixed(potential - bulk['value'], 4, sign=True)} V from the liquid's bulk")
        else:
            words.append(f"potential {fixed(potential, 4, sign=True)} V")
        if one["fermi_level_ev"] is not None:
            words.append(f"Fermi level {fixed(one['fermi_level_ev']['value'], 4)} eV")
        for side in ("below", "above"):
            work = one[f"work_function_{side}_ev"]
            if work is not None:
                words.append(f"work function to the vacuum {side} {fixed(work['value'], 4)} eV")
        lines.append(", ".join(words))
    if numbers["drop_volt"] is not None:
        lines.append(f"potential drop between the electrodes {fixed(numbers['drop_volt']['value'], 4)} V")
    if found.induced_charges is None:
        lines.append("what the liquid induces is not known: the backend reads the liquid's positions")
    if found.vacuum_levels() is None:
        field = numbers["vacuum_field_volt_per_angstrom"]
        why = "the cell is charged, or has no vacuum"
        if field is not None:
            why = (
                f"the vacuum has a field of {fixed(field['value'], 4)} V/Angstrom, which"
                " slab: {displacement_volt_per_angstrom: 0.0} in system.yaml takes away"
            )
        lines.append(f"no work function, since there is no vacuum level: {why}")
    return lines


def _number(found: Estimate, index: Any, unit: float) -> dict[str, float | None] | None:
    """Value and standard error; None where there is no value."""
    value, error = (float(part[index]) * unit for part in (found.value, found.error))
    if not np.isfinite(value):
        return None
    return {"value": value, "error": error if np.isfinite(error) else None}


def _csv(found: ElectronDensity, window: float) -> str:
    """One row for each height."""
    columns: list[tuple[str, Estimate | None, float]] = [
        ("excess_per_angstrom3", found.excess(), _PER_ANGSTROM3),
        ("macroscopic_excess_per_angstrom3", found.excess(window), _PER_ANGSTROM3),
        ("induced_per_angstrom3", found.induced(), _PER_ANGSTROM3),
        ("potential_volt", found.potential(), HARTREE_TO_EV),
        ("macroscopic_potential_volt", found.potential(window), HARTREE_TO_EV),
        ("potential_of_electrodes_volt", found.potential_of_electrodes(), HARTREE_TO_EV),
    ]
    known = [(name, values, unit) for name, values, unit in columns if values is not None]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["z_angstrom", *(word for name, _, _ in known for word in (name, f"{name}_error"))])
    for number, z in enumerate(found.z * BOHR_TO_ANGSTROM):
        row = [f"{z:.4f}"]
        for _, values, unit in known:
            for part in (values.value[number], values.error[number]):
                row.append(f"{part * unit:.8g}" if np.isfinite(part) else "")
        writer.writerow(row)
    return text.getvalue()
