"""The dispatcher works for each project in its own rows, objects and memory, and counts what it used of GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from schemas.ports import BlobMissing
from schemas.projects import DEFAULT_PROJECT
from services.db.engine import SessionFactory, scoped, transaction
from services.db.every_table import SCOPED
from services.db.tables import AuditRow, JobRow, StageOutputRow
from services.dispatch.cluster import Cluster
from services.dispatch.dispatcher import Dispatcher, assembled
from services.observability import Metrics
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.rows import add_audit
from tests.builders.steering import audit_row, ended, eventually, running, runs
from tests.builders.tenants import make_project
from tests.builders.toy_science import toy_science


@pytest.fixture
def dispatcher(settings: Settings, ray_address: str, tmp_path: Path) -> Iterator[Dispatcher]:
    with assembled(settings, toy_science(tmp_path), Metrics()) as bench:
        yield Dispatcher(bench)


def audits_in(factory: SessionFactory, *projects: str) -> list[str]:
    made = []
    for project in projects:
        with scoped(factory, project) as session:
            made.append(add_audit(session, "ok"))
    return made


def test_nothing_is_shared_between_projects(
    dispatcher: Dispatcher, factory: SessionFactory, store: S3BlobStore, tmp_path: Path
) -> None:
    with transaction(factory) as session:
        teams = [make_project(session, name) for name in ("one", "two")]
    projects = [DEFAULT_PROJECT, *teams]
    audits = audits_in(factory, *projects, teams[0])
    with running(dispatcher):
        eventually(ended(factory, *audits))

    assert runs(tmp_path) == sorted(["fit:a", "fit:b", "result", "taps"] * 3)
    digests = {audit_row(factory, audit).result_digest for audit in audits}
    (digest,) = digests
    assert digest is not None
    keys = [store.of_project(project).key(digest) for project in projects]
    assert len(set(keys)) == 3
    for project in projects:
        assert store.of_project(project).get(digest).startswith(b"result ")
    with pytest.raises(BlobMissing):
        store.of_project("prj_" + "9" * 24).get(digest)
    with transaction(factory) as session:
        outputs = list(session.execute(select(StageOutputRow.project_id, StageOutputRow.key)))
        assert {project for project, _ in outputs} == set(projects)
        assert len({key for _, key in outputs}) == len(outputs) == 12


def test_every_row_of_an_audit_is_of_its_project(dispatcher: Dispatcher, factory: SessionFactory) -> None:
    with transaction(factory) as session:
        team = make_project(session, "one")
    (audit,) = audits_in(factory, team)
    with running(dispatcher):
        eventually(ended(factory, audit))
    with transaction(factory) as session:
        for table in SCOPED:
            assert set(session.scalars(text(f"SELECT project_id FROM {table}"))) <= {team}, table
        assert session.scalars(select(JobRow.state)).all() == ["done"]
        assert session.scalars(select(AuditRow.gpu_seconds)).all() == [0.0]


def test_seconds_of_reserved_gpus_are_counted_when_a_stage_runs(
    dispatcher: Dispatcher, factory: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This machine has no GPU: the stage is told that it has one, and Ray that it needs none."""
    submit = Cluster.submit

    def without_gpu(self: Cluster, stage: Any, *rest: Any) -> Any:
        return submit(self, stage.model_copy(update={"gpus": 0.0}), *rest)

    monkeypatch.setattr(Cluster, "gpus_for", lambda _, stage: stage.gpus)
    monkeypatch.setattr(Cluster, "submit", without_gpu)
    first, second = audits_in(factory, DEFAULT_PROJECT, DEFAULT_PROJECT)
    with running(dispatcher):
        eventually(ended(factory, first, second))
    counted = [audit_row(factory, audit).gpu_seconds for audit in (first, second)]
    with transaction(factory) as session:
        seconds = session.scalars(select(StageOutputRow.seconds).where(StageOutputRow.stage == "result")).one()
    assert sorted(counted) == pytest.approx([0.0, 0.5 * seconds])
