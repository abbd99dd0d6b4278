"""An input of i-PI whose sockets programs on other machines can reach.

    python inet_input.py input.xml input_inet.xml --host $(hostname) --port 31415

All sockets become internet sockets of this host, polcouple's own at the port and those of other programs
at the ones after it, each kind in the order of its names: in RESTART i-PI writes them in another. RESTART
may be given in place of input.xml: the run goes on, on whichever host it now is.
"""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from polcouple.ipi.input import read_xml, write_xml
from polcouple.ipi.sockets import own_sockets


def on_host(root: ElementTree.Element, host: str, port: int) -> None:
    """Change an input in place."""
    own = own_sockets(root)
    sockets = sorted(root.iter("ffsocket"), key=lambda one: (one not in own, one.get("name", "")))
    for number, socket in enumerate(sockets):
        socket.set("mode", "inet")
        for tag, text in (("address", host), ("port", str(port + number))):
            element = socket.find(tag)
            if element is None:
                element = ElementTree.SubElement(socket, tag)
            element.text = f" {text} "


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    args = parser.parse_args()
    root = read_xml(args.input)
    if root.find(".//ffsocket") is None:
        raise SystemExit(f"inet_input.py: {args.input} has no <ffsocket>")
    on_host(root, args.host, args.port)
    write_xml(root, args.output)


if __name__ == "__main__":
    main()
