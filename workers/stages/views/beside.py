"""The classifiers of a comparison, opened side by side: the audited one first, then the others in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.classifiers import ClassifierFacts, InputSpec
from workers.classifier.selection import LOGITS
from workers.classifier.session import ClassifierSession
from workers.stages.classifying import classify
from workers.stages.stage import Arrays, StageContext

Images = NDArray[np.uint8]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Compared:
    """One classifier with what its own stages left. ``key`` is its number, 0 for the audited one.

    ``places``: which output of the audited classifier each of its outputs stands for, ``(classes,)``, or ``None`` where
    that cannot be known. ``probabilities``: its answers to the references, ``(n, classes)``.
    """

    key: int
    name: str
    outputs: list[str] | None
    session: ClassifierSession
    places: Rows | None
    probabilities: NDArray[np.float32]
    wide: NDArray[np.float16]
    samples: Arrays
    diagnostics: Arrays

    @property
    def answers(self) -> Rows:
        """Its arg-max over the references, in its own outputs, ``(n,)``."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    def answers_to(self, images: Images) -> Rows:
        """Its arg-max over ``images``, in its own outputs, ``(n,)``."""
        return np.asarray(classify(self.session, images).argmax(axis=1), dtype=np.int64)


def open_compared(context: StageContext) -> list[Compared]:
    """Every classifier of the comparison, under names that differ.

    Raises:
        StageError: ONNX Runtime cannot open one.
    """
    config = context.config
    audited = {name: config[name] for name in ("facts", "input", "outputs")}
    described = [{**audited, "name": config["audited"]}, *config["against"]]
    names = unique_names([one["name"] for one in described])
    count = context.arrays("latents@0")["probabilities"].shape[1]
    return [
        _open(context, key, {**one, "name": name}, count)
        for key, (one, name) in enumerate(zip(described, names, strict=True))
    ]


def unique_names(names: list[str]) -> list[str]:
    """The same names, with their place behind those that occurred before."""
    return [name if name not in names[:i] else f"{name} ({i + 1})" for i, name in enumerate(names)]


def same_classes(ours: list[str] | None, theirs: list[str] | None, count: int, their_count: int) -> Rows | None:
    """Which of their outputs each of ours stands for: by name where both have names, else by number.

    ``None`` where the numbers differ, or a name is missing on the other side.
    """
    if count != their_count:
        return None
    if ours is None or theirs is None:
        return np.arange(count)
    return np.array([theirs.index(name) for name in ours]) if set(ours) == set(theirs) else None


def _open(context: StageContext, key: int, described: dict[str, Any], count: int) -> Compared:
    facts = ClassifierFacts.model_validate(described["facts"])
    blob = context.blob(f"classifier@{key}" if key else "classifier")
    probabilities = context.arrays(f"latents@{key}")["probabilities"]
    return Compared(
        key=key,
        name=described["name"],
        outputs=described["outputs"],
        session=ClassifierSession(blob, facts, InputSpec.model_validate(described["input"])),
        places=same_classes(described["outputs"], context.config["outputs"], probabilities.shape[1], count),
        probabilities=probabilities,
        wide=context.arrays(f"wide@{key}")[LOGITS],
        samples=context.arrays(f"samples@{key}"),
        diagnostics=context.arrays(f"diagnostics@{key}"),
    )
