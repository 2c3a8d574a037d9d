"""``scotoma classifier`` and ``scotoma dataset``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from ..classifiers import Classifier, InputSpec
from ..datasets import Dataset
from . import parsing
from .client import Client
from .session import session_of, table, upload_bar, write_json
from .terminal import plain

ExistingFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, show_default=False)]
Name = Annotated[str | None, typer.Option(help="A name for people. Default: the file's.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
Timeout = Annotated[float | None, typer.Option(help="Seconds to wait at most (exit code 5).", show_default=False)]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait until the service has read the file.")]
Numbers = Annotated[str | None, typer.Option(help="Per channel: 0.485,0.456,0.406", show_default=False)]
Low = Annotated[float, typer.Option(help="Value of black before mean and std.")]
High = Annotated[float, typer.Option(help="Value of white before mean and std.")]
Layout = Annotated[Literal["auto", "nchw", "nhwc"], typer.Option(help="Order of the input's axes.")]
Classes = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Class names: one per line, or a JSON list.", show_default=False),
]
Attributes = Annotated[
    list[str], typer.Option("--attribute", help="Declare a column: hue=circular:1.0, site=categorical. Repeatable.")
]

classifiers = typer.Typer(no_args_is_help=True, help="Push and list classifiers (ONNX files).")
datasets = typer.Typer(no_args_is_help=True, help="Push and list datasets (reference images).")


@classifiers.command("push")
def push_classifier(
    context: typer.Context,
    model: ExistingFile,
    name: Name = None,
    mean: Numbers = None,
    std: Numbers = None,
    low: Low = 0.0,
    high: High = 1.0,
    layout: Layout = "auto",
    classes: Classes = None,
    no_wait: NoWait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Send an ONNX file and wait until it is checked. The same bytes are sent only once.

    Example: scotoma classifier push model.onnx --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
    """
    spec = InputSpec(low=low, high=high, layout=layout, mean=parsing.floats(mean), std=parsing.floats(std))
    session = session_of(context)
    with session.client() as client:
        with upload_bar(session.people, model.name) as on_progress:
            item = client.push_classifier(
                model, name=name, input=spec, classes=parsing.class_names(classes), on_progress=on_progress
            )
        item = item if no_wait else client.wait_for_intake(item, timeout=timeout)
    write_json(item) if as_json else session.out.print(classifier_table([item]))


@classifiers.command("list")
def list_classifiers(context: typer.Context, as_json: Json = False) -> None:
    """Every classifier, newest first."""
    session = session_of(context)
    with session.client() as client:
        items = list(client.classifiers())
    write_json(items) if as_json else session.out.print(classifier_table(items))


@datasets.command("push")
def push_dataset(
    context: typer.Context,
    data: ExistingFile,
    name: Name = None,
    attribute: Attributes = [],  # noqa: B006  (typer reads the default, nobody writes it)
    no_wait: NoWait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Send reference images (.npz, .zip or .tar) and wait until they are read.

    Example: scotoma dataset push digits.npz --attribute hue=circular:1.0
    """
    session = session_of(context)
    declared = parsing.attributes(attribute)
    with session.client() as client:
        with upload_bar(session.people, data.name) as on_progress:
            item = client.push_dataset(data, name=name, attributes=declared, on_progress=on_progress)
        item = item if no_wait else client.wait_for_intake(item, timeout=timeout)
    write_json(item) if as_json else session.out.print(dataset_table([item]))


@datasets.command("list")
def list_datasets(context: typer.Context, as_json: Json = False) -> None:
    """Every dataset, newest first."""
    session = session_of(context)
    with session.client() as client:
        items = list(client.datasets())
    write_json(items) if as_json else session.out.print(dataset_table(items))


def classifier_table(items: list[Classifier]) -> Table:
    """Classifiers in columns."""
    made = table("Id", "State", "Classes", "Name")
    for item in items:
        count = str(item.facts.classes) if item.facts else ""
        made.add_row(item.id, item.state, count, plain(item.name))
    return made


def dataset_table(items: list[Dataset]) -> Table:
    """Datasets in columns."""
    made = table("Id", "State", "Images", "Name")
    for item in items:
        made.add_row(item.id, item.state, str(item.facts.images) if item.facts else "", plain(item.name))
    return made


def ready(client: Client, classifier: Classifier, dataset: Dataset, timeout: float | None) -> None:
    """Wait for both files.

    Raises:
        IntakeRefused: one of them cannot be audited.
        TimedOut: ``timeout`` seconds have passed.
    """
    client.wait_for_intake(classifier, timeout=timeout)
    client.wait_for_intake(dataset, timeout=timeout)
