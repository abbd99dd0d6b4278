"""A case's system.yaml in a directory of a run: relative paths in it keep their meaning."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from polcouple.backends.base import backend_options
from polcouple.case.schema import Potential
from polcouple.errors import PolcoupleError
from polcouple.files import write_whole
from polcouple.ipi.input import read_xml, write_xml
from polcouple.propagation.inputs import copy_beside, copy_inputs


def copy_system(case: Path, directory: Path) -> None:
    """Copy ``system.yaml``; files that it names are named by absolute paths where they are relative.

    Files that a backend will write stay relative: each run has its own. The text is copied as it is where
    nothing needs to be changed.
    """
    source = case / "system.yaml"
    content = system_elsewhere(case)
    if content == yaml.safe_load(source.read_text()):
        shutil.copy(source, directory / "system.yaml")
        return
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    (directory / "system.yaml").write_text(f"# {source.resolve()} with absolute paths\n{text}")


def system_elsewhere(case: Path) -> dict[str, Any]:
    """Content of a sound ``system.yaml`` for another directory, with such paths absolute."""
    content: dict[str, Any] = yaml.safe_load((case / "system.yaml").read_text())
    backends: Mapping[str, Mapping[str, Any]] = content.get("backends") or {}
    given = (content.get("force_field") or {}).get("openmm_system")
    if given is not None:
        content["force_field"]["openmm_system"] = str((case / given).resolve())
    if backends:
        content["backends"] = {name: _absolute(name, own, case) for name, own in backends.items()}
    return content


def _absolute(name: str, settings: Mapping[str, Any], case: Path) -> dict[str, Any]:
    """Settings of one backend; as they are if they are faulty, which making the backend reports."""
    try:
        options = backend_options(name, settings).in_directory(case)
    except PolcoupleError:
        return dict(settings)
    values = dict(options)
    return {key: _kept_or(value, values[key], case) for key, value in settings.items()}


def _kept_or(given: Any, made: Any, case: Path) -> Any:
    """``given``, or the path in the case that became of it."""
    if isinstance(given, dict) and isinstance(made, dict):
        return {key: _kept_or(value, made.get(key), case) for key, value in given.items()}
    if not isinstance(given, str) or not isinstance(made, Path) or Path(given).is_absolute():
        return given
    return str(made.resolve()) if (case / given).exists() else given


def write_case_that_holds(case: Path, input_name: str, copy: Path, held: Potential | float) -> None:
    """Write a copy of a case with its i-PI input that holds something else.

    Args:
        held: a potential, or the total charge of the first electrode in e.
    """
    copy.mkdir(parents=True, exist_ok=True)
    root = read_xml(case / input_name)
    copy_inputs(root, case, copy)
    write_xml(root, copy / input_name)
    copy_beside(case, copy)
    content = system_elsewhere(case)
    if isinstance(held, Potential):
        content["potential"] = held.model_dump(exclude_none=True)
    else:
        content.pop("potential", None)
        content["electrodes"][0]["total_charge_e"] = held
    write_whole(copy / "system.yaml", yaml.safe_dump(content, sort_keys=False))
