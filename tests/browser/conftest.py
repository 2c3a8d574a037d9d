"""A reader with a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.builders.visits import Visitor


@pytest.fixture
def visitor(browser: Browser, tmp_path: Path) -> Iterator[Visitor]:
    yield Visitor(browser, tmp_path)
    for context in browser.contexts:
        context.close()
