"""``scotoma registry``."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from ..audits import Profile
from ..registries import Registry, RegistryChange, RegistryCreate, RegistryCreated
from . import parsing
from .audit_options import How, NoSymmetry, Seed, Symmetries, Taps, Views, audit_base, chosen_symmetries
from .file_commands import Json
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
from .registry_tables import registry_details, registry_table, version_table
from .session import Session, session_of, write_json
from .terminal import plain

Option = typer.Option
RegistryId = Annotated[str, typer.Argument(metavar="REGISTRY", help="Its id, reg_….", show_default=False)]
Limit = Annotated[int, Option("--limit", min=1, help="How many to show.")]

registries = typer.Typer(
    no_args_is_help=True, help="Audit every new version that a model registry tells of (key of scope admin)."
)


@registries.command("create")
def create_registry(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="For people.", show_default=False)],
    url: Annotated[str, typer.Argument(help="Of the MLflow tracking server: https://….", show_default=False)],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Such as dat_….", show_default=False)],
    model: Annotated[
        list[str], Option("--model", help="Only models of this name; * and ? as in the shell. Repeatable.")
    ] = ["*"],  # noqa: B006
    token: Annotated[
        str | None,
        Option(envvar="SCOTOMA_REGISTRY_TOKEN", help="Sent to MLflow as bearer token.", show_default=False),
    ] = None,
    policy: Annotated[
        str | None, Option("--policy-id", help="Check this one: pol_… (scotoma policy push).", show_default=False)
    ] = None,
    baseline: Annotated[
        str | None,
        Option(
            help="Meant by no_regression_against: aud_…, or previous: the last version to pass.", show_default=False
        ),
    ] = None,
    log_results: Annotated[bool, Option(help="Write metrics, tags, report and result to MLflow.")] = True,
    alias_on_pass: Annotated[
        str | None, Option(help="Let this alias follow the newest version that passes the policy.", show_default=False)
    ] = None,
    mean: Numbers = None,
    std: Numbers = None,
    low: Low = 0.0,
    high: High = 1.0,
    layout: Layout = "auto",
    nodes: NodesInput = None,
    adjacency: AdjacencyInput = None,
    mask: MaskInput = None,
    classes: Classes = None,
    profile: How = Profile.QUICK,
    seed: Seed = 0,
    tap: Taps = [],  # noqa: B006
    view: Views = [],  # noqa: B006
    symmetry: Symmetries = [],  # noqa: B006
    no_symmetry: NoSymmetry = False,
    as_json: Json = False,
) -> None:
    """Connect an MLflow server. Prints what its webhook needs: an address and a secret, which is not shown again.

    Example: scotoma registry create ours https://mlflow.example.com dat_0123456789abcdef --model "fraud-*"
    """
    body = RegistryCreate(
        name=name, url=url, token=token, dataset=dataset, model_names=model,
        input=input_spec(mean, std, low, high, layout, GraphNames(nodes, adjacency, mask)),
        classes=parsing.class_names(classes),
        config=audit_base(profile, seed, tap, view or None, chosen_symmetries(symmetry, no_symmetry)),
        policy=policy, baseline=baseline, log_results=log_results, alias_on_pass=alias_on_pass,
    )  # fmt: skip
    session = session_of(context)
    with session.client() as client:
        made = client.create_registry(body)
    write_json(made) if as_json else _show_secret(session, made)


@registries.command("list")
def list_registries(context: typer.Context, as_json: Json = False) -> None:
    """Every registry, newest first."""
    session = session_of(context)
    with session.client() as client:
        items = list(client.registries())
    write_json(items) if as_json else session.out.print(registry_table(items))


@registries.command("show")
def show_registry(context: typer.Context, registry: RegistryId, as_json: Json = False) -> None:
    """One registry: where it is, and what is done with its versions."""
    session = session_of(context)
    with session.client() as client:
        item = client.registry(registry)
    write_json(item) if as_json else session.out.print(registry_details(item))


@registries.command("versions")
def list_versions(context: typer.Context, registry: RegistryId, limit: Limit = 25, as_json: Json = False) -> None:
    """What it told of, newest first, and what became of each."""
    session = session_of(context)
    with session.client() as client:
        items = list(islice(client.registry_versions(registry), limit))
    write_json(items) if as_json else session.out.print(version_table(items))


@registries.command("import")
def import_version(
    context: typer.Context,
    registry: RegistryId,
    model: Annotated[str, typer.Argument(help="Registered name.", show_default=False)],
    version: Annotated[str, typer.Argument(help="Its number.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Audit a version that it did not tell of, or try one again whose import failed.

    Example: scotoma registry import reg_0123456789abcdef fraud-cnn 7
    """
    session = session_of(context)
    with session.client() as client:
        item = client.import_version(registry, model, version)
    write_json(item) if as_json else session.out.print(version_table([item]))


@registries.command("rotate")
def rotate_registry(context: typer.Context, registry: RegistryId, as_json: Json = False) -> None:
    """A new secret for its webhook. For 24 hours the one before is taken, too: change MLflow's webhook meanwhile."""
    session = session_of(context)
    with session.client() as client:
        made = client.rotate_registry(registry)
    write_json(made) if as_json else _show_secret(session, made)


@registries.command("disable")
def disable_registry(context: typer.Context, registry: RegistryId, as_json: Json = False) -> None:
    """Believe nothing that it tells, and write nothing to it, until it is enabled."""
    _change(context, registry, RegistryChange(disabled=True), as_json)


@registries.command("enable")
def enable_registry(context: typer.Context, registry: RegistryId, as_json: Json = False) -> None:
    """Take a disabled registry up again."""
    _change(context, registry, RegistryChange(disabled=False), as_json)


@registries.command("token")
def change_token(
    context: typer.Context,
    registry: RegistryId,
    token: Annotated[
        str,
        Option(envvar="SCOTOMA_REGISTRY_TOKEN", prompt=True, hide_input=True, help="The new one.", show_default=False),
    ],
    as_json: Json = False,
) -> None:
    """Send MLflow another token from now on."""
    _change(context, registry, RegistryChange(token=token), as_json)


@registries.command("delete")
def delete_registry(context: typer.Context, registry: RegistryId) -> None:
    """Forget it and what it told. Classifiers and audits that came of it stay."""
    session = session_of(context)
    with session.client() as client:
        client.delete_registry(registry)
    session.people.print(plain(f"{registry} is forgotten. Delete its webhook in MLflow, too."))


def _change(context: typer.Context, registry: str, change: RegistryChange, as_json: bool) -> None:
    session = session_of(context)
    with session.client() as client:
        item: Registry = client.change_registry(registry, change)
    write_json(item) if as_json else session.out.print(registry_table([item]))


def _show_secret(session: Session, made: RegistryCreated) -> None:
    session.out.print(made.id)
    session.out.print(plain(f"url     {made.events_url}"), soft_wrap=True)
    session.out.print(plain(f"secret  {made.secret}"), soft_wrap=True)
    session.people.print("Make a webhook in MLflow with this address and secret, for new model versions.")
    session.people.print("The secret is not shown again.")
