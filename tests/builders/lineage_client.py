"""What OpenLineage's own client makes of our events, in a process of its environment: ``.venv/tools/openlineage``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv" / "tools" / "openlineage" / "bin" / "python"
DRIVE = ROOT / "tests" / "tools" / "openlineage_drive.py"

Event = dict[str, Any]


def read_by_client(events: Sequence[Event]) -> list[dict[str, Any]]:
    """For each event ``event``, as the client writes it again, or ``refused``, why it is none for it."""
    assert PYTHON.exists(), "Not installed: run 'make test', or 'make .venv/tools/openlineage/.installed'"
    lines = "".join(json.dumps(event) + "\n" for event in events)
    done = subprocess.run([str(PYTHON), str(DRIVE)], input=lines, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_events(events: Sequence[Event]) -> None:
    """Raise unless the client knows all that ``events`` say, each facet by the version that it names, and no more."""
    read = read_by_client(events)
    assert [_filled(one) for one in read] == [{"event": _filled(event)} for event in events]


def _filled(value: Any) -> Any:
    """Without empty mappings: the client writes those that it was not told."""
    if isinstance(value, dict):
        return {key: _filled(one) for key, one in value.items() if one != {}}
    return [_filled(one) for one in value] if isinstance(value, list) else value
