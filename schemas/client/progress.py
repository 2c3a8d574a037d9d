"""Live progress of an audit in a terminal; one line per finished stage where there is no terminal."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ..audits import Audit, AuditEvent, AuditState, StageProgress, StageState
from .terminal import plain, printable

MARKS: dict[StageState, tuple[str, str]] = {
    StageState.WAITING: ("·", "bright_black"),
    StageState.RUNNING: ("▸", "yellow"),
    StageState.DONE: ("✓", "green"),
    StageState.REUSED: ("↺", "cyan"),
    StageState.FAILED: ("✗", "bold red"),
}
OVER = (StageState.DONE, StageState.REUSED)
BAR_WIDTH = 18
NAME_WIDTH = 26


class AuditProgress:
    """Shows an audit's stages as its events come.

    Example::

        with AuditProgress(console, audit) as view:
            for event in client.watch(audit.id):
                view.show(event)

    Args:
        console: where to draw.
        audit: the audit as it stands; its known stages are drawn at once.
    """

    def __init__(self, console: Console, audit: Audit) -> None:
        self._console = console
        self._title = audit.name
        self._state: AuditState = audit.state
        self._stages: dict[str, StageProgress] = {stage.stage: stage for stage in audit.stages}
        self._began = time.monotonic()
        self._spinner = Spinner("dots", style="yellow")
        self._live = Live(
            get_renderable=self._draw, console=console, refresh_per_second=8, transient=False, auto_refresh=True
        )

    def __enter__(self) -> AuditProgress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    @property
    def state(self) -> AuditState:
        """State of the audit after the last event."""
        return self._state

    def show(self, event: AuditEvent) -> None:
        """Take one event."""
        if event.type == "state":
            self._state = AuditState(event.data["state"])
            line = plain(f"audit {self._state}", "bold")
        else:
            stage = StageProgress.model_validate(event.data, extra="ignore")
            self._stages[stage.stage] = stage
            line = _log_line(stage)
        if not self._console.is_terminal and line.plain:
            self._console.print(line, soft_wrap=True)

    def _draw(self) -> RenderableType:
        over = sum(stage.state in OVER for stage in self._stages.values())
        head = Table.grid(padding=(0, 1))
        mark: RenderableType = Text(_end_mark(self._state)) if self._state.terminal else self._spinner
        counted = f"{over}/{len(self._stages)} stages · " if self._stages else ""
        elapsed = f"{counted}{clock(time.monotonic() - self._began)}"
        head.add_row(mark, plain(self._title, "bold"), Text(self._state, "yellow"), Text(elapsed, "bright_black"))
        return Group(head, self._rows())

    def _rows(self) -> RenderableType:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=1)
        table.add_column(width=NAME_WIDTH, no_wrap=True, overflow="ellipsis")
        table.add_column(width=BAR_WIDTH)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for stage in self._visible():
            sign, style = MARKS[stage.state]
            table.add_row(Text(sign, style), plain(stage.stage), _bar(stage), plain(_note(stage), "bright_black"))
        return table

    def _visible(self) -> list[StageProgress]:
        """Every stage where the terminal is high enough, else those that matter now."""
        stages = list(self._stages.values())
        room = max(6, self._console.height - 4)
        if len(stages) <= room:
            return stages
        active = [stage for stage in stages if stage.state in (StageState.RUNNING, StageState.FAILED)]
        finished = [stage for stage in stages if stage.state in OVER]
        return finished[-max(0, room - len(active)) :][: room - len(active)] + active[:room]


def clock(seconds: float) -> str:
    """``75`` is ``1:15``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _bar(stage: StageProgress) -> RenderableType:
    if stage.state is StageState.WAITING:
        return Text("")
    fraction = 1.0 if stage.state in OVER else stage.fraction
    return ProgressBar(total=1.0, completed=fraction, width=BAR_WIDTH, complete_style="yellow", finished_style="green")


def _note(stage: StageProgress) -> str:
    if stage.state is StageState.REUSED:
        return "known from an earlier audit"
    seconds = "" if stage.seconds is None else f"{stage.seconds:.1f} s"
    return "  ".join(part for part in (seconds, printable(stage.detail)) if part)


def _log_line(stage: StageProgress) -> Text:
    """A line for logs; empty for mere progress, which would flood them."""
    if stage.state in (StageState.WAITING, StageState.RUNNING):
        return Text("")
    sign, style = MARKS[stage.state]
    return Text.assemble((sign, style), " ", printable(stage.stage), "  ", (_note(stage), "bright_black"))


def _end_mark(state: AuditState) -> str:
    return "✓" if state is AuditState.SUCCEEDED else "✗"
