"""Two barely trained audits of the same images and their comparison, in this process: nothing is paid for twice.

What the numbers are worth is tested on planted truths; here it is tested whose they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
import onnx
import pytest

from schemas.audits import AuditConfig
from schemas.classifiers import InputSpec
from schemas.comparisons import (
    Change,
    ComparedSubject,
    ComparisonPictures,
    ComparisonResult,
    ComparisonSubject,
    FeatureChange,
)
from schemas.problems import ErrorCode
from schemas.results import AuditResult, Finding, Verdict
from schemas.stages import AuditSubject, PlannedStage, StageOutcome, StageRequest
from tests.builders import onnx_graphs, subjects
from tests.builders.barely_trained import train_barely
from tests.builders.classifiers import accepted
from workers.errors import StageError
from workers.intake.datasets import inspect_dataset
from workers.stages.comparison_plan import plan_comparison
from workers.stages.plan import Done, plan_audit
from workers.stages.registry import run_request

IMAGES = 280
OTHER_NETWORKS = "learnt their autoencoder"


def data() -> bytes:
    """Coloured rectangles on black, with a label that their colour tells."""
    rng = np.random.default_rng(0)
    images, labels = np.zeros((IMAGES, 16, 16, 3), np.uint8), rng.integers(0, 3, IMAGES)
    for image, label in zip(images, labels, strict=True):
        top, left = rng.integers(1, 8, 2)
        image[top : top + 5, left : left + 4] = np.roll([220, 40, 90], label) - rng.integers(0, 30, 3)
    buffer = BytesIO()
    np.savez(buffer, images=images, labels=labels)
    return buffer.getvalue()


def model(seed: int) -> onnx.ModelProto:
    """One architecture; ``seed`` draws the weights."""
    graph, rng = onnx_graphs.mlp(size=16, channels=3, classes=3), np.random.default_rng(seed)
    for tensor in graph.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        drawn = (rng.standard_normal(values.shape) * max(float(values.std()), 0.1)).astype(values.dtype)
        tensor.CopyFrom(onnx.numpy_helper.from_array(drawn, tensor.name))
    return graph


def compared(before: ComparedSubject, after: ComparedSubject) -> ComparisonSubject:
    return ComparisonSubject(
        comparison_id="cmp_" + "0" * 16, name="chain", created_at=subjects.WHEN, before=before, after=after
    )


@dataclass
class Workplace:
    """A store and what was run in it; a key runs once."""

    store: subjects.MemoryStore = field(default_factory=subjects.MemoryStore)
    finished: dict[str, StageOutcome] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    def once(self, request: StageRequest) -> StageOutcome:
        if request.key not in self.finished:
            self.ran.append(request.name)
            self.finished[request.key] = run_request(request, self.store, lambda _fraction, _words: None)
        return self.finished[request.key]

    def drive(self, plan: Callable[[Done], list[PlannedStage]], but: str = "") -> Done:
        """Every stage that ``plan`` asks for ``but`` one."""
        done: Done = {}
        while left := [stage for stage in plan(done) if stage.name not in {*done, but}]:
            done |= {one.name: self.once(request) for one in left if (request := one.resolve(done)) is not None}
        return done

    def audit(self, weights: int, seed: int = 0, name: str = "an audit") -> ComparedSubject:
        """Of the network with these ``weights``."""
        facts, canonical = inspect_dataset(data(), "data.npz", {})
        model_facts, graph = accepted(model(weights), InputSpec())
        for blob in (canonical, graph):
            self.store.put(blob)
        subject = AuditSubject(
            audit_id="aud_" + "0" * 16, name=name, created_at=subjects.WHEN, attempt=1,
            config=AuditConfig(seed=seed, views=[]), classifier=subjects.classifier(model_facts),
            dataset=subjects.dataset(facts),
        )  # fmt: skip
        done = self.drive(lambda known: plan_audit(subject, known))
        return ComparedSubject(audit=subject, result=done["result"].outputs["result"])

    def result(self, audit: ComparedSubject) -> AuditResult:
        return AuditResult.model_validate_json(self.store.get(audit.result))

    def compare(self, before: ComparedSubject, after: ComparedSubject) -> tuple[ComparisonResult, ComparisonPictures]:
        subject = compared(before, after)
        done = self.drive(lambda known: plan_comparison(subject, known))
        outputs = {name: self.store.get(digest) for name, digest in done["comparison"].outputs.items()}
        return (
            ComparisonResult.model_validate_json(outputs["comparison"]),
            ComparisonPictures.model_validate_json(outputs["pictures"]),
        )


@pytest.fixture(scope="module")
def workplace() -> Iterator[Workplace]:
    with pytest.MonkeyPatch.context() as patch:
        train_barely(patch, steps=6)
        yield Workplace()


@pytest.fixture(scope="module")
def first(workplace: Workplace) -> ComparedSubject:
    return workplace.audit(weights=1)


@pytest.fixture(scope="module")
def other(workplace: Workplace) -> ComparedSubject:
    return workplace.audit(weights=2)


def test_two_classifiers_are_compared_on_numbers_of_their_own_audits(
    workplace: Workplace, first: ComparedSubject, other: ComparedSubject
) -> None:
    before, after = workplace.result(first), workplace.result(other)
    workplace.ran.clear()
    found, pictures = workplace.compare(first, other)
    assert sorted(workplace.ran) == ["comparison", "probes", "probes"], "nothing is fitted or edited again"
    assert (found.images, found.dataset.images) == (IMAGES, IMAGES)
    assert (found.before.result_digest, found.after.result_digest) == (first.result, other.result)
    assert (found.only_before, found.only_after) == ([], [])
    assert found.agreement is not None
    assert 0 < found.agreement.value < 1
    assert found.accuracy is not None
    assert before.classifier.accuracy is not None
    assert found.accuracy.before.value == pytest.approx(before.classifier.accuracy.value)
    assert {(one.feature, one.tap) for one in found.changes} == {(one.feature, one.tap) for one in before.findings}
    for change in found.changes:
        told = before.finding(change.feature, change.tap), after.finding(change.feature, change.tap)
        assert (change.before, change.after) == tuple(one.verdict for one in told)
        check_against(change, *told)
    for tap in found.taps:
        own = next(one for one in before.taps if one.name == tap.tap)
        assert tap.total_invariance is not None
        assert own.total_invariance is not None
        assert tap.total_invariance.before.value == pytest.approx(own.total_invariance.value)
        assert tap.sample_deviation is not None
    assert (found.before.refitted, found.after.refitted) == (False, False)
    check_pictures(pictures)
    shown = {one.feature for one in pictures.sets if one.kind == "edit"}
    assert shown <= {one.feature for one in found.changes if one.edit is not None}
    check_numbers_of_an_edit(found)


def check_numbers_of_an_edit(found: ComparisonResult) -> None:
    """Exactly where there is an edit that both audits trust."""
    for change in found.changes:
        assert (change.edit is None) == (change.flip_rate is None) == (change.total_variation is None)


def check_against(change: FeatureChange, before: Finding, after: Finding) -> None:
    """Numbers over the same images are those of the two reports, probes of the very same folds among them."""
    pairs = (
        (change.flip_rate, before.effect.flip_rate, after.effect.flip_rate),
        (change.total_variation, before.effect.total_variation, after.effect.total_variation),
        (change.retention, before.retention.predictive, after.retention.predictive),
    )
    for paired, one, two in pairs:
        if paired is None:
            continue
        assert one is not None
        assert two is not None
        assert (paired.before.value, paired.after.value) == pytest.approx((one.value, two.value))
        assert paired.difference.value == pytest.approx(paired.after.value - paired.before.value)
        assert paired.difference.joint_low is not None
        assert paired.difference.joint_low <= paired.difference.low
    turned = {Change.BECAME_USED: Verdict.USED, Change.BECAME_IGNORED: Verdict.IGNORED}
    assert change.change not in turned or change.after is turned[change.change]
    assert change.reasons


def check_pictures(pictures: ComparisonPictures) -> None:
    kinds = [one.kind for one in pictures.sets]
    assert {"samples", "edit"} == set(kinds)
    for shown in pictures.sets:
        assert len(shown.before) == len(shown.after)
        assert all(picture.mark in {"same", "changed"} for picture in [*shown.before, *shown.after])
        same = [one.png == two.png for one, two in zip(shown.before, shown.after, strict=True)]
        assert all(same) if shown.kind == "edit" else not all(same)
        assert shown.original.caption.startswith("before ")


def test_one_classifier_compared_with_itself_differs_in_nothing(workplace: Workplace, first: ComparedSubject) -> None:
    found, _ = workplace.compare(first, workplace.audit(weights=1, name="again"))
    assert found.agreement is not None
    assert found.agreement.value == 1
    differences = [d for one in found.changes for d in (one.flip_rate, one.total_variation, one.retention)]
    differences += [d for one in found.taps for d in (one.total_invariance, one.sample_deviation)]
    shown = [one.difference for one in differences if one is not None]
    assert shown
    assert all(one.value == 0 and one.low <= 0 <= one.high for one in shown)
    assert {one.change for one in found.changes} <= {Change.SAME, Change.UNDECIDED}


def test_audits_with_other_seeds_share_exact_edits_and_no_networks(
    workplace: Workplace, first: ComparedSubject
) -> None:
    found, _ = workplace.compare(first, workplace.audit(weights=1, seed=1))
    label = next(one for one in found.changes if one.feature == "label")
    assert (label.change, label.flip_rate, label.retention) == (Change.UNDECIDED, None, None)
    assert OTHER_NETWORKS in label.reasons[0]
    hue = next(one for one in found.changes if one.feature == "hue")
    assert hue.flip_rate is not None
    assert 0 < hue.flip_rate.difference.n < 60, "the images that both happened to edit"
    assert any("Seeds differ (0, 1)" in limit for limit in found.limits)
    assert any(OTHER_NETWORKS in limit for limit in found.limits)


def test_audits_of_other_images_are_refused(
    workplace: Workplace, first: ComparedSubject, other: ComparedSubject
) -> None:
    subject = compared(first, other)
    done = workplace.drive(lambda known: plan_comparison(subject, known), but="comparison")
    request = plan_comparison(subject, done)[-1].resolve(done)
    assert request is not None
    inputs = {**request.inputs, "after/dataset": workplace.store.put(b"others")}
    with pytest.raises(StageError) as caught:
        workplace.once(request.model_copy(update={"inputs": inputs}))
    assert caught.value.code is ErrorCode.AUDITS_NOT_COMPARABLE
