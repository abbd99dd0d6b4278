"""What settings that a user writes have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Settings(BaseModel):
    """Unknown keys are refused, numbers are finite, YAML's ``yes`` is none; nothing is changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _numbers(cls, value: Any, of: ValidationInfo) -> Any:
        kind = cls.model_fields[of.field_name].annotation if of.field_name else None
        return value if bool in _parts(kind) else no_truth(value)


def no_truth(value: Any) -> Any:
    """The value, which is or holds no True: YAML's yes and on are, and would count as 1.

    Raises:
        ValueError: it does.
    """
    if isinstance(value, bool):
        raise ValueError("yes, no, on and off are no numbers; in quotes they are words")
    for item in value if isinstance(value, list | tuple) else ():
        no_truth(item)
    return value


def _parts(kind: Any) -> Iterator[Any]:
    """A type, and the types that it is made of."""
    yield kind
    for part in get_args(kind):
        yield from _parts(part)
