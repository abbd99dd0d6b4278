"""The files that i-PI's input names, in a directory of a run: copied, and named by their new paths."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from polcouple.errors import InputError

#: values of these are numbers and not files
_NO_FILE = ("manual", "thermal")


def file_elements(root: ElementTree.Element) -> list[ElementTree.Element]:
    """Elements whose text is the path of a file that i-PI reads."""
    found = [
        element
        for parent in root.iter("initialize")
        for element in parent
        if isinstance(element.tag, str) and _names_file(element)
    ]
    for plumed in root.iter("ffplumed"):
        found += [element for element in plumed if element.tag in ("file", "init_file", "plumed_dat")]
    found += list(root.iter("pes_path"))
    return [element for element in found if (element.text or "").strip()]


def copy_inputs(root: ElementTree.Element, case: Path, directory: Path) -> list[str]:
    """Copy the files that ``root`` names from ``case`` into ``directory`` and change their names in ``root``.

    Two files of the same name in different folders get different names.

    Returns:
        The names in ``directory``.

    Raises:
        InputError: there is no such file.
    """
    names: dict[Path, str] = {}
    for element in file_elements(root):
        given = (element.text or "").strip()
        source = (case / given).resolve()
        if not source.is_file():
            raise InputError(f"{case / given}: no such file, which i-PI's <{element.tag}> names")
        if source not in names:
            name, number = source.name, 1
            while name in names.values():
                name, number = f"{source.stem}_{number}{source.suffix}", number + 1
            names[source] = name
            shutil.copy(source, directory / name)
        element.text = f" {names[source]} "
    return list(names.values())


def _names_file(element: ElementTree.Element) -> bool:
    default = "xyz" if element.tag == "file" else "manual"
    return element.get("mode", default).strip() not in _NO_FILE
