"""What an audit comes to in MLflow's words: keys that it takes, one per feature, and numbers with their intervals."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.results import Effect, Verdict
from services.errors import ModelUnusable
from services.registries.mlflow import entries
from services.registries.mlflow.models import proxied_path
from tests.builders.results import finding, result

KEY = re.compile(r"^[A-Za-z0-9_\-. /:]{1,250}$")


def test_metrics_are_those_of_the_answer_with_their_ends() -> None:
    found = entries.metrics(result())
    assert found["audit/flip_rate/hue"] == pytest.approx(0.003)
    assert found["audit/retention_low/slant"] < found["audit/retention/slant"] < found["audit/retention_high/slant"]
    assert {key: value for key, value in found.items() if "verdicts" in key} == {
        f"audit/verdicts/{verdict}": 1.0 for verdict in Verdict
    }
    assert found["audit/gates_failed"] == 1.0


def test_what_was_not_measured_is_no_metric() -> None:
    bare = finding("hue").model_copy(update={"effect": Effect()})
    moved = finding("slant")
    moved = moved.model_copy(update={"effect": moved.effect.model_copy(update={"alone": False})})
    found = entries.metrics(result().model_copy(update={"findings": [bare, moved, finding("size", tap="hidden")]}))
    assert not [key for key in found if key.startswith("audit/flip_rate")]
    assert "audit/retention/hue" in found
    assert not [key for key in found if "size" in key]


@given(st.lists(st.text(min_size=1, max_size=200).filter(str.strip), min_size=1, max_size=6, unique_by=str.strip))
def test_whatever_features_are_called_each_has_its_own_key(names: list[str]) -> None:
    findings = [finding(name) for name in names]
    found = [key for key in entries.metrics(result().model_copy(update={"findings": findings})) if "flip_rate/" in key]
    assert len(found) == len(names)
    assert all(KEY.match(key) and "//" not in key for key in found)


def test_the_verdict_is_the_policys_or_the_counts() -> None:
    assert entries.verdict(result(), "fail") == "fail"
    assert entries.verdict(result(), None) == "1 encoded_unused, 1 ignored, 1 undetermined, 1 untrusted, 1 used"
    assert entries.verdict(result().model_copy(update={"findings": []}), None) == "no finding"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("mlflow-artifacts:/0/models/m-1/artifacts", "0/models/m-1/artifacts"),
        ("mlflow-artifacts://mlflow:5000/1/x/", "1/x"),
        ("mlflow-artifacts:/a%20b", "a b"),
    ],
)
def test_paths_below_the_servers_own_proxy(uri: str, path: str) -> None:
    assert proxied_path(uri, "http://mlflow:5000") == path


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/x", "file:///etc", "/etc", "", "http://mlflow:5000/x", "mlflow-artifacts://other:5000/x",
        "mlflow-artifacts:/a/../../b", "mlflow-artifacts:/a/%2e%2e/b",
    ],
)  # fmt: skip
def test_other_places_are_not_looked_at(uri: str) -> None:
    with pytest.raises(ModelUnusable):
        proxied_path(uri, "http://mlflow:5000")
