"""The table of changes, and what ``--fail-on`` makes of them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from schemas.client.change_table import WORDS, change_table
from schemas.client.compare_command import FailOn, outcome
from schemas.comparisons import Change, ComparisonResult
from schemas.results import Verdict
from tests.builders.comparisons import FEATURES, compared, comparison_result, feature_change

USED, IGNORED, ANY = FailOn.BECAME_USED, FailOn.BECAME_IGNORED, FailOn.ANY


def only(*changes: Change) -> ComparisonResult:
    return comparison_result({f"feature {number}": change for number, change in enumerate(changes)})


def undecided(before: Verdict, after: Verdict) -> ComparisonResult:
    return comparison_result(changes=[feature_change("hue", Change.UNDECIDED, before=before, after=after)])


@pytest.mark.parametrize(
    ("changes", "unwanted", "code"),
    [
        ([Change.BECAME_USED], [], 0),
        ([Change.BECAME_USED], [USED], 1),
        ([Change.BECAME_USED], [IGNORED], 0),
        ([Change.BECAME_USED], [IGNORED, USED], 1),
        ([Change.BECAME_IGNORED], [IGNORED], 1),
        ([Change.BECAME_USED, Change.UNDECIDED], [USED], 1),
        ([Change.MORE], [USED], 0),
        ([Change.MORE], [ANY], 1),
        ([Change.LESS], [ANY], 1),
        ([Change.SAME], [ANY], 0),
        ([], [ANY], 2),
        ([], [], 0),
    ],
)
def test_exit_code_of_changes(changes: list[Change], unwanted: list[FailOn], code: int) -> None:
    assert outcome(only(*changes), unwanted) == code


@pytest.mark.parametrize(
    ("before", "after", "unwanted", "code"),
    [
        (Verdict.IGNORED, Verdict.USED, USED, 2),
        (Verdict.UNDETERMINED, Verdict.UNTRUSTED, USED, 2),
        (Verdict.USED, Verdict.USED, USED, 0),
        (Verdict.UNDETERMINED, Verdict.IGNORED, USED, 0),
        (Verdict.USED, Verdict.IGNORED, IGNORED, 2),
        (Verdict.IGNORED, Verdict.UNDETERMINED, IGNORED, 0),
        (Verdict.UNDETERMINED, Verdict.USED, IGNORED, 0),
        (Verdict.USED, Verdict.USED, ANY, 2),
    ],
)
def test_what_is_not_decided_fails_only_where_it_may_be_what_is_not_wanted(
    before: Verdict, after: Verdict, unwanted: FailOn, code: int
) -> None:
    assert outcome(undecided(before, after), [unwanted]) == code


ENCODED, OPEN = Verdict.ENCODED_UNUSED, Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("change", "before", "after", "code"),
    [
        (Change.MORE, ENCODED, Verdict.USED, 1),
        (Change.MORE, Verdict.IGNORED, Verdict.USED, 1),
        (Change.MORE, Verdict.IGNORED, OPEN, 2),
        (Change.MORE, ENCODED, Verdict.UNTRUSTED, 2),
        (Change.MORE, OPEN, Verdict.USED, 2),
        (Change.MORE, OPEN, OPEN, 2),
        (Change.MORE, Verdict.USED, OPEN, 0),
        (Change.MORE, OPEN, ENCODED, 0),
        (Change.MORE, Verdict.IGNORED, ENCODED, 0),
        (Change.LESS, OPEN, OPEN, 0),
        (Change.LESS, ENCODED, Verdict.USED, 0),
        (Change.SAME, OPEN, Verdict.USED, 0),
        (Change.UNDECIDED, ENCODED, Verdict.USED, 2),
    ],
)
def test_an_effect_that_grew_may_have_made_a_feature_used(
    change: Change, before: Verdict, after: Verdict, code: int
) -> None:
    """And one that shrank may have made it ignored: the same, the other way round."""
    there = comparison_result(changes=[feature_change("hue", change, before=before, after=after)])
    assert outcome(there, [USED]) == code
    mirrored = {Change.MORE: Change.LESS, Change.LESS: Change.MORE}.get(change, change)
    back = comparison_result(changes=[feature_change("hue", mirrored, before=after, after=before)])
    assert outcome(back, [IGNORED]) == code


def test_a_change_inside_is_no_change_of_the_decision() -> None:
    inside = [feature_change("hue", Change.BECAME_USED, "conv1"), feature_change("hue", Change.SAME)]
    assert outcome(comparison_result(changes=inside), [ANY]) == 0


def shown(result: ComparisonResult) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(change_table(result))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_the_table_of_changes_fits_a_terminal_and_needs_no_colour() -> None:
    text = shown(comparison_result(only_after=["tap conv9"]))
    assert max(map(len, text.splitlines())) <= 80
    for feature, change in FEATURES.items():
        assert feature.split()[0] in text
        assert WORDS[change] in text
    assert "+61" in text
    assert "+58 to +64" in text
    assert "−34 to −28" in text
    assert "tap conv9" in text
    order = [text.index(word) for word in ("became used", "became ignored", "matters more", "no change")]
    assert order == sorted(order)


def test_what_was_not_measured_has_no_numbers() -> None:
    missing = feature_change("hue", Change.UNDECIDED, flip_rate=None, reasons=["No edit of it was measured."])
    text = shown(comparison_result(changes=[missing], agreement=None, accuracy=None))
    assert "No edit of it was measured." in text
    assert "%" not in text


def test_names_drive_no_terminal() -> None:
    evil = "\x1b[2J\x1b]0;owned\x07[bold]hue"
    before = compared(evil, 1)
    told = comparison_result({evil: Change.UNDECIDED}, before=before, only_before=[evil])
    text = shown(told)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]" in text
