"""The whole chain on classifiers whose truth is known: measure, edit, ask, probe, decide."""

from collections.abc import Callable

import numpy as np
import pytest

from workers.evidence.bootstrap import calibrate_interval, resampling_weights, retained_interval
from workers.evidence.effect_states import EffectEvidence
from workers.evidence.effects import changes, effect
from workers.evidence.features import FeatureColumn
from workers.evidence.readability import read_features
from workers.evidence.statistics import draw_targets, statistic
from workers.evidence.verdicts import Decision, Evidence, decide

FEATURES = ("hue", "position_x", "rotation")
DRAWS = 3
Classifier = Callable[[np.ndarray], np.ndarray]


def right_or_left(images: np.ndarray) -> np.ndarray:
    """Logits from the horizontal centre of the brightest channel: blind to hue, and to the angle about the centre."""
    value = images.max(axis=-1)
    columns = np.linspace(-1, 1, value.shape[2])
    centre = (value * columns).sum(axis=(1, 2)) / value.sum(axis=(1, 2))
    return 20 * np.column_stack([-centre, centre])


def reddish(images: np.ndarray) -> np.ndarray:
    """Logits from the share of red."""
    share = images[..., 0].sum(axis=(1, 2)) / images.sum(axis=(1, 2, 3))
    return 20 * np.column_stack([share - 0.35, 0.35 - share])


def right_xor_red(images: np.ndarray) -> np.ndarray:
    """Neither hue nor position can be read from the answer alone; each flips it."""
    product = np.tanh(5 * right_or_left(images)[:, 1:]) * np.tanh(reddish(images)[:, :1])
    return 3 * np.concatenate([product, -product], axis=1)


def softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def audit(classifier: Classifier, images: np.ndarray, name: str, rng: np.random.Generator) -> Decision:
    one = statistic(name)
    current = one.measure(images)
    targets = draw_targets(current, DRAWS, rng)
    weights = resampling_weights(len(images), 500, rng)
    edits = [one.edit(images, current, target) for target in targets.T]
    floors = [one.floor(images, current, target) for target in targets.T]
    confirmed = np.stack([one.confirms(e, t, current) for e, t in zip(edits, targets.T, strict=True)], axis=1)
    before = softmax(classifier(images))
    edited = changes(before, softmax(np.stack([classifier(e) for e in edits], axis=1)), confirmed)
    floor = changes(before, softmax(np.stack([classifier(f) for f in floors], axis=1)))
    found = effect(edited, floor, weights)
    column = FeatureColumn(name, one.kind, current, one.period)
    read = read_features(classifier(images), [column], rng)[name]
    raw = retained_interval(read.shares, weights)
    return decide(
        Evidence(
            predictive=calibrate_interval(raw, max(0.0, read.floor.retained), 1.0),
            effects=(
                EffectEvidence("exact", found.flip_rate, found.total_variation, found.floor, float(confirmed.mean())),
            ),
        )
    )


@pytest.mark.parametrize(
    ("classifier", "expected"),
    [
        (right_or_left, {"hue": "ignored", "position_x": "used", "rotation": "ignored"}),
        (reddish, {"hue": "used", "position_x": "ignored", "rotation": "ignored"}),
        (right_xor_red, {"hue": "used", "position_x": "used", "rotation": "ignored"}),
        (lambda images: np.zeros((len(images), 2)), dict.fromkeys(FEATURES, "ignored")),
    ],
    ids=["position", "hue", "xor", "constant"],
)
def test_planted_classifiers_come_out_as_they_are(classifier, expected, many_blobs, rng) -> None:
    found = {name: audit(classifier, many_blobs, name, rng) for name in FEATURES}
    assert {name: decision.verdict for name, decision in found.items()} == expected, found
