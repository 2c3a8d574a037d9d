"""``python -m services.cli.install`` as the migration job runs it, and readiness around migrations."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from alembic import command
from pydantic import SecretStr
from sqlalchemy import text

from services.api.app import create_app
from services.api_keys import service as api_keys
from services.db.engine import make_engine, make_session_factory, transaction
from services.db.migrate import alembic_config, schema_is_sufficient
from services.settings import Settings, settings_environ
from services.storage.client import bucket_of, connect
from tests.builders.api_server import served

TRAP = "import sys; sys.modules.update(ray=None, torch=None, workers=None); sys.argv[0] = 'install'; "
"""The API's image has none of these."""


@pytest.fixture
def fresh(settings: Settings, empty_database_url: str) -> Settings:
    """An installation before its first migration: no tables, no bucket."""
    return settings.model_copy(
        update={"database_url": SecretStr(empty_database_url), "s3_bucket": "fresh-" + settings.s3_prefix.rstrip("/")}
    )


def install(settings: Settings, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = TRAP + "from services.cli.install import app; app()"
    environ = {**os.environ, **settings_environ(settings)}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=root, env=environ, capture_output=True, text=True, check=False
    )


def test_prepare_makes_schema_and_bucket_and_may_run_again(fresh: Settings, repository_root: Path) -> None:
    with served(create_app(fresh)) as url:
        assert httpx.get(f"{url}/readyz", timeout=30).status_code == 503
        for _ in range(2):
            done = install(fresh, repository_root, "prepare", "--bucket")
            assert done.returncode == 0, done.stderr
        assert httpx.get(f"{url}/readyz", timeout=30).json() == {"status": "ready"}
    connect(bucket_of(fresh)).head_bucket(Bucket=fresh.s3_bucket)


def test_the_first_key_opens_the_api(settings: Settings, repository_root: Path) -> None:
    done = install(settings, repository_root, "key", "admin", "--days", "30")
    assert done.returncode == 0, done.stderr
    with served(create_app(settings)) as url:
        answer = httpx.get(f"{url}/v1/api-keys", headers={"Authorization": f"Bearer {done.stdout.strip()}"}, timeout=30)
        assert [(key["name"], key["scope"]) for key in answer.json()["items"]] == [("admin", "admin")]


def test_a_key_gets_the_scope_that_is_asked_for(settings: Settings, repository_root: Path) -> None:
    done = install(settings, repository_root, "key", "ci", "--scope", "submitter")
    engine = make_engine(settings.database_url.get_secret_value())
    with transaction(make_session_factory(engine)) as session:
        assert api_keys.authenticate(session, done.stdout.strip()).scope == "submitter"
    engine.dispose()


def test_a_server_that_never_answers_is_named_without_its_password(settings: Settings, repository_root: Path) -> None:
    nowhere = settings.model_copy(update={"database_url": SecretStr("postgresql://u:hunter2@127.0.0.1:1/x")})
    done = install(nowhere, repository_root, "prepare", "--within", "0")
    assert (done.returncode, "The database does not answer" in done.stderr) == (1, True)
    assert "hunter2" not in done.stderr + done.stdout
    lost = settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"})
    done = install(lost, repository_root, "prepare", "--bucket", "--within", "0")
    assert (done.returncode, "The object storage does not answer" in done.stderr) == (1, True)


def test_missing_settings_are_named(repository_root: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SCOTOMA_")}
    done = subprocess.run(
        [sys.executable, "-m", "services.cli.install", "prepare"],
        cwd=repository_root,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "SCOTOMA_DATABASE_URL" in done.stderr) == (1, True)


def test_readiness_wants_a_schema_that_is_new_enough(settings: Settings) -> None:
    """One migration behind: not ready. Ahead, as for the version before during a rollout: ready."""
    engine = make_engine(settings.database_url.get_secret_value())
    with served(create_app(settings)) as url:
        assert httpx.get(f"{url}/readyz", timeout=30).status_code == 200
        with engine.begin() as connection:
            command.downgrade(alembic_config(connection), "-1")
            assert not schema_is_sufficient(connection)
        assert httpx.get(f"{url}/readyz", timeout=30).status_code == 503
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = 'of_the_next_release'"))
            assert schema_is_sufficient(connection)
        assert httpx.get(f"{url}/readyz", timeout=30).status_code == 200
    engine.dispose()
