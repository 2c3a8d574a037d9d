"""``scotoma policy``, and the options by which ``audit run`` checks one."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from ..policies import PolicyReport, policy_schema
from ..policies.check import check
from ..results import AuditResult
from .policies.document import PolicyFile, read_policy
from .policies.junit import junit
from .policies.markdown import job_summary, model_card
from .policies.sarif import sarif
from .policy_table import CODES, policy_table
from .session import ExitWith, session_of

policies = typer.Typer(no_args_is_help=True, help="Say what a model must and must not ignore, and check it.")

SUMMARY = "GITHUB_STEP_SUMMARY"

Out = typer.Option
Baselines = Annotated[
    list[str], Out("--baseline", metavar="NAME=RESULT.json", help="An earlier result that rules name. Repeatable.")
]
PolicyPath = Annotated[
    Path | None,
    Out("--policy", exists=True, dir_okay=False, metavar="POLICY.yaml", help="Check this policy.", show_default=False),
]
Junit = Annotated[Path | None, Out("--junit", dir_okay=False, help="JUnit XML.", show_default=False)]
Sarif = Annotated[Path | None, Out("--sarif", dir_okay=False, help="SARIF 2.1.0.", show_default=False)]
Report = Annotated[Path | None, Out("--policy-json", dir_okay=False, help="The outcome as JSON.", show_default=False)]
Card = Annotated[Path | None, Out("--model-card", dir_okay=False, help="Markdown fragment.", show_default=False)]
Summary = Annotated[
    Path | None,
    Out("--summary", dir_okay=False, envvar=SUMMARY, help="Markdown table, appended.", show_default=False),
]


@dataclass(frozen=True)
class Written:
    """Where the outcome of a policy goes, besides the terminal."""

    junit: Path | None = None
    sarif: Path | None = None
    report: Path | None = None
    card: Path | None = None
    summary: Path | None = None

    def require(self, policy: Path | None) -> None:
        """Files need a policy; a job's summary comes from the environment, and waits for one.

        Raises:
            BadParameter: a file was asked for, and nothing that could be in it.
        """
        if policy is None and any((self.junit, self.sarif, self.report, self.card)):
            raise typer.BadParameter("--junit, --sarif, --policy-json and --model-card need --policy")


@policies.command("check")
def check_policy(
    context: typer.Context,
    policy: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="POLICY.yaml", show_default=False)],
    result: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="RESULT.json", show_default=False)],
    baseline: Baselines = [],  # noqa: B006
    junit_file: Junit = None,
    sarif_file: Sarif = None,
    json_file: Report = None,
    card_file: Card = None,
    summary_file: Summary = None,
) -> None:
    """Check a saved result against a policy, without any service. Exit code 0 pass, 1 fail, 2 inconclusive.

    Example: scotoma policy check policy.yaml scotoma-aud_0123456789abcdef.json --junit policy.xml --sarif policy.sarif
    """
    session = session_of(context)
    written = Written(junit_file, sarif_file, json_file, card_file, summary_file)
    gate(read_policy(policy), read_result(result), baselines(baseline), written, session.out)


@policies.command("schema")
def show_schema() -> None:
    """Print the JSON Schema of a policy, for editors and linters."""
    sys.stdout.write(json.dumps(policy_schema(), indent=2) + "\n")


def gate(file: PolicyFile, result: AuditResult, earlier: dict[str, AuditResult], to: Written, out: Console) -> None:
    """Check, write every file, show the table, and only then decide the exit code.

    Raises:
        ExitWith: the policy failed or is inconclusive.
        OSError: a file cannot be written.
    """
    report = check(file.policy, result, earlier, file.lines)
    write(report, file, result, to)
    out.print(policy_table(report))
    if CODES[report.outcome]:
        raise ExitWith(CODES[report.outcome])


def write(report: PolicyReport, file: PolicyFile, result: AuditResult, to: Written) -> None:
    """Every file that was asked for."""
    if to.junit:
        to.junit.write_bytes(junit(report))
    if to.sarif:
        log = sarif(report, _relative(file.path))
        to.sarif.write_text(json.dumps(log, indent=2) + "\n", encoding="utf-8")
    if to.report:
        to.report.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    if to.card:
        to.card.write_text(model_card(result, report), encoding="utf-8")
    if to.summary:  # GitHub collects the summaries of all steps in one file
        with to.summary.open("a", encoding="utf-8") as stream:
            stream.write(job_summary(report) + "\n")


def read_result(path: Path) -> AuditResult:
    """A saved ``result.json``.

    Raises:
        BadParameter: it is none.
    """
    try:
        return AuditResult.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise typer.BadParameter(f"{path} is no result.json of an audit (scotoma report get AUDIT --json)") from error


def baselines(texts: list[str]) -> dict[str, AuditResult]:
    """``NAME=RESULT.json`` as results by name.

    Raises:
        BadParameter: not of this form, or no such result.
    """
    found: dict[str, AuditResult] = {}
    for text in texts:
        name, separator, path = text.partition("=")
        if not separator or not name or not Path(path).is_file():
            raise typer.BadParameter(f"{text!r} is not NAME=RESULT.json with an existing file")
        found[name] = read_result(Path(path))
    return found


def _relative(path: Path) -> Path:
    """Relative to the root of the repository, as code scanning wants it: the working folder in CI."""
    try:
        return path.resolve().relative_to(Path(os.environ.get("GITHUB_WORKSPACE", Path.cwd())).resolve())
    except ValueError:
        return path
