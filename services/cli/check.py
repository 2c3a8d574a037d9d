"""Probes of what the service needs. Each answers in a few words, or raises."""

from __future__ import annotations

from collections.abc import Callable

from services.db.engine import make_engine
from services.db.migrate import schema_is_current
from services.dispatch.cluster import connect_ray
from services.errors import Unavailable
from services.settings import Settings
from services.storage.client import bucket_of, connect, reaching_storage


def database(settings: Settings) -> str:
    """The database answers and has the schema of this code.

    Raises:
        Unavailable: the schema is another.
    """
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        with engine.connect() as connection:
            if not schema_is_current(connection):
                raise Unavailable("the schema is not current; run: python -m services.cli migrate")
    finally:
        engine.dispose()
    return "reachable, schema current"


def storage(settings: Settings) -> str:
    """The bucket exists and our keys open it.

    Raises:
        Unavailable: the storage did not answer.
    """
    bucket = bucket_of(settings)
    with reaching_storage():
        connect(bucket).head_bucket(Bucket=bucket.name)
    return f"bucket {bucket.name} reachable"


def ray(settings: Settings) -> str:
    """The cluster has processors; without an address, the dispatcher starts Ray by itself."""
    if not settings.ray_address:
        return "local, started by the dispatcher"
    import ray as cluster

    connect_ray(settings.ray_address)
    try:
        resources: dict[str, float] = cluster.cluster_resources()  # type: ignore[no-untyped-call]
    finally:
        cluster.shutdown()
    return f"{resources.get('CPU', 0):g} CPUs, {resources.get('GPU', 0):g} GPUs"


CHECKS: dict[str, Callable[[Settings], str]] = {"database": database, "object storage": storage, "Ray": ray}
