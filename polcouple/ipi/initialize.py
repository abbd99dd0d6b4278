"""What i-PI starts from: the elements of <initialize>, in the order in which i-PI takes them.

Of positions, cell, masses and labels the last element that gives them counts; <file> gives all four.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from polcouple.errors import InputError
from polcouple.ipi.input import read_xml
from polcouple.ipi.start_file import length_unit


@dataclass(frozen=True)
class StartFile:
    """Where i-PI starts from.

    Attributes:
        name: path from the directory in which i-PI runs.
        units, cell_units: of positions and cell, over those that the file's comment names.
        cell: (3, 3) rows in bohr, over the file's, where the input has a <cell>.
        labels: of all atoms, over the file's, where the input has <labels>.
    """

    name: str = "init.xyz"
    units: str = "automatic"
    cell_units: str = "automatic"
    cell: tuple[tuple[float, ...], ...] | None = None
    labels: tuple[str, ...] | None = None


def start_file(root: ElementTree.Element, path: Path) -> StartFile:
    """What the i-PI input ``path`` starts from; a RESTART does not say, and init.xyz is meant.

    Raises:
        InputError: it is not one file in i-PI's xyz format, or i-PI would miss something.
    """
    starts = set()
    where = f"{path}: i-PI's"
    for system in root.iter():
        initialize = system.find("initialize")
        if initialize is not None and len(initialize):
            starts.add(_start(initialize, system.find("beads") is not None, where))
    if len(starts) > 1:
        raise InputError(f"{where} systems start from several files; polcouple takes one structure for all")
    return starts.pop() if starts else StartFile()


def start_beside(path: Path) -> StartFile:
    """What the i-PI input ``path`` starts from; a RESTART from what input.xml beside it says.

    Raises:
        InputError: as :func:`start_file`.
    """
    root, beside = read_xml(path), path.with_name("input.xml")
    if root.find(".//initialize") is None and beside.is_file():
        return start_file(read_xml(beside), beside)
    return start_file(root, path)


def start_of_case(directory: Path) -> StartFile:
    """What the input.xml of a case starts from; init.xyz where there is none.

    Raises:
        InputError: as :func:`start_file`.
    """
    path = directory / "input.xml"
    return start_file(read_xml(path), path) if path.is_file() else StartFile()


def text_of(element: ElementTree.Element) -> str:
    """What an element holds, without comments and without spaces around it."""
    return "".join([element.text or "", *(child.tail or "" for child in element)]).strip()


def mode_of(element: ElementTree.Element) -> str:
    """The format of what an element of <initialize> holds; where it does not say, i-PI has a default."""
    from ipi.inputs.initializer import InputInitializer

    kind = InputInitializer.dynamic.get(element.tag)
    default = "manual" if kind is None else kind[0].attribs["mode"][1]["default"]
    return element.get("mode", default).strip()


def _start(initialize: ElementTree.Element, has_beads: bool, where: str) -> StartFile:
    """What one <initialize> says; ``has_beads`` where the input holds the structure itself, as a RESTART."""
    start: StartFile | None = None
    missing = {"positions", "cell", "masses", "labels"}
    for element in initialize:
        if element.tag in ("file", "positions"):
            start = _structure(element, start, where)
        elif element.tag == "cell":
            if start is None:
                raise InputError(
                    f"{where} <cell>: a file that follows may have another one; put <cell> after it"
                )
            start = replace(start, cell=_cell(element, where))
        elif element.tag == "labels" and start is not None:
            start = replace(start, labels=_labels(element, where))
        missing -= {"positions", "cell", "masses", "labels"} if element.tag == "file" else {element.tag}
    if start is None and has_beads:
        return StartFile()
    if start is None:
        raise InputError(
            f"{where} <initialize> names no start structure; write <file mode='xyz'> init.xyz </file>"
        )
    if missing and not has_beads:
        names = " and no ".join(f"<{name}>" for name in sorted(missing))
        raise InputError(
            f"{where} <initialize> has no {names}; <file mode='xyz'> {start.name} </file> gives all of them"
        )
    return start


def _structure(element: ElementTree.Element, before: StartFile | None, where: str) -> StartFile:
    """The structure of a <file> or <positions>, with what the elements ``before`` it gave."""
    tag, name = element.tag, text_of(element)
    mode = mode_of(element)
    if mode != "xyz":
        given, cure = f" mode='{mode}'", "convert it to xyz with i-PI's comment line"
        if "mode" not in element.attrib:
            given, cure = "", f"without a mode i-PI takes it for {mode}, write <{tag} mode='xyz'>"
        raise InputError(f"{where} <{tag}{given}> {name[:80]}: polcouple reads mode='xyz' only; {cure}")
    if not name:
        raise InputError(f"{where} <{tag}> names no file; write <{tag} mode='xyz'> init.xyz </{tag}>")
    for attribute in ("index", "bead"):
        if element.get(attribute, "-1").strip() != "-1":
            raise InputError(
                f"{where} <{tag} {attribute}='{element.get(attribute)}'>: polcouple takes one structure for"
                " all atoms and beads; leave it out"
            )
    if before is not None and before.name != name:
        raise InputError(f"{where} <initialize> names several files ({before.name}, {name}); keep one")
    units, cell_units = (element.get(key, "").strip() or "automatic" for key in ("units", "cell_units"))
    if tag == "positions" and before is not None:
        return replace(before, units=units)
    return StartFile(name, units, cell_units)


def _cell(element: ElementTree.Element, where: str) -> tuple[tuple[float, ...], ...]:
    """Rows in bohr of a <cell>, as i-PI's own input class reads it."""
    from ipi.inputs.initializer import InputInitCell
    from ipi.utils.io.inputs.io_xml import xml_parse_string

    mode = mode_of(element)
    if mode not in ("manual", "abc", "abcABC"):
        raise InputError(
            f"{where} <cell mode='{mode}'>: polcouple reads abc, abcABC and manual; write the lengths there"
        )
    unit = length_unit(element.get("units", "").strip(), f"{where} <cell>")
    plain = ElementTree.Element("cell", {"mode": mode})
    plain.text = text_of(element)
    cell = InputInitCell()
    try:
        cell.parse(xml_parse_string(ElementTree.tostring(plain, encoding="unicode")).fields[0][1])
        vectors = np.array(cell.fetch().value, dtype=float).reshape(3, 3).T * unit
    except Exception as error:  # i-PI raises exceptions of any kind
        message = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{where} <cell> {plain.text[:60]}: {message}") from None
    if not np.isfinite(vectors).all() or np.diag(vectors).min() <= 0.0:
        raise InputError(f"{where} <cell> {plain.text[:60]}: no cell of a positive volume")
    return tuple(tuple(float(x) for x in row) for row in vectors)


def _labels(element: ElementTree.Element, where: str) -> tuple[str, ...]:
    """The symbols of all atoms in <labels>."""
    if mode_of(element) != "manual" or "index" in element.attrib:
        raise InputError(
            f"{where} <labels>: polcouple takes the symbols from the start file; leave <labels> out, or give"
            " a list of all with mode='manual'"
        )
    return tuple(label.strip(" '\"\n\t") for label in text_of(element).strip("[]").split(","))
