"""Text of strangers in a terminal, and the console that shows it."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text


def printable(text: str) -> str:
    """``text`` without control characters: an escape sequence in a class name must not drive the terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def plain(text: str, style: str = "") -> Text:
    """``text`` as it is: neither markup nor control characters in it mean anything."""
    return Text(printable(text), style=style)


def people_console() -> Console:
    """Where progress and messages go (stderr), so that stdout stays clean for results."""
    return Console(file=sys.stderr, highlight=False)


def result_console() -> Console:
    """Where results go (stdout)."""
    return Console(file=sys.stdout, highlight=False)
