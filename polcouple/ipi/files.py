"""Which files a run has written: i-PI names them after its systems, outputs and beads.

A file's name is ``SYSTEM_PREFIX.FILENAME``, without ``SYSTEM_`` for a system without a prefix of its own and
without ``PREFIX.`` where <output prefix=""> is empty. What each bead has gets ``_B`` with the bead's number,
padded with zeros to the same length, and a trajectory's format follows.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from polcouple.errors import InputError, nearest
from polcouple.ipi.input import read_xml

#: where i-PI writes of itself what <system_template> stands for
_EXPANDED = "RESTART"
#: names of outputs that the input does not name
_DEFAULT_NAMES = ("out", "traj", "restart")
_DEFAULT_EXCHANGES = "PARATEMP"


@dataclass(frozen=True, eq=False)
class RunFiles:
    """The outputs of one system of a run; found by :func:`run_files`.

    Attributes:
        directory: of the run.
        path: i-PI's input, for messages.
        output: its <output>.
        prefix: of the system; empty where it has none.
        beads: of its ring polymers.
    """

    directory: Path
    path: Path
    output: Element
    prefix: str
    beads: int

    def properties(self, *names: str) -> Path:
        """The first property output that holds all of ``names``.

        Raises:
            InputError: there is none.
        """
        for element in self.output.iter("properties"):
            if {*names} <= _listed(element):
                return self._file(element.get("filename", "out"))
        raise InputError(
            f"{self.path}: no <properties> with {', '.join(names)}; add them to one, without arguments"
        )

    def positions(self) -> list[Path]:
        """The xyz trajectory of positions of each bead.

        Raises:
            InputError: there is none, it is in another format, or not of all beads.
        """
        return self._of_beads(self._positions_output(), ".xyz")

    def extras(self, kind: str) -> list[Path]:
        """The extras trajectory of ``kind`` of each bead.

        Raises:
            InputError: there is none that holds this alone, or not of all beads.
        """
        return self._of_beads(self._extras_output(kind), "")

    def require_analysable(self) -> None:
        """Refuse what no analysis can read, which an input tells before it is run.

        Raises:
            InputError: several beads, or no <trajectory> of positions or of the electrode's charges.
        """
        if self.beads != 1:
            raise InputError(f"{self.path}: {self.beads} beads; only runs with one can be analysed")
        self._positions_output()
        self._extras_output("charges")

    def _positions_output(self) -> Element:
        for element in self.output.iter("trajectory"):
            if re.match(r"\s*positions\s*(\{|$)", element.text or ""):
                form = element.get("format", "xyz").strip()
                if form != "xyz":
                    raise InputError(f"{self.path}: positions are written as {form}; use format='xyz'")
                return element
        raise InputError(
            f"{self.path}: no <trajectory> of positions in <output>; add it as `polcouple build` writes it"
        )

    def _extras_output(self, kind: str) -> Element:
        together = ""
        for element in self.output.iter("trajectory"):
            kinds = [one.strip() for one in element.get("extra_type", "raw").split(",")]
            if (element.text or "").strip() == "extras" and kind in kinds:
                if kinds == [kind]:
                    return element
                together = f" of its own (it is written together with {', '.join({*kinds} - {kind})})"
        raise InputError(
            f"{self.path}: no <trajectory extra_type='{kind}'> extras{together} in <output>; add it as"
            " `polcouple build` writes it"
        )

    def _of_beads(self, element: Element, ending: str) -> list[Path]:
        """One file a bead, all of which are there."""
        # as i-PI has it, which pads 1000 beads to three digits
        digits = int(1 + math.floor(math.log(self.beads) / math.log(10)))
        name = element.get("filename", "traj").strip()
        files = [self._file(f"{name}_{bead:0{digits}d}{ending}") for bead in range(self.beads)]
        for file in files:
            if not file.is_file():
                bead = element.get("bead", "-1").strip()
                cure = "" if bead == "-1" else f"; leave bead='{bead}' out of its <trajectory>"
                beads = (
                    "the run has not written it" if self.beads == 1 else f"all {self.beads} beads are needed"
                )
                raise InputError(f"{file}: no such file; {beads}{cure}")
        return files

    def _file(self, name: str) -> Path:
        return self.directory / _named(self.output, self.prefix, name)


def progress_file(root: Element, prefix: str | None = None) -> str:
    """Name of the file that tells how far a run is: the first output with steps, of the first system
    or that of a prefix."""
    output, system = root.find("output"), root.find("system")
    if prefix is None:
        prefix = "" if system is None else _prefix(system)
    found = [] if output is None else output.findall("properties")
    with_steps = [element for element in found if "step" in _listed(element)]
    name = (with_steps or found)[0].get("filename", "out") if found else "out"
    return _named(output, prefix, name)


def exchange_file(root: Element) -> str | None:
    """Name of the file in which replica exchange tells of its exchanges; None where there is none."""
    remd = root.find(".//remd")
    if remd is None:
        return None
    return _named(root.find("output"), "", remd.findtext("swapfile") or _DEFAULT_EXCHANGES)


def output_names(root: Element) -> re.Pattern[str]:
    """What the names of all outputs of an input match entirely, those of all systems and beads.

    Without a prefix, only what the input names is known.
    """
    output = root.find("output")
    systems = [element.get("prefix", "").strip() for element in root.findall("system")]
    before = "|".join(f"{re.escape(prefix)}_" for prefix in systems if prefix)
    stem = _named(output, "", "")
    if stem:
        return re.compile(rf"({before})?{re.escape(stem)}.*")
    listed = [element.get("filename", "").strip() for element in output or ()]
    names = "|".join(re.escape(name) for name in [*listed, *_DEFAULT_NAMES] if name)
    return re.compile(rf"({before})?({names})(_\d+)?(\.\w+)*")


def run_files(directory: Path, system: str | None = None) -> RunFiles:
    """The outputs of a run, or of one of its systems.

    Args:
        directory: of the run.
        system: as for :func:`files_of_input`.

    Raises:
        InputError: as :func:`files_of_input`, or there is no run.
    """
    return files_of_input(directory / "input.xml", system)


def files_of_input(path: Path, system: str | None = None) -> RunFiles:
    """The outputs that a run of an input writes, or has written, beside it.

    Args:
        path: of i-PI's input.
        system: prefix of the system whose files are meant; needed where there are several.

    Raises:
        InputError: there is no <output>, or several systems of which none or an unknown one is named.
    """
    directory = path.parent
    root = read_xml(path)
    output = root.find("output")
    if output is None:
        raise InputError(f"{path}: no <output>; name what i-PI is to write, as `polcouple build` does")
    systems = _systems(root, path)
    prefixes = [_prefix(element) for element in systems]
    if len(set(prefixes)) < len(prefixes):
        raise InputError(
            f"{path}: {len(prefixes)} systems write to the same files; give each <system> a prefix of its own"
        )
    if system is None and len(systems) > 1:
        known = ", ".join(prefixes)
        raise InputError(
            f"{directory}: a run of {len(systems)} systems ({known}); `polcouple conserved` takes one of them"
            " with --system, other commands take runs of one"
        )
    if system is not None and system not in prefixes:
        raise InputError(
            f"{directory}: no system '{system}'{nearest(system, prefixes)}; there are: {', '.join(prefixes)}"
        )
    chosen = systems[0 if system is None else prefixes.index(system)]
    return RunFiles(directory, path, output, chosen.get("prefix", "").strip(), _beads(chosen, path))


def system_names(path: Path) -> list[str]:
    """The prefixes of the systems of an input, in its order; empty for one that has none.

    Raises:
        InputError: there is no <system>, or what a template stands for is not written yet.
    """
    return [_prefix(element) for element in _systems(read_xml(path), path)]


def _systems(root: Element, path: Path) -> list[Element]:
    """Those that i-PI moves."""
    source = root
    if root.find("system_template") is not None:
        source = read_xml(path.parent / _EXPANDED)
    systems = source.findall("system")
    if not systems:
        raise InputError(f"{path}: no <system>")
    return systems


def _prefix(system: Element) -> str:
    return system.get("prefix", "").strip()


def _listed(properties: Element) -> set[str]:
    """Names of the properties in an output, without units; one with arguments is another property."""
    text = re.sub(r"\{[^}]*\}", "", properties.text or "").strip(" \t\r\n[]")
    return {name.strip() for name in text.split(",")}


def _named(output: Element | None, system: str, name: str) -> str:
    """A file's name with the prefixes of the outputs and of its system."""
    prefix = "i-pi" if output is None else output.get("prefix", "i-pi").strip()
    name = f"{prefix}.{name.strip()}" if prefix else name.strip()
    return f"{system}_{name}" if system else name


def _beads(system: Element, path: Path) -> int:
    """Number of beads: of <initialize>, or of <beads> in what i-PI has written."""
    for tag in ("initialize", "beads"):
        element = system.find(tag)
        text = "" if element is None else element.get("nbeads", "").strip()
        if text.isascii() and text.isdigit() and int(text) > 0:
            return int(text)
    raise InputError(f"{path}: <initialize> does not say how many beads there are; write nbeads='1'")
