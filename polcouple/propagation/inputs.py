"""The files that i-PI's input names, in a directory of a run: copied, and named by their new paths."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from polcouple.case.schema import ELECTRODE_FILE
from polcouple.coupling.held_state import FILE_NAME
from polcouple.errors import InputError
from polcouple.ipi.files import output_names
from polcouple.ipi.initialize import mode_of, text_of
from polcouple.propagation.record import DRIVER_RECORD, RECORD

#: neighbour lists of a run that was ended (:mod:`polcouple.propagation.kept_lists`)
LISTS = "neighbour_lists.npz"
#: files of a case that i-PI's input does not name and that stand where it runs, if the case has them
_BESIDE = ("polcouple_pes.py", ELECTRODE_FILE)
#: files of a case that a run directory gets, besides the inputs
COPIED = ("system.yaml", *_BESIDE)
#: and what is written there, besides i-PI's outputs
WRITTEN = {"input.xml", "restart.xml", "run.lock", "i-pi.log", "driver.log", "RESTART", "EXIT"}
WRITTEN |= {FILE_NAME, RECORD, DRIVER_RECORD, LISTS}

#: in these modes an element of <initialize> holds numbers and no file
_NO_FILE = ("manual", "thermal", "abc", "abcABC")


def file_elements(root: ElementTree.Element) -> list[ElementTree.Element]:
    """Elements whose text is the path of a file that i-PI reads."""
    found = [
        element
        for parent in root.iter("initialize")
        for element in parent
        if isinstance(element.tag, str) and mode_of(element) not in _NO_FILE
    ]
    found += [one for one in root.iter() if one.get("mode", "").strip() == "file" and one not in found]
    for plumed in root.iter("ffplumed"):
        found += [element for element in plumed if element.tag in ("file", "init_file", "plumed_dat")]
    found += list(root.iter("pes_path"))
    return [element for element in found if text_of(element)]


def require_inputs(root: ElementTree.Element, case: Path) -> None:
    """Refuse an input that names a file which is not there.

    Raises:
        InputError: naming it.
    """
    for element in file_elements(root):
        _source(element, case)


def copy_beside(case: Path, directory: Path) -> None:
    """Copy what belongs to a case and is named nowhere: electrodes that i-PI has not, i-PI's potential."""
    for name in _BESIDE:
        if (case / name).exists():
            shutil.copy(case / name, directory)


def copy_inputs(root: ElementTree.Element, case: Path, directory: Path) -> list[str]:
    """Copy the files that ``root`` names from ``case`` into ``directory`` and change their names in ``root``.

    Two files of the same name in different folders get different names, and so does a file, such as a RESTART
    of another run, whose name is one that the run writes itself.

    Returns:
        The names in ``directory``.

    Raises:
        InputError: there is no such file.
    """
    outputs = output_names(root)
    names: dict[Path, str] = {}
    for element in file_elements(root):
        source = _source(element, case)
        if source not in names:
            name = source.name
            own = name in COPIED and source == (case / name).resolve()
            while not own and (name in WRITTEN or name in COPIED or outputs.fullmatch(name)):
                name = f"start_{name}"
            first, number = Path(name), 1
            while name in names.values():
                name, number = f"{first.stem}_{number}{first.suffix}", number + 1
            names[source] = name
            shutil.copy(source, directory / name)
        for child in list(element):
            element.remove(child)  # a comment, which would stand for a part of the name
        element.text = f" {names[source]} "
    return list(names.values())


def _source(element: ElementTree.Element, case: Path) -> Path:
    """The file that an element names.

    Raises:
        InputError: there is none.
    """
    path = case / text_of(element)
    if not path.is_file():
        raise InputError(f"{path}: no such file, which i-PI's <{element.tag}> names")
    return path.resolve()
