"""What comes with the forces is read by i-PI when it writes it, and not in every step.

i-PI 3.3 reads the text of every answer (hundreds of charges) at once. In a process that we start, the text is
kept and read when something in it is asked for. It belongs to its step as before: nothing is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from functools import cached_property
from typing import Any


class LazyExtras(MutableMapping[str, Any]):
    """Extras of one answer: what ``read`` makes of ``text``, when it is first looked at."""

    def __init__(self, read: Callable[[str], dict[str, Any]], text: str) -> None:
        self._read, self._text = read, text

    @cached_property
    def _content(self) -> dict[str, Any]:
        return self._read(self._text)

    def __getitem__(self, key: str) -> Any:
        return self._content[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._content[key] = value

    def __delitem__(self, key: str) -> None:
        del self._content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)


def read_extras_late() -> None:
    """Have this process's i-PI do so; one that reads them in another way (before 3.3) is left as it is."""
    import ipi.engine.forcefields as forcefields
    import ipi.interfaces.sockets as sockets

    for module in (sockets, forcefields):
        read = getattr(module, "parse_extra", None)
        if read is not None:
            module.parse_extra = lambda text, read=read: LazyExtras(read, text)
