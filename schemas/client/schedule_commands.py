"""``scotoma schedule``."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer
from rich.console import RenderableType

from ..audits import Profile
from ..schedules import CatchUp, OccurrenceState, Overlap, Schedule, ScheduleCreate, Turn
from .audit_options import (
    AllViews,
    How,
    NoSymmetry,
    Seed,
    Symmetries,
    Taps,
    Views,
    audit_base,
    chosen_symmetries,
    chosen_views,
    that_fit,
)
from .file_commands import Json
from .parsing import moment, seconds
from .schedule_tables import occurrence_table, schedule_details, schedule_table, upcoming_table
from .session import Session, session_of, write_json
from .terminal import plain

SHOWN = 5
"""Next times that are shown unasked."""

Option = typer.Option
ScheduleId = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its id, sch_….", show_default=False)]
Count = Annotated[int, Option("-n", "--count", min=1, max=100, help="How many.")]

schedules = typer.Typer(
    no_args_is_help=True, help="Have audits begin by themselves, at the times of a cron expression."
)


@schedules.command("create")
def create_schedule(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="For people.", show_default=False)],
    cron: Annotated[str, typer.Argument(help="Minute, hour, day of month, month, day of week.", show_default=False)],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Such as dat_….", show_default=False)],
    zone: Annotated[str, Option(help="Time zone of the expression: an IANA name such as Europe/Berlin.")] = "UTC",
    classifier: Annotated[str | None, Option(help="Audit this one: clf_….", show_default=False)] = None,
    classifier_name: Annotated[
        str | None, Option(help="Audit the newest ready classifier of this name.", show_default=False)
    ] = None,
    policy: Annotated[
        str | None,
        Option("--policy-id", help="Check this one each time: pol_… (scotoma policy push).", show_default=False),
    ] = None,
    baseline: Annotated[
        str | None,
        Option(help="What no_regression_against means: aud_…, or previous: its last that passed.", show_default=False),
    ] = None,
    begin: Annotated[
        str | None, Option("--from", help="Nothing is due before: 2026-01-31T09:00Z.", show_default=False)
    ] = None,
    finish: Annotated[str | None, Option("--until", help="Nothing is due after.", show_default=False)] = None,
    overlap: Annotated[Overlap, Option(help="When an audit of it still runs at the time.")] = Overlap.SKIP,
    catch_up: Annotated[CatchUp, Option(help="What to make up for after the service was away.")] = CatchUp.LATEST,
    catch_up_window: Annotated[str, Option(help="Never make up for what is older: 90m, 24h, 7d.")] = "24h",
    jitter: Annotated[str, Option(help="Begin up to so much later: 30s, 10m, 1h.")] = "0s",
    pause_after: Annotated[int, Option(min=0, max=1000, help="Failures in a row that pause it; 0: never.")] = 5,
    failed_gates_count: Annotated[
        bool, Option("--failed-gates-count", help="A failed policy is a failure, too.")
    ] = False,
    profile: How = Profile.QUICK,
    seed: Seed = 0,
    tap: Taps = [],  # noqa: B006
    view: Views = [],  # noqa: B006
    all_views: AllViews = False,
    symmetry: Symmetries = [],  # noqa: B006
    no_symmetry: NoSymmetry = False,
    as_json: Json = False,
) -> None:
    """Audit a fixed classifier, or the newest of a name, at the times of CRON. Prints its id; says when it is due.

    Times of day that a clock change leaves out come as soon as it is over; those that come twice come once.

    Example: scotoma schedule create nightly "30 2 * * *" dat_0123456789abcdef --classifier-name fraud
    """
    session = session_of(context)
    config = audit_base(profile, seed, tap, chosen_views(view, all_views), chosen_symmetries(symmetry, no_symmetry))
    with session.client() as client:
        asked = ScheduleCreate(
            name=name, cron=cron, zone=zone, dataset=dataset, classifier=classifier, classifier_name=classifier_name,
            config=that_fit(config, client.dataset(dataset)) if all_views else config,
            policy=policy, baseline=baseline,
            starts_at=None if begin is None else moment(begin), ends_at=None if finish is None else moment(finish),
            overlap=overlap, catch_up=catch_up, catch_up_window=seconds(catch_up_window), jitter=seconds(jitter),
            pause_after=pause_after, failed_gates_count=failed_gates_count,
        )  # fmt: skip
        made = client.create_schedule(asked)
        times = client.upcoming(made.id, SHOWN)
    if as_json:
        return write_json(made)
    session.out.print(made.id)
    session.people.print(upcoming_table(made.zone, times))
    return None


@schedules.command("list")
def list_schedules(context: typer.Context, as_json: Json = False) -> None:
    """Schedules, newest first, with when they are due next."""
    session = session_of(context)
    with session.client() as client:
        items = list(client.schedules())
    write_json(items) if as_json else session.out.print(schedule_table(items))


@schedules.command("show")
def show_schedule(
    context: typer.Context,
    schedule: ScheduleId,
    count: Count = SHOWN,
    as_json: Json = False,
) -> None:
    """One schedule: what it audits, its next times, and what became of the last ones."""
    session = session_of(context)
    with session.client() as client:
        item = client.schedule(schedule)
        if as_json:
            return write_json(item)
        session.out.print(schedule_details(item))
        if item.paused_at is None:
            session.out.print(upcoming_table(item.zone, client.upcoming(schedule, count)))
        session.out.print(occurrence_table(list(islice(client.occurrences(schedule), count))))
    return None


@schedules.command("occurrences")
def list_occurrences(
    context: typer.Context,
    schedule: ScheduleId,
    count: Annotated[int, Option("-n", "--count", min=1, help="How many.")] = 25,
    state: Annotated[OccurrenceState | None, Option(help="Those that came out so.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """What became of the times up to now, latest first."""
    session = session_of(context)
    with session.client() as client:
        wanted = (item for item in client.occurrences(schedule) if state is None or item.state is state)
        items = list(islice(wanted, count))
    write_json(items) if as_json else session.out.print(occurrence_table(items))


@schedules.command("upcoming")
def show_upcoming(
    context: typer.Context,
    schedule: ScheduleId,
    count: Count = 10,
    since: Annotated[
        str | None,
        Option("--from", help="Times after this one: 2026-03-28, 2026-03-28T12:00+01:00.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """The next times, on the wall of the schedule's zone and in UTC; clock changes are marked."""
    session = session_of(context)
    with session.client() as client:
        zone = client.schedule(schedule).zone
        items = client.upcoming(schedule, count, None if since is None else moment(since))
    write_json(items) if as_json else session.out.print(upcoming_table(zone, items, since is None))


