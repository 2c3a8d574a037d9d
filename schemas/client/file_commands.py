"""``scotoma classifier`` and ``scotoma dataset``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..classifiers import Classifier
from ..datasets import Dataset, DatasetFacts
from . import parsing
from .client import Client
from .input_options import (
    AdjacencyInput,
    Classes,
    GraphNames,
    High,
    Layout,
    Low,
    MaskInput,
    NodesInput,
    Numbers,
    input_spec,
)
from .session import session_of, table, upload_bar, write_json
from .terminal import plain

ExistingFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, show_default=False)]
Name = Annotated[str | None, typer.Option(help="A name for people. Default: the file's.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
Timeout = Annotated[float | None, typer.Option(help="Seconds to wait at most (exit code 5).", show_default=False)]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait until the service has read the file.")]
Attributes = Annotated[
    list[str], typer.Option("--attribute", help="Declare a column: hue=circular:1.0, site=categorical. Repeatable.")
]

classifiers = typer.Typer(no_args_is_help=True, help="Push and list classifiers (ONNX files).")
datasets = typer.Typer(no_args_is_help=True, help="Push and list datasets (reference images or graphs).")


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
    nodes: NodesInput = None,
    adjacency: AdjacencyInput = None,
    mask: MaskInput = None,
    classes: Classes = None,
    no_wait: NoWait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Send an ONNX file and wait until it is checked. The same bytes are sent only once.

    Example: scotoma classifier push model.onnx --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
    """
    spec = input_spec(mean, std, low, high, layout, GraphNames(nodes, adjacency, mask))
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
    """Send reference images (.npz, .zip or .tar) or graphs (.npz) and wait until they are read.

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
    made = table("Id", "State", "Holds", "Name")
    for item in items:
        made.add_row(item.id, item.state, holdings(item.facts) if item.facts else "", plain(item.name))
    return made


def holdings(facts: DatasetFacts) -> str:
    """``5,000 images of 28 × 28`` or ``1,000 graphs of up to 9 nodes``."""
    if facts.graph is not None:
        return f"{facts.images:,} graphs of up to {facts.graph.nodes} nodes"
    return f"{facts.images:,} images of {facts.width} × {facts.height}"


def ready(client: Client, classifier: Classifier, dataset: Dataset, timeout: float | None) -> Dataset:
    """Wait for both files; the dataset as the service read it.

    Raises:
        IntakeRefused: one of them cannot be audited.
        TimedOut: ``timeout`` seconds have passed.
    """
    client.wait_for_intake(classifier, timeout=timeout)
    return client.wait_for_intake(dataset, timeout=timeout)
