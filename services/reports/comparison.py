"""What changed between two audits, as one HTML page under the same rules as a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from schemas.comparisons import (
    Change,
    ComparisonPictures,
    ComparisonResult,
    Difference,
    FeatureChange,
    PictureSet,
    TapChange,
)
from schemas.results import Gallery, Picture, PictureRow, Sheets

from .comparison_sentences import change_sentence
from .comparison_words import CHANGES, EDITS, SHOWN, ChangeWord
from .inputs import InputWords, Legend, graph_legend, input_words
from .page import environment, page_parts
from .pictures import PictureBook, picture_budget
from .retold import retold_comparison
from .seal import SealNote
from .strips import Strip, difference_strip

OUTPUT = "logits"
SHOWN_AT_ONCE = 8


@dataclass(frozen=True)
class ChangeView:
    """One feature: what became of it at the answer, and at each hidden tap. ``number`` makes its fragment."""

    number: int
    change: FeatureChange
    elsewhere: list[FeatureChange | None]
    sentence: Markup
    strip: Strip | None

    @property
    def anchor(self) -> str:
        """Fragment of the feature's row: a number, never the user's name."""
        return f"change-{self.number}"


@dataclass(frozen=True)
class ChangeGroup:
    """The features of which the same became: ``first`` are shown at once, ``rest`` on request."""

    change: Change
    word: ChangeWord
    first: list[ChangeView]
    rest: list[ChangeView]


@dataclass(frozen=True)
class PictureGroup:
    """Sets of pictures about one tap or one feature."""

    subject: str
    sets: list[PictureSet]


@dataclass(frozen=True)
class ComparisonView:
    """The result and its pictures, ready to be written out."""

    result: ComparisonResult
    taps: list[str]
    features: list[ChangeView]
    groups: list[ChangeGroup]
    samples: list[PictureGroup]
    edits: list[PictureGroup]
    words: InputWords
    legend: Legend | None

    @property
    def shown(self) -> int:
        """How many features changed."""
        return sum(view.change.change in SHOWN for view in self.features)

    @property
    def undecided(self) -> list[ChangeView]:
        """Features of which neither a change nor its absence is shown."""
        return [view for view in self.features if view.change.change is Change.UNDECIDED]

    @property
    def renamed(self) -> bool:
        """Whether the names of the two classifiers tell them apart."""
        return self.result.before.classifier.name != self.result.after.classifier.name

    def doubted(self, tap: str) -> tuple[bool, bool]:
        """Whether a check failed, before and after, that what claims to share ``tap`` rests on."""
        found = next((one for one in self.result.taps if one.tap == tap), None)
        return (False, False) if found is None else (bool(found.failed_before), bool(found.failed_after))

    @property
    def doubtful(self) -> bool:
        """Whether any of the samples shown is in doubt."""
        return any(any(self.doubted(group.subject)) for group in self.samples)

    def tap_strip(self, tap: TapChange) -> Strip | None:
        """The difference of a tap's total invariance, drawn; not where a check that it rests on failed."""
        return None if any(self.doubted(tap.tap)) else _strip(tap.total_invariance)


def render_comparison(
    result: ComparisonResult, pictures: ComparisonPictures | None, seal: SealNote | None = None
) -> str:
    """The comparison as one self-contained HTML page.

    Args:
        result: what changed.
        pictures: samples and edits side by side; without them the page says that there are none.
        seal: who will sign the page; without it the page says that it carries no seal.
    """
    result, pictures = retold_comparison(result, pictures)
    view = comparison_view(result, pictures)
    galleries = [_gallery(group) for group in (*view.samples, *view.edits)]
    budget = picture_budget(len(view.features), galleries)
    template = environment().get_template("comparison.html.j2")
    return template.render(
        view=view,
        result=result,
        words=view.words,
        seal=seal,
        book=PictureBook(Sheets(classes=[], taps=[], galleries=galleries), budget),
        changes=CHANGES,
        edits=EDITS,
        same_pictures=same_pictures,
        **page_parts("comparison.css"),
    )


def comparison_view(result: ComparisonResult, pictures: ComparisonPictures | None) -> ComparisonView:
    """Everything the template needs, features in the order of their changes."""
    taps = list(dict.fromkeys([*(tap.tap for tap in result.taps), *(one.tap for one in result.changes)]))
    hidden = [tap for tap in taps if tap != OUTPUT]
    features = _features(result.changes, hidden)
    sets = pictures.sets if pictures else []
    return ComparisonView(
        result=result,
        taps=hidden,
        features=features,
        groups=list(_groups(features)),
        samples=_by_subject(sets, "samples", [OUTPUT, *reversed(hidden)]),
        edits=_by_subject(sets, "edit", [view.change.feature for view in features]),
        words=input_words(result.dataset),
        legend=graph_legend(result.dataset.graph),
    )


def same_pictures(one: PictureSet) -> bool:
    """Whether both classifiers answered the very same pictures, so that each needs to be shown only once."""
    return [each.png for each in one.before] == [each.png for each in one.after]


def _features(changes: Sequence[FeatureChange], hidden: Sequence[str]) -> list[ChangeView]:
    at = {(one.feature, one.tap): one for one in changes}
    order = list(CHANGES)
    decided = sorted(
        (one for one in changes if one.tap == OUTPUT), key=lambda one: (order.index(one.change), _size(one))
    )
    return [
        ChangeView(
            number=number,
            change=one,
            elsewhere=[at.get((one.feature, tap)) for tap in hidden],
            sentence=change_sentence(one),
            strip=_strip(one.flip_rate),
        )
        for number, one in enumerate(decided, start=1)
    ]


def _size(one: FeatureChange) -> float:
    """Sorts large differences before small ones."""
    return -abs(one.flip_rate.difference.value) if one.flip_rate else 0.0


def _strip(difference: Difference | None) -> Strip | None:
    return difference_strip(difference.difference) if difference else None


def _groups(features: Sequence[ChangeView]) -> Iterable[ChangeGroup]:
    for change, word in CHANGES.items():
        members = [view for view in features if view.change.change is change]
        if members:
            yield ChangeGroup(change, word, members[:SHOWN_AT_ONCE], members[SHOWN_AT_ONCE:])


def _by_subject(sets: Sequence[PictureSet], kind: str, order: Sequence[str]) -> list[PictureGroup]:
    """Sets of one kind by tap or feature, in this order, others after."""
    found: dict[str, list[PictureSet]] = {subject: [] for subject in order}
    for one in sets:
        if one.kind == kind:
            found.setdefault(one.feature or one.tap if kind == "edit" else one.tap, []).append(one)
    return [PictureGroup(subject, members) for subject, members in found.items() if members]


def _gallery(group: PictureGroup) -> Gallery:
    """The same pictures as a gallery: what a book of pictures is made of."""
    rows = [PictureRow(pictures=_shown(one)) for one in group.sets]
    return Gallery(view="comparison", title="pictures", explanation="", rows=rows)


def _shown(one: PictureSet) -> list[Picture | None]:
    return [one.original, *one.before, *([] if same_pictures(one) else one.after)]
