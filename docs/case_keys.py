"""The tables of system.yaml's keys in docs/cases.md, made of the models that validate the file.

    python docs/case_keys.py

writes them into the page, between its markers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from polcouple.case.schema import GivenSystemSection, SystemSection
from polcouple.case.system_yaml import is_section, section_of

PAGE = Path(__file__).with_name("cases.md")
BEGIN, END = "<!-- keys: written by docs/case_keys.py -->", "<!-- end of keys -->"
#: ending of a key -> its unit, the longer ones first
UNITS = {
    "_kcal_per_mol_angstrom2": "kcal/mol/Å²",
    "_kcal_per_mol_rad2": "kcal/mol/rad²",
    "_volt_per_angstrom": "V/Å",
    "_kcal_per_mol": "kcal/mol",
    "_angstrom": "Å",
    "_degree": "degree",
    "_volt": "V",
    "_ev": "eV",
    "_charge_e": "e",
    "_charges_e": "e",
}
_NAMES = {float: "number", int: "whole number", str: "text", bool: "`true` or `false`"}
_SIGNS = {Gt: (">", "gt"), Ge: ("≥", "ge"), Lt: ("<", "lt")}


def tables() -> str:
    """All tables, as they stand in the page."""
    shared = [key for key in SystemSection.model_fields if key not in SystemSection.__annotations__]
    parts = [("Of every case:", SystemSection, shared)]
    for model, what in ((SystemSection, ""), (GivenSystemSection, ", [imported systems](import.md)")):
        own = [key for key in model.model_fields if key not in shared]
        (name,) = get_args(model.model_fields["format"].annotation)
        parts.append((f"Of `format: {name}`{what}:", model, own))
    head = "| key | type and range | unit | default | meaning |\n|---|---|---|---|---|\n"
    return "\n".join(
        f"{title}\n\n{head}" + "".join(row for key in keys for row in _rows(key, model.model_fields[key]))
        for title, model, keys in parts
    )


def _rows(path: str, field: FieldInfo) -> Iterator[str]:
    """The row of a key, and those of the keys below it."""
    section = section_of(field.annotation)
    unit = next((unit for ending, unit in UNITS.items() if path.endswith(ending)), "")
    kind = _kind(field.annotation, field.metadata)
    yield f"| `{path}` | {kind} | {unit} | {_default(field)} | {field.description} |\n"
    if is_section(section):
        of_each = {list: "[]", dict: ".X"}.get(_outer(field.annotation), "")
        for key, inner in section.model_fields.items():
            yield from _rows(f"{path}{of_each}.{key}", inner)


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "required"
    if default is None or default == {} or default == "" or isinstance(default, BaseModel):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _outer(annotation: Any) -> Any:
    """``list`` or ``dict`` of an annotation, else None."""
    origin = get_origin(annotation)
    return origin if origin in (list, dict) else None


def _kind(annotation: Any, limits: Any = ()) -> str:
    """A type and its range in words."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    origin = get_origin(annotation)
    if is_section(annotation):
        return "section"
    if origin is Annotated:
        return _kind(parts[0], [limit for one in parts[1:] for limit in getattr(one, "metadata", [one])])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in parts)
    if origin is list:
        return "list" if is_section(section_of(annotation)) else f"list of {_plural(parts[0])}"
    if origin is dict:
        return (
            "sections by name" if section_of(annotation) is Any or is_section(parts[1]) else "numbers by name"
        )
    return _kind(parts[0], limits) if parts else _NAMES[annotation] + _range(limits)


def _plural(of: Any) -> str:
    return "pairs of whole numbers" if of is not str else "texts"


def _range(limits: Any) -> str:
    signs = [f"{sign} {getattr(one, name):g}" for one in limits for kind, (sign, name) in _SIGNS.items()
             if isinstance(one, kind)]  # fmt: skip
    return f", {' and '.join(signs)}" if signs else ""


def write(page: Path = PAGE) -> None:
    """Put the tables into the page."""
    before, _, rest = page.read_text().partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{tables()}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    write()
