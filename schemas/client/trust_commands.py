"""``scotoma report verify`` and ``scotoma report keys``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from ..manifests import Manifest, Material, SigningKey, SigningKeyList
from ..manifests.keys import KeyUnreadable
from ..manifests.verification import Check, Outcome, Verification, verify_page
from .session import INCONCLUSIVE, POLICY_VIOLATED, ExitWith, session_of, table, write_json
from .terminal import plain
from .trusted_keys import trusted_keys

CODES = {Outcome.VERIFIED: 0, Outcome.REFUSED: POLICY_VIOLATED}
"""Exit codes; every other outcome is inconclusive."""
LOOK = {
    Outcome.VERIFIED: ("Verified", "bold green", "Unchanged, and signed by a key that you trust."),
    Outcome.UNKNOWN_SIGNER: (
        "Signer unknown",
        "bold yellow",
        "Unchanged since it was signed. By whom, is for you to say.",
    ),
    Outcome.UNSIGNED: ("Not signed", "bold yellow", "Nothing here proves where the report comes from."),
    Outcome.UNREADABLE: ("Cannot be read", "bold yellow", "This version of scotoma is too old for the report."),
    Outcome.REFUSED: ("Refused", "bold red", "Do not rely on this report."),
}
SIGNS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}

Page = Annotated[Path, typer.Argument(metavar="REPORT.html", exists=True, dir_okay=False, help="As it was downloaded.")]
Result = Annotated[
    Path | None, typer.Option("--result", exists=True, dir_okay=False, help="result.json to hold against it.")
]
Model = Annotated[Path | None, typer.Option("--model", exists=True, dir_okay=False, help="The ONNX file.")]
Data = Annotated[Path | None, typer.Option("--data", exists=True, dir_okay=False, help="The file of references.")]
Keys = Annotated[
    list[str] | None,
    typer.Option("--key", help="A key that you trust: its name (sig_…), base64, or a file of keys. May be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The whole answer as JSON.")]


def verify(
    context: typer.Context,
    report: Page,
    result: Result = None,
    model: Model = None,
    data: Data = None,
    key: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Verify a downloaded report, without network or service.

    Exit codes: 0 unchanged and signed by a key that you trust; 1 changed, forged, or not about these files; 2 nobody
    can say: the signer is not known to you (the key's name is shown), or nobody signed.

    Example: scotoma report verify report.html --key keys.json --model model.onnx
    """
    files = {name: _sha256(path) for name, path in (("result", result), ("model", model), ("data", data)) if path}
    answer = verify_page(report.read_bytes(), _trusted(key), files)
    write_json(answer) if as_json else session_of(context).out.print(_told(report, answer), soft_wrap=True)
    code = CODES.get(answer.outcome, INCONCLUSIVE)
    if code:
        raise ExitWith(code)


def keys(
    context: typer.Context,
    as_json: AsJson = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", dir_okay=False, help="Write them here, for `report verify --key`.")
    ] = None,
) -> None:
    """Show or save the public keys that the service signs reports with.

    Example: scotoma report keys -o keys.json
    """
    session = session_of(context)
    with session.client() as client:
        found = SigningKeyList(items=client.signing_keys())
    if output is not None:
        output.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
        session.people.print(plain(f"Wrote {output}"), soft_wrap=True)
    elif as_json:
        write_json(found)
    else:
        session.out.print(
            _key_table(found.items) if found.items else plain("The service has no key: it signs nothing.")
        )


def _key_table(items: list[SigningKey]) -> RenderableType:
    made = table("Id", "Since", "In use", "Public key")
    for item in items:
        cells = item.id, f"{item.created_at:%Y-%m-%d}", "yes" if item.current else "no", item.public_key
        made.add_row(*map(plain, cells))
    return made


def _trusted(given: list[str] | None) -> set[str] | None:
    try:
        return {name for one in given for name in trusted_keys(one)} if given else None
    except (KeyUnreadable, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"--key: {error}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _told(path: Path, answer: Verification) -> RenderableType:
    word, style, meaning = LOOK[answer.outcome]
    head = Text.assemble((word, style), "  ", plain(str(path)), f"\n{meaning}\n")
    lines = [_line(check) for check in answer.checks]
    if answer.manifest is None or answer.outcome is Outcome.REFUSED:
        return Group(head, *lines)
    return Group(head, *lines, Text(""), *_content(answer.manifest))


def _line(check: Check) -> Text:
    sign, style = SIGNS[check.passed]
    return Text.assemble((sign, style), plain(f" {check.name:<10}"), plain(check.words))


def _content(manifest: Manifest) -> list[RenderableType]:
    """What the report is about, once it may be believed."""
    told = manifest.statement
    signer = f" by {manifest.signer.service}" if manifest.signer and manifest.signer.service else ""
    facts = [
        (told.kind.capitalize(), f"{told.id} {told.name}, of project {told.project_name or told.project}"),
        ("Finished", f"{told.finished_at:%Y-%m-%d %H:%M} UTC"),
        ("Signed" if manifest.signer else "Made", f"{manifest.signed_at:%Y-%m-%d %H:%M} UTC{signer}"),
        *[(material.role, _material(material)) for material in told.materials],
        *[(product.role, f"SHA-256 {product.digest}") for product in told.products if product.role == "result"],
        *[("policy", f"{policy.policy}: {policy.outcome}") for policy in told.policies],
        ("Code", ", ".join(f"{name} {version}" for name, version in sorted(told.code.versions.items()))),
    ]
    if told.code.source_digest:
        facts.append(("", f"source files SHA-256 {told.code.source_digest}"))
    if manifest.original:
        facts.append(("Rendered", f"anew by a later template; follows the manifest {manifest.original}"))
    return [Text.assemble(plain(f"{name:<18}", "bold"), plain(value)) for name, value in facts]


def _material(material: Material) -> str:
    return f"{material.name} ({material.id}), SHA-256 {material.digest}"
