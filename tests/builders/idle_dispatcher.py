"""``python -m tests.builders.idle_dispatcher``: ready at once, does nothing; for tests of what stands around it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from services.dispatch.__main__ import stop_on_signals
from services.settings import load_settings

if __name__ == "__main__":
    stop = threading.Event()
    stop_on_signals(stop)
    Path(load_settings(os.environ).ready_file).touch()
    stop.wait()
