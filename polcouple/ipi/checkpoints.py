"""What a run goes on from: i-PI's RESTART and the files of every <checkpoint> of its input."""

from __future__ import annotations

import contextlib
import os
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from polcouple.errors import InputError
from polcouple.files import write_whole
from polcouple.ipi.input import read_xml, step_of
from polcouple.log import log


@dataclass(frozen=True)
class Checkpoint:
    """Files that one <checkpoint> of i-PI's input writes.

    Attributes:
        path: of the file, or, where each checkpoint has a file of its own, what comes before ``_NUMBER``.
        overwrite: whether there is one file, written anew each time.
    """

    path: Path
    overwrite: bool

    def files(self) -> list[Path]:
        """Those that exist, the newest first; of one that is overwritten also the copy that was kept."""
        if self.overwrite:
            return [path for path in (self.path, self.kept) if path.exists()]
        pattern = re.compile(re.escape(self.path.name) + r"_(\d+)")
        numbered = [(int(m[1]), p) for p in self.path.parent.iterdir() if (m := pattern.fullmatch(p.name))]
        return [path for _, path in sorted(numbered, reverse=True)]

    @property
    def kept(self) -> Path:
        """The copy of one that is overwritten."""
        return self.path.with_name(self.path.name + ".kept")

    def keep(self) -> None:
        """Copy a new, complete file: i-PI overwrites it in place, and may be killed as it does."""
        if not self.overwrite:
            return
        with contextlib.suppress(OSError):
            stamp = self.path.stat().st_mtime
            if self.kept.exists() and self.kept.stat().st_mtime >= stamp:
                return
            text = self.path.read_text()
            if text.rstrip().endswith("</simulation>"):
                write_whole(self.kept, text)
                os.utime(self.kept, (stamp, stamp))


def checkpoints(root: ElementTree.Element, directory: Path) -> list[Checkpoint]:
    """Those that i-PI writes in ``directory``; without an <output> it has one of its own."""
    output = root.find("output")
    if output is None:
        return [Checkpoint(directory / "i-pi.checkpoint", True)]
    prefix = output.get("prefix", "i-pi").strip()
    found = []
    for element in output.iter("checkpoint"):
        name = element.get("filename", "restart").strip()
        overwrite = element.get("overwrite", "True").strip().lower() in ("true", "1", "yes")
        found.append(Checkpoint(directory / (f"{prefix}.{name}" if prefix else name), overwrite))
    return found


def restart_file(directory: Path) -> Path | None:
    """The file of the latest step: RESTART, or a checkpoint where a killed run left only this.

    A file that is not complete, because the disk was full or i-PI was killed as it wrote, is passed over.

    Raises:
        InputError: the directory holds no run, or no file of it is complete.
    """
    latest: tuple[int, Path] | None = None
    failure: InputError | None = None
    sources = [checkpoint.files() for checkpoint in checkpoints(read_xml(directory / "input.xml"), directory)]
    if (directory / "RESTART").exists():
        sources.insert(0, [directory / "RESTART"])
    for files in sources:
        for path in files:
            try:
                step = step_of(read_xml(path))
            except InputError as error:
                log(f"warning: {error}; passed over")
                failure = error
                continue
            if latest is None or step > latest[0]:
                latest = (step, path)
            break
    if latest is None and failure is not None:
        raise failure
    return None if latest is None else latest[1]
