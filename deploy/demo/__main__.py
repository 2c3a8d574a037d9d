"""``make demo``: start the embedded stack, audit two digit classifiers through the API, leave two reports.

The first audit is cold: it fits everything that depends on the dataset. The second finds that done and refits only what
depends on the classifier.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from schemas.client import Client, ScotomaError
from schemas.client.progress import AuditProgress
from schemas.client.verdict_table import verdict_table
from schemas.datasets import AttributeSpec, Dataset
from schemas.results import AuditResult, FeatureKind, Verdict
from services.embedded.stack import Stack
from services.errors import ServiceError

from .digits import write_dataset

HERE = Path(__file__).parent
CLASSES = [str(digit) for digit in range(10)]
HUE = {"hue": AttributeSpec(kind=FeatureKind.CIRCULAR, period=1.0)}
MODELS = {"robust": "trained on randomly coloured digits", "hue": "trained where hue gave the digit away"}
EXPECTED = {"robust": Verdict.IGNORED, "hue": Verdict.USED}

console = Console(highlight=False)


def main(out: Path = Path("demo"), kept: Path | None = None) -> int:
    """Run the demo and leave its reports in ``out``; 0 when both verdicts on hue came out as they must.

    ``kept``: a folder for the service's data that stays, in place of one that goes.
    """
    out.mkdir(parents=True, exist_ok=True)
    folder = kept or Path(tempfile.mkdtemp(prefix="scotoma-demo-"))
    try:
        code = _demo(folder, out)
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)
    except KeyboardInterrupt:
        console.print("\nStopped. Nothing is left running.")
        return 130
    except (ServiceError, ScotomaError) as error:
        console.print(f"[red]✗[/] {error}\n  Data and logs are kept in {folder}", markup=True)
        return 4
    return code


def _demo(folder: Path, out: Path) -> int:
    console.print("[bold]Scotoma demo[/]: what do two digit classifiers ignore?\n")
    data = folder / "digits.npz"
    write_dataset(data)
    console.print("Starting PostgreSQL, S3 (SeaweedFS), the API and Ray on this machine")
    with Stack(folder, port=0) as stack:
        stack.start(lambda name, seconds: console.print(f"  [green]✓[/] {name:<20} {seconds:6.1f} s"))
        with Client(stack.url, stack.api_key) as client:
            dataset = client.wait_for_intake(client.push_dataset(data, name="MNIST in random hues", attributes=HUE))
            results = {name: _audit(client, dataset, name, out) for name in MODELS}
    _goodbye(out)
    return 0 if all(results[name].finding("hue").verdict == want for name, want in EXPECTED.items()) else 1


def _audit(client: Client, dataset: Dataset, name: str, out: Path) -> AuditResult:
    """Push one model, audit it, save its report and result."""
    console.print(f"\n[bold]Auditing {name}.onnx[/], a small CNN {MODELS[name]}")
    began = time.monotonic()
    model = client.push_classifier(HERE / f"{name}.onnx", name=f"{name}.onnx", classes=CLASSES)
    client.wait_for_intake(model)
    audit = client.submit_audit(model.id, dataset.id, name=f"{name} on MNIST in random hues")
    with AuditProgress(console, audit) as view:
        for event in client.watch(audit.id):
            view.show(event)
    if client.audit(audit.id).problem is not None:
        problem = client.audit(audit.id).problem
        raise ScotomaError(f"the audit failed: {problem.detail if problem else ''}")
    result = client.result(audit.id)
    (out / f"{name}.json").write_bytes(client.result_json(audit.id))
    (out / f"{name}.html").write_text(client.report(audit.id))
    console.print(verdict_table(result))
    console.print(f"  {time.monotonic() - began:.0f} s in all → {out / name}.html", style="bright_black")
    return result


def _goodbye(out: Path) -> None:
    console.print(
        "\n[bold]Done.[/] Open the reports in a browser; they need no server and no network:\n"
        f"  {out / 'robust.html'}   this classifier ignores colour\n"
        f"  {out / 'hue.html'}      this one uses it\n\n"
        "Audit your own model next. Start the service (it keeps its data) and, in another\n"
        "shell with the key that it shows:\n"
        "  make up\n"
        "  .venv/bin/scotoma audit run MODEL.onnx DATA.npz\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=Path("demo"), help="where the reports go")
    parser.add_argument("--folder", type=Path, help="keep the service's data here")
    options = parser.parse_args()
    sys.exit(main(options.out, options.folder))
