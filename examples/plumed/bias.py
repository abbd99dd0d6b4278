"""An input of i-PI in which PLUMED biases the atoms: metadynamics, umbrellas, walls.

    python bias.py CASE [--plumed plumed.dat] [--input input.xml] [--output input_plumed.xml]

PLUMED's input is copied into the case; i-PI calls PLUMED itself (<ffplumed>), and adds its forces to those of
polcouple's driver as a bias, which the conserved quantity counts. It needs PLUMED and its Python module:
`pip install plumed`, and the environment variable PLUMED_KERNEL naming libplumedKernel.so.
"""

from __future__ import annotations

import argparse
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from polcouple.ipi.initialize import start_file
from polcouple.ipi.input import read_xml, write_xml

_NAME = "plumed"


def biased(root: ElementTree.Element, plumed_dat: str, path: Path) -> None:
    """Change an input of one system in place."""
    systems = root.findall("system")
    if len(systems) != 1 or root.find("smotion") is not None or systems[0].find("ensemble") is None:
        raise SystemExit(f"{path}: give an input with one <system>, an <ensemble> and no <smotion>")
    start = systems[0].find("initialize/file")
    if start is None:
        raise SystemExit(f"{path}: PLUMED takes its atoms from the <file> of <initialize>; name one")
    field = ElementTree.Element("ffplumed", name=_NAME)
    # PLUMED takes the number of atoms and their masses from it
    ElementTree.SubElement(field, "file", start.attrib).text = f" {start_file(root, path).name} "
    ElementTree.SubElement(field, "plumed_dat").text = f" {plumed_dat} "
    root.insert(list(root).index(systems[0]), field)
    bias = ElementTree.SubElement(systems[0].find("ensemble"), "bias")
    ElementTree.SubElement(bias, "force", forcefield=_NAME)
    # after each step PLUMED writes its outputs and adds its hills
    motion = ElementTree.SubElement(root, "smotion", mode="metad")
    ElementTree.SubElement(ElementTree.SubElement(motion, "metad"), "metaff").text = f" [ {_NAME} ] "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("--plumed", type=Path, default=Path(__file__).with_name("plumed.dat"))
    parser.add_argument("--input", default="input.xml")
    parser.add_argument("--output", default="input_plumed.xml")
    args = parser.parse_args()
    path, copy = args.case / args.input, args.case / args.plumed.name
    if copy.exists() and copy.resolve() != args.plumed.resolve():
        parser.error(f"{copy} exists already; remove it, or name it with --plumed")
    root = read_xml(path)
    biased(root, args.plumed.name, path)
    if not copy.exists():
        shutil.copy(args.plumed, copy)
    write_xml(root, args.case / args.output)
    print(
        f"written to {args.case / args.output}; run it with `polcouple run {args.case} --input {args.output}`"
    )


if __name__ == "__main__":
    main()