@schedules.command("pause")
def pause_schedule(
    context: typer.Context,
    schedule: ScheduleId,
    reason: Annotated[str, Option(help="For whoever wonders.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """Nothing is due until it is resumed; what waits is left out, what runs goes on."""
    session = session_of(context)
    with session.client() as client:
        _show(session, client.pause_schedule(schedule, reason), as_json)


@schedules.command("resume")
def resume_schedule(context: typer.Context, schedule: ScheduleId, as_json: Json = False) -> None:
    """Due again from now on. See backfill for the time between."""
    session = session_of(context)
    with session.client() as client:
        _show(session, client.resume_schedule(schedule), as_json)


@schedules.command("trigger")
def trigger_schedule(context: typer.Context, schedule: ScheduleId, as_json: Json = False) -> None:
    """Begin an audit now, whatever else runs, and print its id.

    Example: scotoma audit watch $(scotoma schedule trigger sch_0123456789abcdef)
    """
    session = session_of(context)
    with session.client() as client:
        begun = client.trigger_schedule(schedule)
    write_json(begun) if as_json else session.out.print(begun.audit)


@schedules.command("backfill")
def backfill_schedule(
    context: typer.Context,
    schedule: ScheduleId,
    since: Annotated[
        str, typer.Argument(metavar="FROM", help="Such as 2026-01-01 or 2026-01-01T00:00+01:00.", show_default=False)
    ],
    until: Annotated[str, typer.Argument(metavar="TO", help="Included.", show_default=False)],
    overlap: Annotated[Turn, Option(help="One after the other, or all at once.")] = Turn.QUEUE,
    as_json: Json = False,
) -> None:
    """Audit for every time from FROM to TO of which no audit began. Sent twice, it adds nothing."""
    session = session_of(context)
    with session.client() as client:
        found = client.backfill_schedule(schedule, moment(since), moment(until), overlap)
    if as_json:
        return write_json(found)
    said = f"{found.waiting} wait now; of {found.already} an audit had begun already."
    session.out.print(plain(said))
    return None


@schedules.command("delete")
def delete_schedule(context: typer.Context, schedule: ScheduleId) -> None:
    """End it for good. Its audits stay, and those that run go on."""
    with session_of(context).client() as client:
        client.delete_schedule(schedule)


def _show(session: Session, item: Schedule, as_json: bool) -> None:
    shown: RenderableType = schedule_table([item])
    write_json(item) if as_json else session.out.print(shown)
