"""What people see: 80 columns, no escape sequences of strangers, the same without colour."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from schemas.audits import Audit, AuditConfig, AuditEvent, AuditState, StageProgress, StageState
from schemas.client import parsing
from schemas.client.progress import AuditProgress, clock
from schemas.client.terminal import printable
from schemas.client.verdict_table import percent, verdict_table
from schemas.datasets import AttributeSpec
from schemas.results import FeatureKind, Verdict
from tests.builders import results

HOSTILE = "[bold]x[/bold]\x1b[2J\x1b]0;owned\x07\u202e\n"


def shown(renderable: object, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(renderable)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_verdict_table_fits_and_says_each_verdict(width: int) -> None:
    text = shown(verdict_table(results.result()), width)
    assert max(len(line) for line in text.splitlines()) <= width
    for feature, verdict in results.FEATURES.items():
        assert feature in text
        assert verdict.replace("_", " ") in text
    assert "1 of 4 gates failed: round trip" in " ".join(text.split())


def test_verdicts_of_one_kind_stand_together_with_the_ignored_first() -> None:
    text = shown(verdict_table(results.result()))
    order = [text.index(f" {verdict.replace('_', ' ')} ") for verdict in Verdict if verdict.replace("_", " ") in text]
    assert order[0] == min(order)


def test_what_is_there_as_pose_alone_is_marked() -> None:
    whole = results.result(taps=("conv", "logits"))
    assert "pose" not in shown(verdict_table(whole))
    marked = [
        one.model_copy(update={"pose_only": True}) if one.feature == "stroke thickness" else one
        for one in whole.findings
    ]
    text = shown(verdict_table(whole.model_copy(update={"findings": marked})))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "encoded unused, as pose" in text
    assert "↻  ↻" in next(line for line in text.splitlines() if line.lstrip().startswith("stroke thickness  "))
    assert "↻: there as pose only" in " ".join(text.split())


def test_hostile_names_reach_the_terminal_as_text() -> None:
    named = results.result(classifier=results.classifier(name=HOSTILE))
    text = shown(verdict_table(named))
    assert "[bold]x[/bold]" in text
    assert "\x1b" not in text
    assert "\x07" not in text


@given(st.text())
def test_nothing_that_drives_a_terminal_is_printable(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text)) == len(text)


def test_percentages_keep_the_figures_that_matter() -> None:
    estimates = [results.estimate(value) for value in (0.0, 0.003, 0.0999, 0.614, -0.01)]
    assert [percent(item) for item in estimates] == ["0 %", "0.3 %", "10.0 %", "61 %", "0 %"]
    assert percent(None) == "–"


def audit(name: str = "robust on digits") -> Audit:
    return Audit(
        id="aud_0123456789abcdef",
        name=name,
        state=AuditState.QUEUED,
        classifier="clf_0123456789abcdef",
        dataset="dat_0123456789abcdef",
        config=AuditConfig(),
        attempt=0,
        created_at=datetime.now(UTC),
    )


def event(kind: str, **data: object) -> AuditEvent:
    return AuditEvent(sequence=1, audit="aud_0123456789abcdef", type=kind, at=datetime.now(UTC), data=data)


def stage(name: str, state: StageState, **more: object) -> AuditEvent:
    return event("stage", **StageProgress(stage=name, state=state, **more).model_dump(mode="json"))


def test_without_a_terminal_progress_is_one_line_per_finished_stage() -> None:
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    with AuditProgress(console, audit()) as view:
        view.show(event("state", state="running"))
        view.show(stage("taps", StageState.RUNNING, fraction=0.5))
        view.show(stage("taps", StageState.DONE, seconds=1.25))
        view.show(stage("autoencoder", StageState.REUSED))
        view.show(event("state", state="succeeded"))
        assert view.state is AuditState.SUCCEEDED
    assert console.file.getvalue().splitlines() == [
        "audit running",
        "✓ taps  1.2 s",
        "↺ autoencoder  known from an earlier audit",
        "audit succeeded",
    ]


def test_on_a_terminal_every_stage_is_drawn_within_the_screen() -> None:
    console = Console(width=80, height=12, file=io.StringIO(), force_terminal=True, color_system=None)
    with AuditProgress(console, audit(HOSTILE)) as view:
        for number in range(30):
            view.show(stage(f"inn:{HOSTILE}{number}", StageState.DONE, seconds=1.0))
        view.show(stage("evidence", StageState.RUNNING, fraction=0.4, detail="bootstrap"))
        text = shown(view._draw())
    assert "▸ evidence" in text
    assert "30/31 stages" in text
    assert len(text.splitlines()) <= 12
    assert "\x07" not in text


def test_times_read_like_a_clock() -> None:
    assert [clock(seconds) for seconds in (0, 59.9, 75, 3600)] == ["0:00", "0:59", "1:15", "60:00"]


def test_options_are_parsed_or_refused() -> None:
    assert parsing.floats("0.5,1") == [0.5, 1.0]
    assert parsing.attributes(["hue=circular:1.0", "a=b=numeric"]) == {
        "hue": AttributeSpec(kind=FeatureKind.CIRCULAR, period=1.0),
        "a=b": AttributeSpec(kind=FeatureKind.NUMERIC),
    }
    for wrong in ("hue", "=numeric", "hue=round", "hue=circular:x", "hue=circular:-1"):
        with pytest.raises(typer.BadParameter):
            parsing.attributes([wrong])
    with pytest.raises(typer.BadParameter):
        parsing.floats("a,b")


def test_class_names_come_from_lines_or_json(tmp_path) -> None:
    file = tmp_path / "classes"
    for content in ("zero\none\n", '["zero", "one"]'):
        file.write_text(content)
        assert parsing.class_names(file) == ["zero", "one"]
    for content in ("", "zero\n\none", "[1, 2]", "[1"):
        file.write_text(content)
        with pytest.raises(typer.BadParameter):
            parsing.class_names(file)
