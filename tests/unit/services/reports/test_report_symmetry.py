"""The section on symmetry, what is told of pose alone, and scores without the pose."""

from __future__ import annotations

import re

import pytest
from markupsafe import Markup

from schemas.audits import SymmetryGroup
from schemas.results import Symmetry, Tap, Verdict
from services.reports import render_report
from services.reports.inputs import IMAGES
from services.reports.sentences import pose_note, pose_sentence
from services.reports.symmetry import action_words, symmetry_view
from services.reports.symmetry_sentences import group_sentence
from services.reports.symmetry_words import FIELDS, GROUPS, STATES
from services.reports.view import report_view
from tests.builders import results as build
from tests.builders import symmetries
from tests.builders.pages import page_part as part
from tests.builders.pages import page_text as text

C4 = SymmetryGroup.C4


@pytest.fixture(scope="module")
def html() -> str:
    return render_report(symmetries.symmetric_result(), symmetries.symmetric_sheets(rows=1))


@pytest.fixture(scope="module")
def section(html: str) -> str:
    return html.partition('id="symmetry"')[2].partition('id="samples"')[0]


def words(markup: Markup) -> str:
    return text(Markup(markup).unescape())


def rows(**states: symmetries.State) -> list[Symmetry]:
    return [symmetries.symmetry(tap, C4, state) for tap, state in states.items()]


def test_every_group_action_and_state_has_words() -> None:
    assert set(GROUPS) == set(SymmetryGroup)
    fields = Symmetry.model_fields
    assert set(FIELDS) == set(fields["action"].annotation.__args__)
    assert set(STATES) == set(fields["state"].annotation.__args__)
    assert action_words("spatial", IMAGES) == "the map moves with the picture"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("exact", "the answer stays the same, exactly."),
        ("approximate", "scores stay roughly the same, as by training: they move 6.1 % of the way to those of another"),
        (
            "broken",
            "the answer’s scores change: they move 71 % of the way to those of another input (95 % CI 66–77 %).",
        ),
        ("unclear", "it is not clear whether the answer stays the same: its scores move 16 %"),
    ],
)
def test_each_state_of_the_answer_is_told_with_its_interval(state: symmetries.State, said: str) -> None:
    told = words(group_sentence(C4, rows(logits=state)))
    assert told.startswith("Turned by quarter turns, ")
    assert said in told
    assert "Inside" not in told


def test_taps_that_do_the_same_are_told_together_in_their_order() -> None:
    told = words(
        group_sentence(C4, rows(conv1="exact", conv2="exact", pool="approximate", head="broken", logits="exact"))
    )
    assert told.endswith(
        "Inside, conv1 and conv2 turn along, exactly; pool stays roughly the same, as by training; head neither stays "
        "nor turns along."
    )
    assert "conv3 turns along roughly" in words(group_sentence(C4, rows(conv3="approximate")))
    assert "what happens at conv1 is not clear" in words(group_sentence(C4, rows(conv1="unclear")))


def test_where_poses_fall_between_pixels_training_is_not_blamed() -> None:
    floor = build.estimate(0.05, 0.01)
    exact = symmetries.symmetry("logits", SymmetryGroup.SO2, "exact", floor=floor)
    assert "the answer stays the same, exactly but for resampling." in words(group_sentence(SymmetryGroup.SO2, [exact]))
    nearly = symmetries.symmetry("conv1", SymmetryGroup.SO2, "approximate", floor=floor)
    assert "Inside, conv1 turns along roughly." in words(group_sentence(SymmetryGroup.SO2, [nearly]))


def test_scores_that_change_places_are_not_called_the_same() -> None:
    moved = symmetries.symmetry("logits", C4, "exact", action="regular", invariance=symmetries.error("broken"))
    told = words(group_sentence(C4, [moved]))
    assert "the answer’s scores change places: they move 71 %" in told
    assert "stays the same" not in told


def test_many_taps_are_counted() -> None:
    many = [symmetries.symmetry(f"t{at}", C4, "exact") for at in range(9)]
    assert "t0, t1, t2, t3 and 5 more stay the same, exactly." in words(group_sentence(C4, many))


def test_an_untested_answer_is_no_claim() -> None:
    assert "the answer was not tested." in words(group_sentence(C4, rows(conv1="exact")))


def test_one_sentence_per_group_and_one_cell_per_tap_and_group(section: str) -> None:
    said = text(section)
    assert section.partition('class="sentences poses"')[2].partition("</ul>")[0].count("<li>") == 5
    table = section.partition('<table class="map screen">')[2].partition("</table>")[0]
    assert table.count('<span class="word">') == 20
    assert re.findall(r'<th scope="row"><bdi class="name">(\w+)', table) == list(symmetries.TAPS)
    heads = re.findall(r'<th scope="col">([^<]+)', table)
    assert heads == ["Tap", "shifts", "mirroring", "quarter turns", "any turn", "colour channels"]
    assert table.count("declared") == 1
    assert 'title="the map moves with the picture: error 0.061 (95' in table
    assert "as if nothing moved: 0.71" in table
    assert "resampling alone does 0.031" in table
    assert "“Turns along” and the like" in said


