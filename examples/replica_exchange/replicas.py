"""An input of i-PI for parallel tempering: one replica of a case at each of several temperatures.

    python replicas.py CASE --temperatures 300 310 320 [--every 100] [--output input_remd.xml]

Each temperature becomes a <system> of its own, with the prefix T300, ... of its files. About every so many
steps i-PI tries to exchange the temperatures of two replicas (Sugita and Okamoto, Chem. Phys. Lett. 314, 141
(1999)). One driver serves all of them, and each has charges of its own positions.
"""

from __future__ import annotations

import argparse
import copy
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from polcouple.ipi.changes import InputChanges
from polcouple.ipi.input import read_xml, write_xml


def replicas(root: ElementTree.Element, temperatures: list[float], every: float, path: Path) -> None:
    """Change an input of one system in place."""
    if len(root.findall("system")) != 1 or root.find("smotion") is not None:
        raise SystemExit(f"{path}: give an input with one <system> and no <smotion>")
    inputs = []
    for temperature in temperatures:
        one = copy.deepcopy(root)
        InputChanges(temperature=temperature).apply(one, path)
        inputs.append(one)
    old = root.find("system")
    place = list(root).index(old)
    root.remove(old)
    for number, (one, temperature) in enumerate(zip(inputs, temperatures, strict=True)):
        system = one.find("system")
        system.set("prefix", f"T{temperature:g}")
        root.insert(place + number, system)
    exchange = ElementTree.SubElement(ElementTree.SubElement(root, "smotion", mode="remd"), "remd")
    ElementTree.SubElement(exchange, "stride").text = f" {every:g} "
    ElementTree.SubElement(exchange, "swapfile").text = " exchanges "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("--temperatures", type=float, nargs="+", required=True, metavar="K")
    parser.add_argument("--every", type=float, default=100.0, help="steps between attempts, on average (100)")
    parser.add_argument("--input", default="input.xml")
    parser.add_argument("--output", default="input_remd.xml")
    args = parser.parse_args()
    if len(set(args.temperatures)) < max(2, len(args.temperatures)):
        parser.error("give two or more temperatures, each once")
    path = args.case / args.input
    root = read_xml(path)
    replicas(root, args.temperatures, args.every, path)
    write_xml(root, args.case / args.output)
    print(
        f"written to {args.case / args.output}; run it with `polcouple run {args.case} --input {args.output}`"
    )


if __name__ == "__main__":
    main()
