"""``make demo``: the main job on real digits, through the real servers, to two reports that a browser opens."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import psutil
import pytest
from playwright.sync_api import Browser

from schemas.results import AuditResult, Verdict, result_schema

ROOT = Path(__file__).parents[2]
LARGEST_REPORT = 3 * 2**20


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service's data lies: not below pytest's own folder, where its database's account has no way."""
    return Path(tempfile.mkdtemp(prefix="scotoma-demo-"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, service: Path) -> Iterator[Path]:
    """The demo's output folder, after one run of it."""
    out = tmp_path_factory.mktemp("demo")
    before = set(psutil.pids())
    _run("deploy.demo", str(out), "--folder", str(service))
    yield out
    running = psutil.process_iter(["pid", "cmdline"])  # a process that ends meanwhile has None here
    left = [p.info for p in running if p.pid not in before and "scotoma-demo" in " ".join(p.info["cmdline"] or [])]
    assert not left, "the demo left a server running"
    shutil.rmtree(service, ignore_errors=True)


def _run(module: str, *words: str) -> str:
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def result(demo: Path, name: str) -> AuditResult:
    return AuditResult.model_validate_json((demo / f"{name}.json").read_bytes())


def test_robust_ignores_hue_and_hue_uses_it(demo: Path) -> None:
    assert result(demo, "robust").finding("hue").verdict is Verdict.IGNORED
    assert result(demo, "hue").finding("hue").verdict is Verdict.USED


@pytest.mark.parametrize("name", ["robust", "hue"])
def test_result_keeps_its_published_contract(demo: Path, name: str) -> None:
    jsonschema.validate(json.loads((demo / f"{name}.json").read_bytes()), result_schema())


@pytest.mark.parametrize("name", ["robust", "hue"])
def test_every_verdict_rests_on_three_measurements(demo: Path, name: str) -> None:
    audited = result(demo, name)
    assert {"hue", "thickness", "slant", "label"} <= {feature.name for feature in audited.features}
    for finding in audited.findings:
        assert finding.reasons
        if finding.verdict in (Verdict.IGNORED, Verdict.ENCODED_UNUSED):
            assert finding.retention.predictive is not None
            assert finding.effect.flip_rate is not None


def test_gates_that_must_hold_on_this_data(demo: Path) -> None:
    for name in ("robust", "hue"):
        gates = {gate.name: gate for gate in result(demo, name).gates}
        needed = ["autoencoder_completeness", "monotone_information", "nll_beats_linear_gaussian:logits"]
        assert not [gate for gate in needed if not gates[gate].passed]
        assert all(control.passed for control in result(demo, name).controls)


def test_second_audit_reuses_what_depends_on_the_dataset(demo: Path) -> None:
    reused = {timing.stage for timing in result(demo, "hue").timings if timing.reused}
    assert {"autoencoder", "oracles", "editor", "prior"} <= reused


@pytest.mark.parametrize("name", ["robust", "hue"])
def test_report_opens_offline_without_a_word_on_the_console(demo: Path, browser: Browser, name: str) -> None:
    page_file = demo / f"{name}.html"
    assert page_file.stat().st_size <= LARGEST_REPORT
    said: list[str] = []
    asked: list[str] = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        heading = page.locator("h1").inner_text()
    assert f"{name}.onnx" in heading
    assert not said
    assert [url for url in asked if not url.startswith("data:")] == [page_file.as_uri()]


def test_a_day_in_a_pipeline(demo: Path, service: Path, tmp_path: Path) -> None:
    """Policy, schedule, failed gate, webhook, comparison, signatures; on the service that the demo left behind."""
    del demo
    told = _run("deploy.demo.day", str(tmp_path), "--folder", str(service))
    assert "what was waited for did not come" not in told
    transcript = (tmp_path / "day.md").read_text()
    assert transcript.count("$ echo $?\n1") == 2
    assert '"audit.gated"' in transcript
    assert "became used" in (tmp_path / "comparison.html").read_text().lower()
    assert (tmp_path / "policy.xml").is_file()