def test_every_number_is_also_in_an_accessible_table(section: str) -> None:
    numbers = section.partition("Symmetry in numbers, by tap and group")[2].partition("</table>")[0]
    assert numbers.count('<th scope="row">') == 20
    assert "0.054–0.069" in numbers
    assert "A margin of 2 was cut off" in numbers


def test_each_pose_free_view_says_which_and_why(section: str) -> None:
    said = text(section.partition("Looking past the pose")[2])
    assert "best match with each of many templates, over all poses" in said
    assert "more than twice as many templates as dimensions" in said
    assert said.count("no, by a theorem") == 2
    assert said.count("the tap moves along only roughly") == 1


def test_a_projection_without_words_keeps_its_name() -> None:
    view = symmetries.invariant_views()[0].model_copy(update={"projection": "brand_new"})
    assert "brand_new" in render_report(symmetries.symmetric_result(invariant_views=[view]), None)


def test_galleries_of_symmetry_stand_here_and_nowhere_else(html: str, section: str) -> None:
    elsewhere = html.partition('<section id="views"')[2]
    for title in ("The pictures in other poses", "Maps with and without the pose", "On the way from one to another"):
        assert title in section
        assert title not in elsewhere
    assert section.count('<details class="sheet" open>') == 1
    assert section.partition('<details class="sheet" open>')[2].lstrip().startswith("<summary><h4><bdi")
    assert section.count('class="pictures large"') == 2


def test_a_declared_group_that_fails_at_the_answer_is_a_notice() -> None:
    broken = rows(conv1="exact", logits="broken")
    page = render_report(symmetries.symmetric_result(symmetries=broken), None)
    assert "Declared, but not found at the answer: quarter turns." in text(page)
    assert "Declared, but not found" not in text(render_report(symmetries.symmetric_result(), None))


def test_what_holds_is_told_before_what_does_not() -> None:
    view = symmetry_view(symmetries.symmetric_result(), symmetries.symmetric_result().taps, [], IMAGES)
    assert view is not None
    told = [words(one).partition(",")[0] for one in view.sentences]
    assert told[0] == "Turned by quarter turns"
    assert told[-2:] == ["Shifted by whole pixels", "Mirrored"]


def test_unknown_taps_come_last_and_no_view_is_said() -> None:
    whole = symmetries.symmetric_result(symmetries=rows(stranger="exact", conv1="exact"), invariant_views=[])
    taps = [Tap(name="conv1", kind="hidden", depth=0.2, shape=[3])]
    view = symmetry_view(whole, taps, [], IMAGES)
    assert view is not None
    assert [row.tap for row in view.rows] == ["conv1", "stranger"]
    assert "No tap got a pose-free view" in render_report(whole, None)
    assert symmetry_view(build.result(), taps, [], IMAGES) is None


def test_pose_alone_is_told_with_both_numbers_where_it_is_seen_first(html: str) -> None:
    said = text(html)
    assert "Held as pose only at conv1 and conv2." in said.partition("Where each feature goes")[0]
    table = html.partition('<table class="map">')[2].partition("</table>")[0]
    assert table.count("as pose only, 1.8") == 2
    number = next(view.number for view in report_view(symmetries.symmetric_result(), None).features if view.poses)
    own = text(part(html, f"feature-{number}").partition("</article>")[0])
    assert (
        "conv2 holds it as pose only: 84 % of its variation can be read there (95 % CI 82–86 %), but 1.8 % once" in own
    )
    assert "Generative, pose-free" in own


def test_features_without_a_pose_free_number_have_no_column_for_it() -> None:
    assert "pose-free" not in render_report(build.result(), None)


def test_pose_sentences_claim_nothing_that_was_not_measured() -> None:
    bare = build.finding("x", verdict=Verdict.ENCODED_UNUSED).model_copy(update={"pose_only": True})
    assert words(pose_sentence(bare)) == "The answer’s scores hold it as pose only."
    assert words(pose_note([bare])) == " Held as pose only at the answer."
    assert pose_note([]) == ""


def test_the_less_flattering_pose_free_number_is_told() -> None:
    kept = build.finding("x").retention.model_copy(
        update={"invariant": build.estimate(0.02), "invariant_generative": build.estimate(0.3)}
    )
    told = words(pose_sentence(build.finding("x", "conv").model_copy(update={"retention": kept})))
    assert "but 30 % once the pose is divided out" in told


def test_scores_stand_raw_pose_free_and_aligned(html: str) -> None:
    table = text(part(html, "concepts").partition("With and without the pose")[2].partition("</table>")[0])
    assert "ConceptTapRawPose-freeAligned" in table
    assert "0.50 0.48 to 0.52" in table
    assert table.count("conv1") == 2
    assert "logits" not in table


def test_samples_tell_their_distance_between_orbits(html: str) -> None:
    assert text(html).count("With poses divided out, 0.031 × that of an unrelated image (95 % CI 0.027–0.035)") == 2
