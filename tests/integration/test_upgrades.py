"""Databases of earlier releases come along, and the release before goes on working beside this one."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import Engine, text

from schemas.api_keys import ApiKeyCreate, Scope
from schemas.audits import AuditState
from schemas.projects import DEFAULT_PROJECT
from services.api_keys import service as api_keys
from services.db.engine import make_engine, make_session_factory, scoped, transaction
from services.db.migrate import migrate, schema_is_current
from services.db.tables import JobKind
from services.dispatch.dispatcher import Dispatcher, assembled
from services.embedded.postgres import binary
from services.jobs.queue import claim
from services.observability import Metrics
from services.settings import Settings, settings_environ
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import api_in_thread, served_by_process
from tests.builders.rows import add_audit
from tests.builders.steering import eventually, running
from tests.builders.tenants import make_project
from tests.builders.toy_science import toy_science

RELEASES = Path(__file__).parents[1] / "releases"
DUMPS = sorted(RELEASES.glob("*.sql"))
PUT_ASIDE = {"alembic_version"}


def restore(url: str, dump: Path) -> None:
    words = [str(binary("psql")), "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", url, "--file", str(dump)]
    subprocess.run(words, check=True, capture_output=True, text=True)


def rows(url: str) -> dict[str, int]:
    """How many rows each table has."""
    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        counts = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone() for (name,) in names}
    return {name: count[0] for name, count in counts.items() if count and name not in PUT_ASIDE}


def test_every_schema_but_todays_has_a_dump() -> None:
    versions = Path("services/db/migrations/versions")
    known = sorted(file.name[:4] for file in (Path(__file__).parents[2] / versions).glob("0*.py"))
    assert [dump.stem for dump in DUMPS] == known[:-1]


@pytest.mark.parametrize("dump", DUMPS, ids=[dump.stem for dump in DUMPS])
def test_an_old_database_keeps_every_row(empty_database_url: str, dump: Path) -> None:
    restore(empty_database_url, dump)
    before = rows(empty_database_url)
    assert before["audits"] == 3
    migrate(empty_database_url)
    after = rows(empty_database_url)
    assert {name: after[name] for name in before} == before
    engine = make_engine(empty_database_url)
    with engine.connect() as connection:
        assert schema_is_current(connection)
        projects = connection.scalars(text("SELECT DISTINCT project_id FROM audits")).all()
    engine.dispose()
    assert projects == [DEFAULT_PROJECT]


@pytest.mark.parametrize("dump", DUMPS, ids=[dump.stem for dump in DUMPS])
def test_an_old_database_is_served(
    settings: Settings, engine: Engine, store: S3BlobStore, empty_database_url: str, dump: Path
) -> None:
    del engine
    restore(empty_database_url, dump)
    migrate(empty_database_url)
    own = settings.model_copy(update={"database_url": type(settings.database_url)(empty_database_url)})
    mine = make_engine(empty_database_url)
    with api_in_thread(own, mine, store) as api, api.http(Scope.ADMIN) as http:
        audits = {audit["name"]: audit for audit in http.get("/v1/audits").json()["items"]}
        assert {name: audit["state"] for name, audit in audits.items()} == {
            "done": "succeeded",
            "failed": "failed",
            "waiting": "queued",
        }
        events = http.get(f"/v1/audits/{audits['done']['id']}/events", params={"follow": False})
        assert '"succeeded"' in events.text
        assert "before projects" in [key["name"] for key in http.get("/v1/api-keys").json()["items"]]
    mine.dispose()


@pytest.fixture
def release_before(tmp_path: Path) -> Path:
    folder = tmp_path / "release"
    with tarfile.open(RELEASES / "0002.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@contextmanager
def old_process(release: Path, settings: Settings, *words: str) -> Iterator[subprocess.Popen[str]]:
    environ = {**os.environ, **settings_environ(settings), "PYTHONPATH": str(release)}
    command = [sys.executable, "-m", *words]
    process = subprocess.Popen(command, cwd=release, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def held_back() -> str:
    """What the runbook runs before going back."""
    runbook = (Path(__file__).parents[2] / "deploy/runbooks/upgrade.md").read_text()
    return runbook.split("```sql\n")[1].split("```")[0]


CLAIM_ALL = """
import os
from services.db.engine import make_engine, make_session_factory, transaction
from services.db.tables import JobKind
from services.jobs.queue import claim
factory = make_session_factory(make_engine(os.environ["SCOTOMA_DATABASE_URL"]))
while True:
    with transaction(factory) as session:
        claimed = claim(session, list(JobKind), "old", 60.0)
    if claimed is None:
        break
    print(claimed.subject_id)
