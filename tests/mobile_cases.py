"""What tests of electrodes that move share: the quantum case, and changes of a case."""

from pathlib import Path

import yaml

QUANTUM = Path(__file__).parent.parent / "ipi_inputs" / "graphene_water_qm"


def change(directory, **keys):
    """Set keys of system.yaml, or take out those that are None."""
    path = directory / "system.yaml"
    content = yaml.safe_load(path.read_text()) | keys
    path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
