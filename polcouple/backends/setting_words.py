"""Settings of a backend as words: how they are typed, and written so that they are read back as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from polcouple.dftb.parameter_sets import find_slako
from polcouple.errors import InputError


def parse_settings(words: Iterable[str], slako: str | None = None) -> dict[str, Any]:
    """Settings of words ``KEY=VALUE``, and of ``--slako``.

    Raises:
        InputError: a word that is not KEY=VALUE, or a parameter set that is not installed.
    """
    settings = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise InputError(f"--set {word}: write KEY=VALUE, for example --set accuracy=1e-7")
        settings[key.strip()] = _value(value, f"--set {word[:80]}")
    if slako:
        settings["slako"] = given_slako(slako)
    return settings


def parse_backend(text: str) -> tuple[str, dict[str, Any]]:
    """Name and settings of ``NAME[:KEY=VALUE,...]``.

    Raises:
        InputError: a setting that is not KEY=VALUE.
    """
    name, _, rest = text.partition(":")
    settings = {}
    for part in filter(None, re.split(r",(?![^\[{]*[\]}])", rest)):
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(f"--backend {text}: write NAME:KEY=VALUE,KEY=VALUE")
        settings[key] = _value(value, f"--backend {text}")
    return name, settings


def absolute(settings: Mapping[str, Any], directory: Path = Path()) -> dict[str, Any]:
    """Settings whose paths, and texts with a slash, are paths from ``directory`` (the working directory)."""
    return {key: _absolute(value, directory) for key, value in settings.items()}


def given_slako(text: str) -> str:
    """The directory of .skf files that ``--slako`` names, a set or a path from here.

    Raises:
        InputError: there is no such set or folder.
    """
    return str(find_slako(text, Path.cwd()).resolve())


def setting_word(key: str, value: Any) -> str:
    """``KEY=VALUE`` from which the value is read back as it is, whatever its type."""
    if isinstance(value, str) and _value(value, key) == value:
        return f"{key}={value}"
    return f"{key}={setting_text(value)}"


def setting_text(value: Any) -> str:
    """A value as YAML on one line: null, true, .inf, and quotes about text that would be one of these."""
    return str(yaml.safe_dump([value], default_flow_style=True, width=10**6))[1:-2]


def _absolute(value: Any, directory: Path) -> Any:
    if isinstance(value, Mapping):
        return absolute(value, directory)
    is_path = isinstance(value, Path) or (isinstance(value, str) and "/" in value)
    return str((directory / value).resolve()) if is_path else value


def _value(text: str, where: str) -> Any:
    """What was typed after the equals sign; with a slash it is a path, from the working directory."""
    if "/" in text:
        return str(Path(text).resolve())
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InputError(f"{where}: the value is not valid YAML") from None
