"""The command line ``scotoma``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from pydantic import ValidationError

from .. import __version__
from .audit_commands import audits, reports
from .autoencoder_commands import autoencoders
from .certificate_command import certificate
from .compare_command import compare
from .comparison_commands import comparisons
from .errors import ScotomaError
from .file_commands import classifiers, datasets
from .key_commands import keys
from .policy_commands import policies
from .project_commands import projects
from .registry_commands import registries
from .schedule_commands import schedules
from .session import SERVICE, USAGE, ExitWith, Session, exit_code, say_error
from .stored_policies import list_policies, push_policy, show_policy
from .terminal import people_console, plain
from .trust_commands import keys as signing_keys
from .trust_commands import verify
from .webhook_commands import webhooks

HELP = """Find out what a classifier of images or graphs ignores.

Audit a model against reference images or graphs, in one line:

    scotoma audit run model.onnx images.npz

The service and the key come from SCOTOMA_URL and SCOTOMA_API_KEY.
"""
CODES = (
    "Exit codes: 0 fine · 1 policy violated · 2 inconclusive · 3 usage, or a file that cannot be audited · "
    "4 service error · 5 timed out"
)

app = typer.Typer(
    name="scotoma", help=HELP, epilog=CODES, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)
app.add_typer(audits, name="audit")
app.add_typer(classifiers, name="classifier")
app.add_typer(datasets, name="dataset")
app.add_typer(autoencoders, name="autoencoder")
reports.command("verify")(verify)
reports.command("keys")(signing_keys)
app.add_typer(reports, name="report")
policies.command("push")(push_policy)
policies.command("list")(list_policies)
policies.command("show")(show_policy)
app.add_typer(policies, name="policy")
app.add_typer(schedules, name="schedule")
app.add_typer(webhooks, name="webhook")
app.add_typer(registries, name="registry")
app.add_typer(projects, name="project")
app.add_typer(keys, name="key")
app.command("certificate")(certificate)
app.command("compare")(compare)
app.add_typer(comparisons, name="comparison")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scotoma {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(envvar="SCOTOMA_URL", help="Root of the service.", show_default=False)
    ] = None,
    api_key: Annotated[str | None, typer.Option(envvar="SCOTOMA_API_KEY", help="scot_….", show_default=False)] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Remember where the service is."""
    context.obj = Session(url, api_key)


def main() -> None:
    """Entry point. 1 and 2 are answers, as of a policy: typer's own 2 is usage, its 1 (a closed pipe) becomes 4."""
    try:
        app()
    except SystemExit as stop:
        sys.exit({2: USAGE, 1: SERVICE}.get(stop.code, stop.code) if isinstance(stop.code, int) else stop.code)
    except ExitWith as end:
        sys.exit(end.code)
    except ScotomaError as error:
        say_error(people_console(), error)
        sys.exit(exit_code(error))
    except ValidationError as error:
        people_console().print(plain(f"Error: {'; '.join(item['msg'] for item in error.errors())}"), soft_wrap=True)
        sys.exit(USAGE)
    except OSError as error:
        people_console().print(plain(f"Error: {error}"), soft_wrap=True)
        sys.exit(USAGE)
    except Exception as error:  # Python's own exit code would say that the policy is violated
        told = " ".join(f"{type(error).__name__}: {error}".split())
        people_console().print(plain(f"Error: scotoma itself failed ({told}). Please report it."), soft_wrap=True)
        sys.exit(SERVICE)


if __name__ == "__main__":
    main()
