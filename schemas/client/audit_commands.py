"""``scotoma audit`` and ``scotoma report``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..audits import Audit, AuditState, Profile
from ..classifiers import InputSpec
from ..policies import Outcome
from . import parsing
from .audit_options import (
    Against,
    AllViews,
    Beside,
    How,
    NoSymmetry,
    Outside,
    Own,
    Seed,
    Symmetries,
    Taps,
    Views,
    audit_base,
    audit_config,
    chosen_symmetries,
    chosen_views,
    left,
    that_fit,
)
from .client import Client
from .errors import AuditUnfinished, sentences
from .file_commands import Attributes, ExistingFile, Json, Name, Timeout, ready
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
from .policies.document import read_policy
from .policy_commands import (
    Baselines,
    Card,
    Junit,
    PolicyPath,
    Report,
    Sarif,
    Summary,
    Written,
    baselines,
    gate,
)
from .policy_table import CODES
from .progress import AuditProgress
from .session import INTERRUPTED, ExitWith, Session, session_of, table, upload_bar, write_json
from .terminal import plain
from .verdict_table import verdict_table

AuditId = Annotated[str, typer.Argument(metavar="AUDIT", show_default=False, help="Such as aud_0123456789abcdef.")]
audits = typer.Typer(no_args_is_help=True, help="Submit, watch, list, show, cancel and run audits.")
reports = typer.Typer(no_args_is_help=True, help="Fetch and verify reports.")


@audits.command("run")
def run(
    context: typer.Context,
    model: ExistingFile,
    data: ExistingFile,
    name: Name = None,
    profile: How = Profile.QUICK,
    seed: Seed = 0,
    tap: Taps = [],  # noqa: B006
    view: Views = [],  # noqa: B006
    all_views: AllViews = False,
    symmetry: Symmetries = [],  # noqa: B006
    no_symmetry: NoSymmetry = False,
    against: Against = [],  # noqa: B006
    outside: Outside = None,
    autoencoder: Own = None,
    mean: Numbers = None,
    std: Numbers = None,
    low: Low = 0.0,
    high: High = 1.0,
    layout: Layout = "auto",
    nodes: NodesInput = None,
    adjacency: AdjacencyInput = None,
    mask: MaskInput = None,
    classes: Classes = None,
    attribute: Attributes = [],  # noqa: B006
    output: Annotated[Path, typer.Option("-o", "--output", file_okay=False, help="Folder for the files.")] = Path(),
    timeout: Timeout = None,
    policy: PolicyPath = None,
    baseline: Baselines = [],  # noqa: B006
    junit_file: Junit = None,
    sarif_file: Sarif = None,
    policy_json: Report = None,
    card_file: Card = None,
    summary_file: Summary = None,
    as_json: Json = False,
) -> None:
    """Push both files, audit, watch, show the verdicts, and save the report and its JSON.

    Files given with --against are read with the same input options as MODEL. With --policy the exit code says whether
    the model keeps it: 0 pass, 1 fail, 2 inconclusive; every file is written before.

    Example: scotoma audit run model.onnx digits.npz --attribute hue=circular:1.0 --view concepts --symmetry c4
    """
    session = session_of(context)
    deadline = None if timeout is None else time.monotonic() + timeout
    written = Written(junit_file, sarif_file, policy_json, card_file, summary_file)
    written.require(policy)
    if baseline and policy is None:
        raise typer.BadParameter("--baseline is for the rules of a policy: give --policy, too")
    asked = None if policy is None else read_policy(policy)
    earlier = baselines(baseline)
    spec = input_spec(mean, std, low, high, layout, GraphNames(nodes, adjacency, mask))
    declared, names = parsing.attributes(attribute), parsing.class_names(classes)
    groups = chosen_symmetries(symmetry, no_symmetry)
    base = audit_base(profile, seed, tap, chosen_views(view, all_views), groups)
    with session.client() as client:
        with upload_bar(session.people, model.name) as on_progress:
            classifier = client.push_classifier(model, input=spec, classes=names, on_progress=on_progress)
        with upload_bar(session.people, data.name) as on_progress:
            dataset = client.push_dataset(data, attributes=declared, on_progress=on_progress)
        dataset = ready(client, classifier, dataset, left(deadline))
        base = that_fit(base, dataset) if all_views else base
        config = audit_config(session, client, base, Beside(against, outside, autoencoder), spec, deadline)
        audit = client.submit_audit(classifier.id, dataset.id, name=name, config=config)
        _follow(session, client, audit, left(deadline))
        _deliver(session, client, audit, output, as_json)
        if asked is not None:
            gate(asked, client.result(audit.id), earlier, written, session.people if as_json else session.out)


@audits.command("submit")
def submit(
    context: typer.Context,
    classifier: Annotated[str, typer.Argument(metavar="CLASSIFIER", show_default=False, help="Such as clf_….")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", show_default=False, help="Such as dat_….")],
    name: Name = None,
    profile: How = Profile.QUICK,
    seed: Seed = 0,
    tap: Taps = [],  # noqa: B006
    view: Views = [],  # noqa: B006
    all_views: AllViews = False,
    symmetry: Symmetries = [],  # noqa: B006
    no_symmetry: NoSymmetry = False,
    against: Against = [],  # noqa: B006
    outside: Outside = None,
    autoencoder: Own = None,
    policy: Annotated[
        str | None,
        typer.Option("--policy-id", help="Have the service check this policy: pol_….", show_default=False),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline-id", help="The audit that no_regression_against means: aud_….", show_default=False),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--idempotency-key", help="Sent twice, it is one audit.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Queue an audit of files that are in the service already, and print its id.

    Files given with --against and --outside are pushed first, with the default input options.
    """
    session = session_of(context)
    if baseline is not None and policy is None:
        raise typer.BadParameter("--baseline-id is for the rules of a policy: give --policy-id, too")
    groups = chosen_symmetries(symmetry, no_symmetry)
    base = audit_base(profile, seed, tap, chosen_views(view, all_views), groups)
    with session.client() as client:
        base = that_fit(base, client.dataset(dataset)) if all_views else base
        config = audit_config(session, client, base, Beside(against, outside, autoencoder), InputSpec())
        audit = client.submit_audit(
            classifier, dataset, name=name, config=config, policy=policy, baseline=baseline, idempotency_key=key
        )
    write_json(audit) if as_json else session.out.print(audit.id)


