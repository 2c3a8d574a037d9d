"""``python -m tests.builders.toy_dispatcher FOLDER``: a dispatcher process with the toy science."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from services.dispatch.__main__ import serve
from services.observability import configure_logging
from services.settings import load_settings
from tests.builders.toy_science import toy_science

if __name__ == "__main__":
    configure_logging("json", "INFO")
    serve(load_settings(os.environ), toy_science(Path(sys.argv[1])))
