"""Pictures of a comparison: images drawn to share one image's answer, and one edit seen by both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.comparisons import ComparisonPictures, PictureSet
from schemas.results import Picture
from workers.classifier.selection import LOGITS
from workers.stages.classifying import classify
from workers.stages.comparing.answers import agreeing
from workers.stages.comparing.effects import Method
from workers.stages.comparing.sides import Rows, Side, Sides, matched
from workers.stages.edit_sheets import walked
from workers.stages.edits import Images, Mask
from workers.stages.effects import editor_of, edits_to
from workers.stages.features import AuditedFeature
from workers.stages.findings import METHODS
from workers.stages.inn import condition, load_inn
from workers.stages.references import spread_rows
from workers.stages.stage import StageContext
from workers.stages.unedited import Unedited
from workers.stages.views.pictures import answered

SHOWN, DRAWN = 4, 4
"""Reference images, and samples of each by either classifier."""
EDITED, FEATURES = 2, 3
"""Images that an edit is shown on, and features."""
MOST_BYTES = 1_500_000
"""Of all pictures together, as the report holds them; sets that do not fit any more are left out."""


def comparison_pictures(
    context: StageContext, sides: Sides, changed: Mapping[str, Method]
) -> ComparisonPictures:  # fmt: skip
    """Samples of a few images by both, and edits of the features that ``changed``, those that changed most first.

    By the edit whose numbers stand beside them.
    """
    rows = _shown(context, sides)
    samples = _samples(context, sides, rows)
    most = list(changed.items())[:FEATURES]
    edits = [edit for name, method in most for edit in _edits(sides, name, method, rows)]
    in_turn = chain.from_iterable(zip_longest(samples, edits))
    return ComparisonPictures(sets=_fitting(one for one in in_turn if one is not None))


def _fitting(sets: Iterator[PictureSet]) -> list[PictureSet]:
    """As many as there is room for; samples and edits in their own order."""
    kept, room = [], MOST_BYTES
    for one in sets:
        room -= sum(len(picture.png) for picture in (one.original, *one.before, *one.after))
        if room < 0:
            break
        kept.append(one)
    return sorted(kept, key=lambda one: one.kind != "samples")


def _shown(context: StageContext, sides: Sides) -> tuple[Rows, Rows]:
    """Places of the images to show in either audit's references: unseen by both networks where there are such, and
    half of them answered differently where there are such.
    """
    unseen = [np.asarray(side.context.arrays(f"samples:{LOGITS}")["rows"], dtype=np.int64) for side in sides]
    at = matched(*(side.references[rows] for side, rows in zip(sides, unseen, strict=True)))
    places = (unseen[0][at[0]], unseen[1][at[1]])
    if not len(places[0]):
        places = matched(*(side.references for side in sides))
    alike = agreeing(sides, places)
    classes = sides.after.latents["probabilities"][places[1]].argmax(axis=1) if alike is None else alike
    chosen = spread_rows(classes, SHOWN, context.rng("shown"))
    return places[0][chosen], places[1][chosen]


def _samples(context: StageContext, sides: Sides, rows: tuple[Rows, Rows]) -> list[PictureSet]:
    """One set per image: images that share its logits, by either classifier, with its own answers."""
    drawn = [_drawn(context, side, at) for side, at in zip(sides, rows, strict=True)]
    originals = sides.before.studio.references.images[rows[0]]
    return [
        PictureSet(
            kind="samples", tap=LOGITS, original=_original(sides, originals[i]),
            before=_answers(sides.before, originals[i], drawn[0][i]),
            after=_answers(sides.after, originals[i], drawn[1][i]),
        )
        for i in range(len(originals))
    ]  # fmt: skip


def _drawn(context: StageContext, side: Side, rows: Rows) -> Images:
    """Images ``(n, draws, h, w, c)`` drawn to share the logits that ``side`` gives its references ``rows``."""
    z = condition(side.latents, LOGITS)[torch.from_numpy(rows)]
    # The same noise for both: what differs between their samples is theirs, not chance.
    codes = load_inn(side.context.blob("inn")).sample(z, DRAWN, context.generator("draws"))
    images = side.studio.decode(codes.flatten(0, 1))
    return images.reshape(len(rows), DRAWN, *images.shape[1:])


def _edits(sides: Sides, name: str, method: Method, rows: tuple[Rows, Rows]) -> Iterator[PictureSet]:
    """One set per image: ``name`` alone changed by ``method``, the very same pictures shown to both."""
    side = sides.after
    feature, unedited = side.features[name], Unedited(side.studio, rows[1][:EDITED])
    ways = edits_to(side.context, feature, editor_of(side.context), unedited)
    edit = next((one for one in ways if one.method == METHODS[method]), None)
    if edit is None:
        return
    walk = walked(feature)
    for row in range(len(edit.before)):
        at = np.full(len(walk.values), row)
        edited = edit.to(at, walk.values)
        names = _confirmed(walk.names, edit.check(at, edited, walk.values).hit)
        before, after = (_answers(one, edit.before[row], edited, names) for one in sides)
        original = _original(sides, edit.before[row], _now(feature, int(edit.rows[row])))
        yield PictureSet(kind="edit", tap=LOGITS, feature=name, original=original, before=before, after=after)


def _confirmed(names: Sequence[str], hit: Mask) -> list[str]:
    """The values that pictures were edited to; of which nobody confirmed that they show it, it is said."""
    return [name if shown else f"not confirmed: {name}" for name, shown in zip(names, hit, strict=True)]


def _now(feature: AuditedFeature, row: int) -> str:
    value = feature.column.values[row]
    return "" if value.ndim else feature.show(float(value))


def _original(sides: Sides, image: Images, value: str = "") -> Picture:
    """With what either says of it."""
    said = [_answers(side, image, image[None])[0] for side in sides]
    words = f"before {said[0].caption}, after {said[1].caption}"
    return Picture(png=said[0].png, caption=f"{words} · {value}" if value else words)


def _answers(side: Side, original: Images, images: Images, values: Sequence[str] = ()) -> list[Picture]:
    """``images (n, h, w, c)`` with the answer of ``side``, marked against its answer to the ``original``."""
    asked: NDArray[np.float32] = classify(side.studio.classifier, np.concatenate([original[None], images]))
    names, said = side.context.config["outputs"], int(asked[0].argmax())
    found = [answered(image, answer, names, said) for image, answer in zip(images, asked[1:], strict=True)]
    return [
        picture.model_copy(update={"caption": f"{picture.caption} · {value}"})
        for picture, value in zip(found, values, strict=True)
    ] if values else found  # fmt: skip
