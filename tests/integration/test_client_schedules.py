"""``scotoma schedule`` and ``scotoma policy push|list|show`` against a real API; the documentation shows its words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, update
from structlog.testing import capture_logs
from typer.testing import CliRunner

from schemas.api_keys import Scope
from schemas.client.cli import app
from schemas.client.client import Client
from schemas.client.errors import ServiceError
from schemas.schedules import ScheduleCreate
from services.db.engine import transaction
from services.db.tables import AuditRow
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread
from tests.builders.rows import add_classifier, add_dataset

DOCS = Path(__file__).parents[2] / "deploy/docs/schedules.md"


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with (
        capture_logs(),
        api_in_thread(settings, engine, store) as api,
    ):  # the API's lines would be in the commands' words
        yield api


@pytest.fixture
def subjects(api: Api) -> tuple[str, str]:
    with transaction(api.factory) as session:
        return add_classifier(session, "fraud"), add_dataset(session)


def scotoma(api: Api, *arguments: str, code: int = 0) -> str:
    environ = {"SCOTOMA_URL": api.url, "SCOTOMA_API_KEY": api.key(Scope.SUBMITTER), "COLUMNS": "120", "NO_COLOR": "1"}
    result = CliRunner().invoke(app, list(arguments), env=environ)
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


def test_the_life_of_a_schedule(api: Api, subjects: tuple[str, str]) -> None:
    asked = ("nightly", "30 2 * * *", subjects[1], "--zone", "Europe/Berlin", "--classifier-name", "fraud")
    made = scotoma(api, "schedule", "create", *asked, "--jitter", "10m", "--catch-up-window", "7d")
    schedule = made.split()[0]
    assert schedule.startswith("sch_")
    kept = json.loads(scotoma(api, "schedule", "show", schedule, "--json"))
    assert (kept["jitter"], kept["catch_up_window"], kept["overlap"]) == (600, 604_800, "skip")
    assert re.search(
        rf"{schedule}\s+active\s+in \d+ \w+\s+30 2 \* \* \*\s+Europe/Berlin", scotoma(api, "schedule", "list")
    )
    assert "paused" in scotoma(api, "schedule", "pause", schedule, "--reason", "the data moves")
    assert "the data moves" in scotoma(api, "schedule", "show", schedule)
    assert "active" in scotoma(api, "schedule", "resume", schedule)
    audit = scotoma(api, "schedule", "trigger", schedule).strip()
    assert json.loads(scotoma(api, "audit", "show", audit, "--json"))["origin"]["schedule"] == schedule
    said = scotoma(api, "schedule", "backfill", schedule, "2026-03-28", "2026-03-30T12:00+02:00")
    assert said == "3 wait now; of 0 an audit had begun already.\n"
    shown = scotoma(api, "schedule", "show", schedule)
    assert "the newest ready classifier named fraud" in shown
    assert shown.count("backfill") == 3
    waiting = json.loads(scotoma(api, "schedule", "occurrences", schedule, "--state", "waiting", "--json"))
    assert [one["due_at"] for one in waiting] == [
        "2026-03-30T00:30:00Z",
        "2026-03-29T01:00:00Z",
        "2026-03-28T01:30:00Z",
    ]
    scotoma(api, "schedule", "delete", schedule)
    assert schedule not in scotoma(api, "schedule", "list")


def test_the_documentation_shows_what_is_printed(api: Api, subjects: tuple[str, str]) -> None:
    """Each ``scotoma schedule upcoming`` of the page, for a schedule as the line before it says."""
    examples = re.findall(
        r'# "([^"]+)" in (\S+)\n\$ scotoma schedule upcoming \S+ (.+)\n((?:.+\n)+)```', DOCS.read_text()
    )
    assert len(examples) >= 3
    with Client(api.url, api.key(Scope.SUBMITTER)) as client:
        for cron, zone, options, printed in examples:
            asked = ScheduleCreate(name="n", cron=cron, zone=zone, dataset=subjects[1], classifier=subjects[0])
            schedule = client.create_schedule(asked).id
            lines = scotoma(api, "schedule", "upcoming", schedule, *options.split()).splitlines()
            assert [line.rstrip() for line in lines] == printed.splitlines(), (cron, zone)


def test_nobodys_change_is_lost(api: Api, subjects: tuple[str, str]) -> None:
    asked = ScheduleCreate(name="n", cron="0 3 * * *", dataset=subjects[1], classifier=subjects[0])
    with Client(api.url, api.key(Scope.SUBMITTER)) as client:
        read = client.create_schedule(asked)
        changed = client.change_schedule(read, asked.model_copy(update={"cron": "0 4 * * *"}))
        assert (changed.revision, changed.cron) == (2, "0 4 * * *")
        with pytest.raises(ServiceError, match="revision 2"):
            client.change_schedule(read, asked)


@pytest.mark.parametrize(
    "arguments",
    [
        ("schedule", "backfill", "sch_000000000000000000000000", "yesterday", "2026-01-01"),
        ("schedule", "create", "n", "0 3 * * *", f"dat_{'0' * 24}", "--jitter", "10 minutes"),
    ],
)
def test_times_that_nobody_understands_are_usage_errors(api: Api, arguments: tuple[str, ...]) -> None:
    scotoma(api, *arguments, code=2)


def test_a_policy_is_pushed_listed_shown_and_asked_for(api: Api, subjects: tuple[str, str], tmp_path: Path) -> None:
    document = tmp_path / "policy.yaml"
    document.write_text("version: 1\nname: release\nrules:\n  - must_ignore: hue\n")
    first, again = (scotoma(api, "policy", "push", str(document)).strip() for _ in range(2))
    assert first == again
    assert re.search(rf"{first}\s+1\s+1\s", scotoma(api, "policy", "list"))
    assert "must ignore hue at logits" in scotoma(api, "policy", "show", first)
    audit = scotoma(api, "audit", "submit", *subjects, "--policy-id", first).strip()
    with transaction(api.factory) as session:
        session.execute(update(AuditRow).where(AuditRow.id == audit).values(gate="fail"))
    assert audit in scotoma(api, "audit", "list", "--gate", "fail")
    assert audit not in scotoma(api, "audit", "list", "--gate", "pass")
