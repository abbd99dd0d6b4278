"""How many frames an xyz file holds: i-PI starts from all of them."""

from __future__ import annotations

from pathlib import Path

from polcouple.errors import InputError


def frames_of(path: Path) -> int:
    """Number of frames of an xyz file.

    Raises:
        InputError: it cannot be read, or a frame does not begin with its number of atoms.
    """
    frames, line_number = 0, 0
    try:
        with path.open() as stream:
            for line in stream:
                line_number += 1
                if not line.strip():
                    continue
                count = int(line)
                frames += 1
                for _ in range(count + 1):
                    next(stream, "")
                    line_number += 1
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; i-PI's input starts from it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    except ValueError:
        raise InputError(
            f"{path}: line {line_number} should hold a number of atoms, and holds '{line.strip()[:40]}'"
        ) from None
    return frames
