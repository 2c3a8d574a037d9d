"""Stage ``traversals``: single dimensions of the supervised VAE, and swaps of its task block (papers.md 1(c))."""

from __future__ import annotations

import numpy as np

from schemas.results import Gallery, PictureRow
from workers.evidence.bootstrap import mean_interval, rate_interval
from workers.stages.faithfulness import estimate
from workers.stages.references import spread_rows
from workers.stages.stage import Produced, StageContext, pack_json
from workers.stages.views.appearance import in_words
from workers.stages.views.blocks import block_gallery
from workers.stages.views.movement import Moved, most_moved, tracked
from workers.stages.views.pictures import answered, class_name, measured
from workers.stages.views.swaps import swap_gallery
from workers.stages.views.walks import SHARES, Bench, Walk, open_bench, ranked_walks
from workers.vae import Block

COLUMNS = ["original", "as the VAE draws it", *(f"{share:.1%}" for share in SHARES)]
HOW = (
    "The VAE splits an image's code in two blocks: the task block, from which alone it tells the classifier's answer, "
    "and the nuisance block, the rest. Each row takes one image, as the VAE draws it, and moves a single dimension of "
    "the {block} block from where it is lowest among the reference images (left) to where it is highest (right); a "
    "column says which share of the references lies below. All pictures went through the uploaded file, whose answer "
    "stands below them."
)
READ = {
    "nuisance": " If the split is right, the answer stays: what changes here is what the classifier does not care for.",
    "task": " A red mark is where the answer flips, and the caption says to what: what changes here decides.",
}
TITLE = {"nuisance": "Walking along the nuisance", "task": "Walking along what decides"}


def run(context: StageContext) -> Produced:
    """``galleries``: a JSON list of :class:`schemas.results.Gallery`."""
    bench = open_bench(context)
    galleries = [block_gallery(bench)]
    for done, block in enumerate(("nuisance", "task")):
        galleries.append(walk_gallery(bench, block))  # type: ignore[arg-type]
        context.report(0.25 + 0.3 * done, f"walked along the {block} block")
    galleries.append(swap_gallery(bench))
    return Produced({"galleries": pack_json([gallery.model_dump(mode="json") for gallery in galleries])})


def walk_gallery(bench: Bench, block: Block) -> Gallery:
    """The dimensions of ``block`` that move the most: the looks of the nuisance, the answer of the task block."""
    walks = ranked_walks(bench, block)
    gallery = Gallery(
        view=bench.context.request.name, title=TITLE[block], explanation=HOW.format(block=block) + READ[block],
        columns=COLUMNS,
    )  # fmt: skip
    if not walks:
        gallery.notes.append(f"No dimension of the {block} block varies with the image: there is no walk.")
    for walk in walks:
        moved = most_moved(bench.studio, walk.images[:, 0], walk.images[:, -1], bench.weights(len(walk.images)))
        gallery.rows.extend(_rows(bench, walk, _heading(bench, walk, moved)))
        _measure(gallery, bench, walk, moved)
    return gallery


def _heading(bench: Bench, walk: Walk, moved: Moved | None) -> str:
    number = walk.traversal.dimension + 1
    named = f", moves {moved.feature} most" if moved else ""
    if walk.traversal.block == "nuisance":
        return f"nuisance {number}{named}"
    turned = walk.answers[walk.changed]
    target = f", mostly to {class_name(bench.names, int(np.bincount(turned).argmax()))}" if len(turned) else ""
    return f"task {number}{target}{named}"


def _rows(bench: Bench, walk: Walk, heading: str) -> list[PictureRow]:
    """Two images, of those that the VAE redraws without a change of the answer where there are any."""
    faithful = np.flatnonzero(walk.faithful)
    pool = faithful if len(faithful) else np.arange(len(walk.images))
    shown = pool[spread_rows(walk.base.argmax(axis=1)[pool], 2, bench.context.rng("walk", heading))]
    return [_row(bench, walk, int(i), heading) for i in shown]


def _row(bench: Bench, walk: Walk, i: int, heading: str) -> PictureRow:
    original = walk.originals[i]
    said = int(original.argmax())
    row = walk.rows[i]
    steps = [
        answered(image, p, bench.names, said) for image, p in zip(walk.images[i], walk.probabilities[i], strict=True)
    ]
    first = answered(bench.studio.references.images[row], original, bench.names)
    return PictureRow(
        heading=heading, pictures=[first, answered(walk.drawn[i], walk.base[i], bench.names, said), *steps]
    )


def _measure(gallery: Gallery, bench: Bench, walk: Walk, moved: Moved | None) -> None:
    block, number = walk.traversal.block, walk.traversal.dimension + 1
    key, weights = f"{block}_{number}", bench.weights(len(walk.images))
    kept = 1 - walk.changed.mean(axis=1)
    if block == "nuisance":
        label = f"nuisance {number}: pictures that keep the answer of the unmoved one"
        gallery.measures.append(measured(f"{key}_keeps", label, estimate(rate_interval(kept, weights))))
    else:
        label = f"task {number}: pictures that change the answer of the unmoved one"
        gallery.measures.append(measured(f"{key}_changes", label, estimate(rate_interval(1 - kept, weights))))
    varies, _ = in_words(walk.images)
    label = f"{block} {number}: {varies} along the walk, as a share of that among the references"
    spread = walk.variance / bench.variance
    gallery.measures.append(measured(f"{key}_pixels", label, estimate(mean_interval(spread, weights))))
    if moved is not None:
        label = f"{block} {number}: how far the walk moves {moved.feature}, 1 = as far as another image"
        gallery.measures.append(measured(f"{key}_moves", label, moved.distance))
        label = f"{block} {number}: share of its variance over the references that {moved.feature} explains"
        share = tracked(bench, walk.traversal, moved.feature)
        if share is not None:
            gallery.measures.append(measured(f"{key}_tracks", label, share))
