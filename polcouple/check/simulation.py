"""i-PI's input as i-PI's own parser reads it, so that defaults and units are i-PI's."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import tostring

from polcouple.errors import InputError
from polcouple.ipi.changes import NO_CHANGES, InputChanges
from polcouple.ipi.input import read_xml


def load_input(path: Path, changes: InputChanges = NO_CHANGES) -> Any:
    """i-PI's InputSimulation of a file with ``changes``.

    Raises:
        InputError: the file is missing, i-PI refuses it, or it has not what is to be changed.
    """
    from ipi.inputs.simulation import InputSimulation
    from ipi.utils.io.inputs.io_xml import xml_parse_string

    try:
        text = path.read_text()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; name i-PI's input with --input") from None
    if changes.given():
        changed = read_xml(path)
        changes.apply(changed, path)
        text = tostring(changed, encoding="unicode")
    simulation = InputSimulation()
    try:
        root = xml_parse_string(text).fields[0][1]
        _find_files(root, path.parent)
        simulation.parse(root)
        for _, output in simulation.output.extra:
            output.fetch()
    except Exception as error:  # i-PI raises exceptions of any kind
        message = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: i-PI does not accept it: {message}; correct the input") from None
    return simulation


def _find_files(node: Any, directory: Path) -> None:
    """Files of numbers that elements with mode="file" name are beside the input, wherever this runs."""
    named = str(node.attribs.get("mode", "")).strip() == "file"
    for number, (name, content) in enumerate(node.fields):
        if name == "_text":
            if named and content.strip():
                node.fields[number] = (name, str((directory / content.strip()).resolve()))
        else:
            _find_files(content, directory)


def children(parent: Any, *tags: str) -> list[Any]:
    """The repeatable elements of an i-PI input with these tags."""
    return [child for tag, child in parent.extra if tag in tags]


def dynamics_of(motion: Any) -> Any:
    """The element of a motion that has ensemble and time step."""
    rigid = motion.mode.fetch() == "constrained_dynamics"
    return motion.constrained_dynamics if rigid else motion.dynamics
