"""A training's progress on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from polcouple.learning.committee import Progress as EpochsProgress
from polcouple.learning.training import Progress


@contextmanager
def training_progress() -> Iterator[Progress]:
    """A live line per fit: epoch, losses, and how close early stopping is."""
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    text_column = TextColumn("{task.fields[text]}")
    with Bars(TextColumn("{task.description}"), BarColumn(), text_column, TimeElapsedColumn()) as bars:
        tasks: dict[str, TaskID] = {}

        def report(
            name: str, epoch: int, train: float, validation: float, waited: int, patience: int
        ) -> None:
            text = f"epoch {epoch}, loss {train:.4f}, validation {validation:.4f}, "
            text += f"{waited}/{patience} without gain"
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=patience, text=text)
            bars.update(tasks[name], completed=waited, text=text)

        yield report


@contextmanager
def epochs_progress() -> Iterator[EpochsProgress]:
    """A live line per member: epoch, losses, and how much of the training is done."""
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    text_column = TextColumn("{task.fields[text]}")
    columns = TextColumn("{task.description}"), BarColumn(), text_column
    with Bars(*columns, TimeElapsedColumn(), TimeRemainingColumn()) as bars:
        tasks: dict[str, TaskID] = {}

        def report(name: str, epochs: int, epoch: int, train: float, validation: float) -> None:
            text = f"epoch {epoch}/{epochs}, loss {train:.4f}"
            if validation == validation:
                text += f", validation {validation:.4f}"
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=epochs, text=text)
            bars.update(tasks[name], completed=epoch, text=text)

        yield report
