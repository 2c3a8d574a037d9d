"""Run events say what is so; what was not decided passes no test. OpenLineage reads them in tests/integration."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from schemas.policies import Policy
from schemas.policies.check import check
from schemas.results import AuditResult, Verdict
from services.lineage.events import Run, RunState, Thing, run_event, run_id
from services.lineage.executions import executions
from tests.builders.results import result

AUDIT = "aud_" + "0" * 24
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
INPUTS = (Thing("ours/datasets/digits", "a" * 64, "FILE"), Thing("ours/classifiers/cnn", "b" * 64, "MODEL"))
RULES: list[dict[str, Any]] = [{"must_ignore": "hue"}, {"must_ignore": "slant"}, {"must_ignore": "sharpness"}]


def judged(rules: list[dict[str, Any]]) -> AuditResult:
    found = result()
    policy = Policy.model_validate({"version": 1, "name": "shortcuts", "rules": rules})
    return found.model_copy(update={"policies": [check(policy, found)]})


def test_an_event_tells_the_digests_the_time_and_each_facet_by_its_key() -> None:
    """The keys of facets are the spec's: a backend passes by what it does not know by its key."""
    outputs = (Thing("r", "c" * 64, "FILE"),)
    run = Run("https://scotoma.example", "ours/cnn", AUDIT, INPUTS, outputs, executions(judged(RULES)), "not finite")
    event = run_event(run, RunState.FAIL, AT)
    assert event["eventTime"] == "2026-11-22T12:00:00+00:00"
    assert [thing["facets"]["version"]["datasetVersion"] for thing in event["inputs"]] == ["a" * 64, "b" * 64]
    assert named(event["run"]) == {
        "processing_engine": "ProcessingEngineRunFacet",
        "test": "TestRunFacet",
        "errorMessage": "ErrorMessageRunFacet",
    }
    assert named(event["job"]) == {"jobType": "JobTypeJobFacet"}
    kinds = {"version": "DatasetVersionDatasetFacet", "datasetType": "DatasetTypeDatasetFacet"}
    assert [named(thing) for thing in [*event["inputs"], *event["outputs"]]] == [kinds] * 3


def named(thing: dict[str, Any]) -> dict[str, str]:
    return {key: facet["_schemaURL"].rpartition("/")[2] for key, facet in thing["facets"].items()}


def test_tests_use_the_words_of_the_spec() -> None:
    """OpenLineage's classes take any word here, so its words are written out."""
    made = [*executions(judged(RULES)), *executions(result()), *executions(result(failed_gate=True))]
    assert {test["status"] for test in made} == {"pass", "fail", "skip"}
    assert {test["severity"] for test in made} == {"error", "warn"}


def test_an_audit_is_one_run_whatever_is_told_of_it() -> None:
    assert run_id("aud_1") == run_id("aud_1") != run_id("aud_2")
    assert UUID(run_id("aud_1")).version == 5


def test_rules_of_a_policy_pass_fail_or_are_skipped() -> None:
    found = {test["name"]: test for test in executions(judged(RULES)) if test["type"] == "policy"}
    assert [test["status"] for test in found.values()] == ["pass", "fail", "skip"]
    assert {test["severity"] for test in found.values()} == {"error"}
    assert not [test for test in executions(judged(RULES)) if test["type"] == "finding"]


def test_without_a_policy_it_is_tested_whether_the_audit_could_decide() -> None:
    found = {test["name"]: test for test in executions(result()) if test["type"] == "finding"}
    assert {name: test["actual"] for name, test in found.items()} == {
        "hue at logits: decided": "ignored",
        "slant at logits: decided": "used",
        "stroke thickness at logits: decided": "encoded_unused",
        "sharpness at logits: decided": "undetermined",
        "position at logits: decided": "untrusted",
    }
    skipped = {test["actual"] for test in found.values() if test["status"] == "skip"}
    assert skipped == {Verdict.UNDETERMINED, Verdict.UNTRUSTED}


def test_gates_and_controls_are_tests() -> None:
    found = [test for test in executions(result(failed_gate=True)) if test["type"] in ("gate", "control")]
    assert {test["status"] for test in found} == {"pass", "fail"}
    passed = [test for test in executions(result(failed_gate=False)) if test["type"] in ("gate", "control")]
    assert {test["status"] for test in passed} == {"pass"}