"""


def test_going_back_to_a_release_without_projects_opens_no_team(
    settings: Settings, engine: Engine, release_before: Path
) -> None:
    """Keys of other projects are strangers there, and their jobs are left alone as the runbook lays them aside."""
    factory = make_session_factory(engine)
    with transaction(factory) as session:
        team = make_project(session, "team")
        theirs = api_keys.create(session, ApiKeyCreate(name="theirs", scope=Scope.VIEWER), team).secret
        ours = api_keys.create(session, ApiKeyCreate(name="ours", scope=Scope.VIEWER)).secret
        assert api_keys.authenticate(session, theirs).project == team
    with scoped(factory, team) as session:
        add_audit(session)
        claim(session, list(JobKind), "this release", 0.0)
    with scoped(factory, DEFAULT_PROJECT) as session:
        audit = add_audit(session)
    with transaction(factory) as session:
        session.execute(text(held_back()))
    environ = {**os.environ, **settings_environ(settings), "PYTHONPATH": str(release_before)}
    command = [sys.executable, "-c", CLAIM_ALL]
    claimed = subprocess.run(command, cwd=release_before, env=environ, capture_output=True, text=True, check=True)
    assert claimed.stdout.split() == [audit]
    with served_by_process(settings, release_before) as url, httpx.Client(base_url=url, timeout=30) as http:
        eventually(lambda: answers(http))
        for secret, status in ((theirs, 401), (ours, 200)):
            answer = http.get("/v1/audits", headers={"Authorization": f"Bearer {secret}"})
            assert answer.status_code == status, answer.text


def answers(http: httpx.Client) -> bool:
    """Whether the server is up."""
    try:
        return http.get("/healthz").status_code == 200
    except httpx.ConnectError:
        return False


def submit(http: httpx.Client, name: str) -> str:
    """Push a classifier and a dataset and start an audit, as a client of either release does."""
    ids = {}
    for kind in ("classifiers", "datasets"):
        upload = http.post("/v1/uploads", json={"filename": f"{kind}.bin", "bytes": 3}).json()["id"]
        http.put(f"/v1/uploads/{upload}/content", content=b"abc").raise_for_status()
        made = http.post(f"/v1/{kind}", json={"name": name, "upload": upload}).raise_for_status().json()
        ids[kind] = made["id"]
        eventually(lambda path=f"/v1/{kind}/{made['id']}": http.get(path).json()["state"] == "ready")
    body = {"name": "ok", "classifier": ids["classifiers"], "dataset": ids["datasets"]}
    answer = http.post("/v1/audits", json=body, headers={"Idempotency-Key": name})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_the_release_before_works_beside_this_one(
    settings: Settings, engine: Engine, store: S3BlobStore, release_before: Path, ray_address: str, tmp_path: Path
) -> None:
    """A rollout: the schema is new, API and dispatcher of both releases run, either way round."""
    with transaction(make_session_factory(engine)) as session:
        secret = api_keys.create(session, ApiKeyCreate(name="rollout", scope=Scope.ADMIN)).secret
    own = settings.model_copy(update={"ray_address": ray_address})
    header = {"Authorization": f"Bearer {secret}"}
    with (
        served_by_process(settings, release_before) as old_url,
        api_in_thread(settings, engine, store) as new,
        httpx.Client(base_url=old_url, headers=header, timeout=30) as old_http,
        httpx.Client(base_url=new.url, headers=header, timeout=30) as new_http,
    ):
        with old_process(release_before, own, "tests.builders.toy_dispatcher", str(tmp_path)):
            by_new = submit(new_http, "old-dispatcher")
            eventually(lambda: new_http.get(f"/v1/audits/{by_new}").json()["state"] == AuditState.SUCCEEDED)
        with assembled(own, toy_science(tmp_path), Metrics()) as bench, running(Dispatcher(bench)):
            by_old = submit(old_http, "new-dispatcher")
            eventually(lambda: old_http.get(f"/v1/audits/{by_old}").json()["state"] == AuditState.SUCCEEDED)
        for http in (old_http, new_http):
            assert {audit["id"] for audit in http.get("/v1/audits").json()["items"]} == {by_new, by_old}
            for audit in (by_new, by_old):
                assert http.get(f"/v1/audits/{audit}/artifacts/sheets").status_code == 200
    with scoped(make_session_factory(engine), DEFAULT_PROJECT) as session:
        assert set(session.scalars(text("SELECT state FROM jobs"))) == {"done"}
