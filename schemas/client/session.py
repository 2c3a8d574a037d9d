"""What every command shares: the connection, the outputs, and how errors become exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from ..scalars import Contract
from .client import Client
from .errors import IntakeRefused, PolicyUnreadable, ScotomaError, ServiceError, TimedOut
from .files import OnProgress
from .terminal import people_console, plain, printable, result_console

OK, POLICY_VIOLATED, INCONCLUSIVE, USAGE, SERVICE, TIMED_OUT, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
"""Exit codes of ``scotoma``. A pipeline can tell a violated policy from a tool that failed."""


class ExitWith(Exception):
    """Ends the command with an exit code; everything was said already."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Session:
    """Options of the whole command line."""

    url: str | None
    api_key: str | None

    def client(self) -> Client:
        """A client of the service.

        Raises:
            BadParameter: the service or the key is not named.
        """
        if not self.url or not self.api_key:
            raise typer.BadParameter("set SCOTOMA_URL and SCOTOMA_API_KEY, or give --url and --api-key")
        return Client(self.url, self.api_key)

    @property
    def people(self) -> Console:
        """Progress and messages: stderr."""
        return people_console()

    @property
    def out(self) -> Console:
        """Results: stdout."""
        return result_console()


def session_of(context: typer.Context) -> Session:
    """The session that the root command made."""
    session = context.find_object(Session)
    if session is None:
        raise typer.BadParameter("no session")
    return session


def exit_code(error: ScotomaError) -> int:
    """Exit code of an error: a file that was refused is the caller's to change, like a wrong option."""
    if isinstance(error, TimedOut):
        return TIMED_OUT
    return USAGE if isinstance(error, (IntakeRefused, PolicyUnreadable)) else SERVICE


def say_error(console: Console, error: ScotomaError) -> None:
    """One error for people: what was found, what to change, and where to look it up."""
    console.print(Text.assemble(("Error: ", "bold red"), printable(str(error))), soft_wrap=True)
    if isinstance(error, ServiceError) and error.request:
        console.print(plain(f"request {error.request}", "bright_black"))


def write_json(value: Contract | Iterable[Contract]) -> None:
    """Machine output on stdout."""
    plain_value = (
        value.model_dump(mode="json")
        if isinstance(value, Contract)
        else [item.model_dump(mode="json") for item in value]
    )
    # Everything beyond ASCII is escaped, and so is the one control character that JSON lets through.
    sys.stdout.write(json.dumps(plain_value, indent=2).replace("\x7f", "\\u007f") + "\n")


def table(*headers: str) -> Table:
    """A table of plain rows."""
    made = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for header in headers:
        made.add_column(header, no_wrap=header == "Id", overflow="fold")
    return made


@contextmanager
def upload_bar(console: Console, name: str) -> Iterator[OnProgress]:
    """A bar for a file on its way; it disappears when the file is there."""
    columns = (TextColumn("{task.description}"), BarColumn(24), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(f"Sending {printable(name)[:30]}".replace("[", r"\["), total=None)
        yield lambda sent, total: bars.update(task, completed=sent, total=total)