@audits.command("watch")
def watch(context: typer.Context, audit: AuditId, timeout: Timeout = None, as_json: Json = False) -> None:
    """Follow an audit to its end, then show the verdicts. With --json: one event per line.

    Where the service checks a policy, the exit code says what came of it: 0 pass, 1 fail, 2 inconclusive.
    """
    session = session_of(context)
    with session.client() as client:
        if as_json:
            for event in client.watch(audit, timeout=timeout):
                sys.stdout.write(event.model_dump_json() + "\n")
                sys.stdout.flush()
            _require_success(client, audit)
        else:
            _follow(session, client, client.audit(audit), timeout)
            session.out.print(verdict_table(client.result(audit)))
        outcome = client.audit(audit).gate
    if outcome is not None and CODES[outcome]:
        raise ExitWith(CODES[outcome])


@audits.command("list")
def list_audits(
    context: typer.Context,
    state: Annotated[AuditState | None, typer.Option(show_default=False)] = None,
    classifier: Annotated[str | None, typer.Option(show_default=False)] = None,
    dataset: Annotated[str | None, typer.Option(show_default=False)] = None,
    gate: Annotated[Outcome | None, typer.Option(help="What came of the policy.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Audits, newest first."""
    session = session_of(context)
    with session.client() as client:
        items = list(client.audits(state=state, classifier=classifier, dataset=dataset, gate=gate))
    write_json(items) if as_json else session.out.print(audit_table(items))


@audits.command("show")
def show(context: typer.Context, audit: AuditId, as_json: Json = False) -> None:
    """One audit; with its verdicts when it has succeeded."""
    session = session_of(context)
    with session.client() as client:
        item = client.audit(audit)
        if as_json:
            return write_json(item)
        session.out.print(audit_table([item]))
        if item.problem:
            session.out.print(plain(sentences(item.problem.detail, item.problem.advice)), soft_wrap=True)
        if item.state is AuditState.SUCCEEDED:
            session.out.print(verdict_table(client.result(audit)))
    return None


@audits.command("cancel")
def cancel(context: typer.Context, audit: AuditId, as_json: Json = False) -> None:
    """Stop an audit."""
    session = session_of(context)
    with session.client() as client:
        item = client.cancel(audit)
    write_json(item) if as_json else session.out.print(audit_table([item]))


@reports.command("get")
def get_report(
    context: typer.Context,
    subject: Annotated[
        str, typer.Argument(metavar="AUDIT|COMPARISON", show_default=False, help="Such as aud_… or cmp_….")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Fetch the JSON in place of the page.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", dir_okay=False, help="Write here.", show_default=False)
    ] = None,
    original: Annotated[
        bool, typer.Option("--original", help="Of an audit: the very page that was stored when it ended.")
    ] = False,
) -> None:
    """Fetch the report of an audit or of a comparison to stdout or a file, sealed: see scotoma report verify.

    Example: scotoma report get aud_0123456789abcdef -o report.html
    """
    session = session_of(context)
    with session.client() as client:
        if as_json:
            data = client.comparison_json(subject) if subject.startswith("cmp_") else client.result_json(subject)
        else:
            data = client.sealed_report(subject, original=original)
    if output is None:
        sys.stdout.buffer.write(data)
    else:
        output.write_bytes(data)
        session.people.print(plain(f"Wrote {output}"), soft_wrap=True)


def audit_table(items: list[Audit]) -> Table:
    """Audits in columns."""
    made = table("Id", "State", "Done", "Policy", "Name")
    for item in items:
        made.add_row(item.id, item.state, f"{item.progress:.0%}", item.gate or "", plain(item.name))
    return made


def _follow(session: Session, client: Client, audit: Audit, timeout: float | None) -> None:
    """Draw the progress until the audit has succeeded.

    Raises:
        AuditUnfinished: it failed or was cancelled.
        TimedOut: ``timeout`` seconds have passed; the audit goes on.
        ExitWith: somebody pressed Ctrl-C; the audit goes on.
    """
    try:
        with AuditProgress(session.people, audit) as view:
            for event in client.watch(audit.id, timeout=timeout):
                view.show(event)
    except KeyboardInterrupt:
        session.people.print(
            f"\nThe audit goes on in the service.\n  watch it:   scotoma audit watch {audit.id}\n"
            f"  cancel it:  scotoma audit cancel {audit.id}",
            soft_wrap=True,
        )
        raise ExitWith(INTERRUPTED) from None
    _require_success(client, audit.id)


def _require_success(client: Client, audit: str) -> None:
    ended = client.audit(audit)
    if ended.state is not AuditState.SUCCEEDED:
        raise AuditUnfinished(ended)


def _deliver(session: Session, client: Client, audit: Audit, folder: Path, as_json: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    page, data = folder / f"scotoma-{audit.id}.html", folder / f"scotoma-{audit.id}.json"
    page.write_bytes(client.sealed_report(audit.id))
    data.write_bytes(client.result_json(audit.id))
    if as_json:
        sys.stdout.write(data.read_text(encoding="utf-8") + "\n")
    else:
        session.out.print(verdict_table(client.result(audit.id)))
    for label, path in (("Report", page), ("JSON  ", data)):
        session.people.print(plain(f"{label}  {path}"), soft_wrap=True)
