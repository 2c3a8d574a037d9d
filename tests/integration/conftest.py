"""Real servers, started once: PostgreSQL and SeaweedFS from their wheels, Ray on two CPUs."""

from __future__ import annotations

import os
import secrets
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import Engine

from services.db.engine import SessionFactory, make_engine, make_session_factory
from services.db.migrate import migrate
from services.embedded.folder import DataFolder
from services.embedded.postgres import Postgres
from services.embedded.seaweed import Seaweed
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from services.storage.client import Bucket, bucket_of, ensure_bucket

NO_DURABILITY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
TEMPLATE = "migrated"


@dataclass(frozen=True)
class Servers:
    """The running servers and the bucket that every test shares under its own prefix."""

    postgres: Postgres
    seaweed: Seaweed
    bucket: Bucket


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL (with a migrated template database) and S3, for the whole session.

    Not below pytest's own folder: another pytest would lock the server's unprivileged account out of it.
    """
    with tempfile.TemporaryDirectory(prefix="scotoma-servers-") as path:
        yield from _servers(Path(path))


def _servers(path: Path) -> Iterator[Servers]:
    folder = DataFolder(path)
    ports, keys = folder.ports(), folder.secrets()
    password = keys["database_password"]
    postgres = Postgres(folder.path / "postgres", ports["postgres"], password, folder.log("postgres"), NO_DURABILITY)
    seaweed = Seaweed(folder.path / "objects", ports, keys["s3_access_key"], keys["s3_secret_key"], folder.log("weed"))
    try:
        postgres.start()
        seaweed.start()
        with _admin(postgres) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        migrate(postgres.url(TEMPLATE))
        bucket = Bucket("tests", seaweed.endpoint, "", keys["s3_access_key"], keys["s3_secret_key"])
        ensure_bucket(bucket)
        yield Servers(postgres, seaweed, bucket)
    finally:
        seaweed.stop()
        postgres.stop()
        folder.close()


@contextmanager
def _admin(postgres: Postgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def empty_database_url(servers: Servers) -> Iterator[str]:
    """A database without a table."""
    with _database(servers.postgres, "template1") as url:
        yield url


@pytest.fixture
def database_url(servers: Servers) -> Iterator[str]:
    """A migrated database of this test's own."""
    with _database(servers.postgres, TEMPLATE) as url:
        yield url


@contextmanager
def _database(postgres: Postgres, template: str) -> Iterator[str]:
    name = f"t_{secrets.token_hex(6)}"
    with _admin(postgres) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        try:
            yield postgres.url(name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def settings(database_url: str, servers: Servers) -> Settings:
    """Settings of a whole service: an own database, an own prefix in the shared bucket, quick leases."""
    return Settings(
        database_url=SecretStr(database_url),
        s3_endpoint=servers.bucket.endpoint,
        s3_bucket=servers.bucket.name,
        s3_access_key=servers.bucket.access_key,
        s3_secret_key=SecretStr(servers.bucket.secret_key),
        s3_prefix=f"t{secrets.token_hex(6)}/",
        api_port=0,
        lease_seconds=6.0,
        heartbeat_seconds=0.5,
        poll_seconds=0.1,
    )


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """An engine on this test's database."""
    engine = make_engine(settings.database_url.get_secret_value())
    yield engine
    engine.dispose()


@pytest.fixture
def factory(engine: Engine) -> SessionFactory:
    """Sessions on this test's database."""
    return make_session_factory(engine)


@pytest.fixture
def store(settings: Settings) -> S3BlobStore:
    """Blobs under this test's prefix."""
    return S3BlobStore(bucket_of(settings))


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """A local Ray with two CPUs, for the whole session; its address lets other processes join."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray

        from services.dispatch.cluster import connect_ray

        connect_ray("", cpus=2)
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()


@pytest.fixture(scope="session")
def repository_root() -> Path:
    """The folder that packages are run from."""
    return Path(__file__).parents[2]
