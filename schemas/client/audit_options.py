"""Options that ``audit run`` and ``audit submit`` share: what to look at, and what to set beside it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ..audits import AuditConfig, Profile, View
from ..classifiers import InputSpec
from .client import Client
from .session import Session, upload_bar

Taps = Annotated[list[str], typer.Option("--tap", help="Look at this tensor. Repeatable. Default: chosen.")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Same files, options and seed: same numbers.")]
How = Annotated[Profile, typer.Option(help="quick is minutes on two cores, full is meant for a GPU.")]
Views = Annotated[
    list[View],
    typer.Option("--view", help="Make this part of the audit. Repeatable. Default: what the profile brings."),
]
AllViews = Annotated[bool, typer.Option("--all-views", help="Make every part.")]
Against = Annotated[
    list[str],
    typer.Option(
        "--against",
        metavar="MODEL.onnx|CLASSIFIER",
        help="Compare with this classifier on the same images: a file or an id. Repeatable: checkpoints in order.",
    ),
]
Outside = Annotated[
    str | None,
    typer.Option(
        "--outside",
        metavar="DATA|DATASET",
        help="Show images from elsewhere, too: a file or an id.",
        show_default=False,
    ),
]
Own = Annotated[
    str | None,
    typer.Option(
        "--autoencoder",
        metavar="AUTOENCODER",
        help="Your own in place of a fitted one (scotoma autoencoder push).",
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
