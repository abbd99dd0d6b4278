"""Packages that bring a backend or an engine, as an installer leaves them in a directory."""

from pathlib import Path


def install(directory: Path, package: str, version: str, group: str, entries: dict[str, str]) -> None:
    """Metadata of ``package`` with the entry points ``entries`` (name: module) in ``group``."""
    metadata = directory / f"{package.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    lines = [f"{name} = {value}" for name, value in entries.items()]
    (metadata / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]) + "\n")
