"""Options that ``audit run`` and ``audit submit`` share: what to look at, and what to set beside it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ..audits import IMAGE_VIEWS, AuditConfig, Profile, SymmetryGroup, View
from ..classifiers import InputSpec
from ..datasets import Dataset
from .client import Client
from .session import Session, upload_bar

Taps = Annotated[list[str], typer.Option("--tap", help="Look at this tensor. Repeatable. Default: chosen.")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Same files, options and seed: same numbers.")]
How = Annotated[Profile, typer.Option(help="quick is minutes on two cores, full is meant for a GPU.")]
Views = Annotated[
    list[View],
    typer.Option("--view", help="Make this part of the audit. Repeatable. Default: what the profile brings."),
]
AllViews = Annotated[bool, typer.Option("--all-views", help="Make every part that fits the references.")]
Symmetries = Annotated[
    list[SymmetryGroup],
    typer.Option(
        "--symmetry",
        help="Declare that this leaves the answer alone; only declared groups are tested, and more deeply. Repeatable. "
        "Default: every group that fits the inputs is screened.",
    ),
]
NoSymmetry = Annotated[bool, typer.Option("--no-symmetry", help="Test no symmetry and make no pose-free views.")]
Against = Annotated[
    list[str],
    typer.Option(
        "--against",
        metavar="MODEL.onnx|CLASSIFIER",
        help="Compare with this classifier on the same images or graphs: a file or an id. Repeatable: checkpoints in "
        "order.",
    ),
]
Outside = Annotated[
    str | None,
    typer.Option(
        "--outside",
        metavar="DATA|DATASET",
        help="Show images from elsewhere, too: a file or an id. Images only.",
        show_default=False,
    ),
]
Own = Annotated[
    str | None,
    typer.Option(
        "--autoencoder",
        metavar="AUTOENCODER",
        help="Your own in place of a fitted one (scotoma autoencoder push). Images only.",
        show_default=False,
    ),
]

ID = re.compile(r"[a-z]{2,4}_[0-9a-z]{16,40}")


@dataclass(frozen=True)
class Beside:
    """What an audit sets beside its classifier and references: files or ids, as given."""

    against: list[str]
    outside: str | None
    autoencoder: str | None


def chosen_views(views: list[View], every: bool) -> list[View] | None:
    """The views of an audit; ``None`` leaves them to the profile.

    Raises:
        BadParameter: both options.
    """
    if every and views:
        raise typer.BadParameter("give --view or --all-views, not both")
    return list(View) if every else (views or None)


def chosen_symmetries(declared: list[SymmetryGroup], none: bool) -> list[SymmetryGroup] | None:
    """The groups that an audit tests: ``None`` screens all that fit, an empty list tests none.

    Raises:
        BadParameter: both options.
    """
    if none and declared:
        raise typer.BadParameter("give --symmetry or --no-symmetry, not both")
    return [] if none else (list(dict.fromkeys(declared)) or None)


def audit_base(
    profile: Profile, seed: int, taps: list[str], views: list[View] | None, symmetries: list[SymmetryGroup] | None
) -> AuditConfig:
    """What an audit looks at. Who declares a group asks for the view of it, too."""
    if symmetries and views is not None and View.SYMMETRY not in views:
        views = [*views, View.SYMMETRY]
    return AuditConfig(profile=profile, seed=seed, taps=taps or None, views=views, symmetries=symmetries)


def that_fit(base: AuditConfig, dataset: Dataset) -> AuditConfig:
    """``base``, which asks for all views, without those that ``dataset`` cannot have."""
    if dataset.facts is None or dataset.facts.kind == "images":
        return base
    return base.model_copy(update={"views": [view for view in base.views or [] if view not in IMAGE_VIEWS]})


def audit_config(
    session: Session, client: Client, base: AuditConfig, beside: Beside, spec: InputSpec, deadline: float | None = None
) -> AuditConfig:
    """``base`` with everything beside it; files are pushed, with ``spec`` for classifiers, and waited for.

    Raises:
        BadParameter: neither a file nor an id.
        IntakeRefused: a file cannot be audited.
        TimedOut: ``deadline`` (on the monotonic clock) has passed.
    """
    against = [_classifier(session, client, text, spec, deadline) for text in beside.against]
    outside = None if beside.outside is None else _dataset(session, client, beside.outside, deadline)
    return AuditConfig.model_validate(
        base.model_dump() | {"against": against, "outside": outside, "autoencoder": beside.autoencoder}
    )


def left(deadline: float | None) -> float | None:
    """Seconds until ``deadline``."""
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _classifier(session: Session, client: Client, text: str, spec: InputSpec, deadline: float | None) -> str:
    path = _file(text)
    if path is None:
        return text
    with upload_bar(session.people, path.name) as on_progress:
        item = client.push_classifier(path, input=spec, on_progress=on_progress)
    return client.wait_for_intake(item, timeout=left(deadline)).id


def _dataset(session: Session, client: Client, text: str, deadline: float | None) -> str:
    path = _file(text)
    if path is None:
        return text
    with upload_bar(session.people, path.name) as on_progress:
        item = client.push_dataset(path, on_progress=on_progress)
    return client.wait_for_intake(item, timeout=left(deadline)).id


def _file(text: str) -> Path | None:
    """The file of this name, or ``None`` for an id. A file that is called like an id is a file."""
    path = Path(text)
    if path.is_file():
        return path
    if ID.fullmatch(text):
        return None
    raise typer.BadParameter(f"{text!r} is neither a file nor an id")
