"""Reading a YAML file that users write, into a pydantic model; what is wrong is named with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from polcouple.errors import InputError, nearest

_Model = TypeVar("_Model", bound=BaseModel)
#: place of a value: keys of mappings and indices of lists
_Place = Sequence[str | int]
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


def read_model(path: Path, model: type[_Model], others: Mapping[str, type[_Model]] | None = None) -> _Model:
    """The content of ``path``, validated; by another model of ``others`` where that is its ``format``.

    Raises:
        InputError: the file is missing, is not YAML, or its content is not what the model expects.
    """
    text = _text(path)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        content = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that is none, "[" a thousand times
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if node is None or not isinstance(content, dict):
        raise InputError(f"{path}: expected the keys {', '.join(model.model_fields)}")
    model = (others or {}).get(str(content.get("format")), model)
    return validated(content, model, lambda place: f"{path}: line {_line(node, place)}")


def validated(content: Mapping[str, Any], model: type[_Model], where: Callable[[_Place], str]) -> _Model:
    """``content`` as a model; ``where`` says in a message where a place in it is.

    Raises:
        InputError: the content is not what the model expects.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # a misspelt key before the one that it leaves missing
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        place = first["loc"]
        key = ".".join(map(str, place))
        if first["type"] == "extra_forbidden":
            raise InputError(f"{where(place)}: unknown key '{key}'{_meant(model, place)}") from None
        shown = "" if first["type"] == "missing" else f" (got {str(first['input'])[:60]!r})"
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{where(place)}: {key}: {message}{shown}") from None


class _Loader(yaml.SafeLoader):
    """Refuses keys that stand twice, of which YAML takes the last, and such as ``No``, which is False."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in seen:
                raise yaml.YAMLError(f"line {line}: the key '{key.value}' stands twice")
            if key.tag not in (_TEXT, _MERGE):
                raise yaml.YAMLError(f"line {line}: YAML takes '{key.value}' for no text; put it in quotes")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise InputError(f"{path.parent}: no such case; `polcouple build` writes one") from None
        raise InputError(f"{path}: no such file; `polcouple build` writes a case directory") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is no UTF-8 text; save it as plain text") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _line(node: yaml.Node, place: _Place) -> int:
    """Line of the innermost part of ``place`` that is there."""
    line = node.start_mark.line
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == str(part)]
            if not pairs:
                break
            key, node = pairs[0]
            line = key.start_mark.line
        elif isinstance(node, yaml.SequenceNode):
            node = node.value[int(part)]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1


def _meant(model: type[BaseModel], place: _Place) -> str:
    """What an unknown key may stand for: one of its section, one of another, or else all of its section."""
    word = str(place[-1])
    kind: Any = model
    for part in place[:-1]:
        if part in kind.model_fields:  # and else a place in a list, or in a mapping of elements
            kind = section_of(kind.model_fields[part].annotation)
    known = list(kind.model_fields)
    others = [section for section, key in _keys(model, "") if key == word]
    if others:
        return f"; it belongs in {others[0]}"
    return nearest(word, known) or f"; known there: {', '.join(known)}"


def _keys(model: type[BaseModel], section: str) -> Iterator[tuple[str, str]]:
    """All sections and keys of a model."""
    for key, field in model.model_fields.items():
        yield section or "the outermost level", key
        kind = section_of(field.annotation)
        if is_section(kind):
            yield from _keys(kind, f"{section}.{key}" if section else key)


def section_of(annotation: Any) -> Any:
    """The section in an optional one, a list or a mapping of them."""
    while not is_section(annotation) and get_args(annotation):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        annotation = next(filter(is_section, kinds), kinds[-1])
    return annotation


def is_section(kind: Any) -> bool:
    """Whether a type is a model with keys of its own."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)
