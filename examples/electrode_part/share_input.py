"""An input of i-PI in which another program gives the liquid's own forces.

    python examples/electrode_part/share_input.py CASE [--input input.xml] [--output input_electrode.xml]

Of an input with one socket of polcouple's: its part becomes ``electrode``, and a second socket ``liquid``
sends the liquid's atoms (<activelist>) to the program that connects there. ``liquid.xyz`` beside it has these
atoms in the same order, for programs that ask for a template.
"""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import ase.io

from polcouple.case.model import read_case
from polcouple.coupling.ase_calculator import case_atoms
from polcouple.ipi.input import read_xml, write_xml


def shared(root: ElementTree.Element, liquid: list[int]) -> None:
    """Change an input in place; ``liquid`` are the atoms that the other program gets."""
    sockets = root.findall("ffsocket")
    if len(sockets) != 1 or root.find("ffdirect") is not None:
        raise SystemExit("share_input.py: the input must have one <ffsocket> and no <ffdirect>")
    own = sockets[0]
    parameters = own.find("parameters")
    if parameters is None:
        parameters = ElementTree.SubElement(own, "parameters")
    parameters.text = " {part: electrode} "
    other = ElementTree.Element("ffsocket", {"name": "liquid", "mode": "unix", "pbc": "False"})
    words = {"address": "liquid", "latency": "1e-4", "timeout": "600", "activelist": str(liquid)}
    for tag, text in words.items():
        ElementTree.SubElement(other, tag).text = f" {text} "
    ElementTree.indent(other, level=1)
    other.tail = "\n  "
    root.insert(list(root).index(own) + 1, other)
    forces = root.find("system/forces")
    assert forces is not None
    ElementTree.SubElement(forces, "force", {"forcefield": "liquid"}).tail = "\n    "


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("--input", default="input.xml")
    parser.add_argument("--output", default="input_electrode.xml")
    args = parser.parse_args()
    output = args.case / args.output
    if output.exists():
        raise SystemExit(f"share_input.py: {output} exists; remove it, or name another with --output")
    root = read_xml(args.case / args.input)
    case = read_case(args.case)
    shared(root, case.electrolyte_indices.tolist())
    write_xml(root, output)
    atoms = case_atoms(case)[case.electrolyte_indices]
    ase.io.write(args.case / "liquid.xyz", atoms, format="extxyz", columns=["symbols", "positions"])


if __name__ == "__main__":
    main()
