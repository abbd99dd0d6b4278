"""Words of other programs' text files."""

from __future__ import annotations


def is_number(word: str) -> bool:
    """Whether a word is a number."""
    try:
        float(word)
    except ValueError:
        return False
    return True
