"""The Python client and the command line against the real API, database and object storage."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from schemas.audits import AuditConfig, AuditState, StageState, View
from schemas.classifiers import InputSpec
from schemas.client import AuditUnfinished, Client, IntakeRefused, ServiceError, TimedOut, Unreachable, file_calls
from schemas.problems import ErrorCode
from schemas.results import Verdict
from services.api.routes import certificate as certificate_route
from services.db.engine import transaction
from services.db.tables import ClassifierRow, UploadRow
from services.errors import failure
from services.settings import Settings
from services.storage.blobs import S3BlobStore
from tests.builders.api_server import Api, api_in_thread, artifact_row
from tests.builders.certificates import certificate
from tests.builders.instant_dispatcher import accept_files, dispatching
from tests.builders.results import FEATURES, result, sheets
from tests.builders.rows import add_audit, add_dataset

MIB = 2**20


@pytest.fixture
def api(settings: Settings, engine: Engine, store: S3BlobStore) -> Iterator[Api]:
    with api_in_thread(settings.model_copy(update={"part_bytes": 5 * MIB}), engine, store) as api:
        yield api


@pytest.fixture
def client(api: Api) -> Iterator[Client]:
    with Client(api.url, api.key()) as client:
        yield client


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model <b>.onnx"
    path.write_bytes(os.urandom(3 * MIB))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "images.npz"
    path.write_bytes(os.urandom(7 * MIB))
    return path


def audit_of(api: Api) -> str:
    with transaction(api.factory) as session:
        return add_audit(session)


def test_files_arrive_directly_or_in_parts_and_are_sent_once(
    api: Api, client: Client, model: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_calls, "DIRECT_LIMIT", 4 * MIB)
    seen: list[tuple[int, int]] = []
    classifier = client.push_classifier(model, classes=["a", "b"], on_progress=lambda *now: seen.append(now))
    dataset = client.push_dataset(data)
    assert (classifier.name, dataset.name) == (model.name, data.name)
    assert seen[-1] == (3 * MIB, 3 * MIB)
    for item, path in ((classifier, model), (dataset, data)):
        assert item.digest == hashlib.sha256(path.read_bytes()).hexdigest()
        assert api.store.get(item.digest) == path.read_bytes()
    with transaction(api.factory) as session:
        assert sorted(session.scalars(select(UploadRow.transfer))) == ["direct", "multipart"]
    assert client.push_classifier(model, classes=["a", "b"]).id == classifier.id
    assert client.push_classifier(model, classes=["a", "c"]).id != classifier.id
    assert client.push_classifier(model, classes=["a", "b"], input=InputSpec(high=2.0)).id != classifier.id
    assert client.push_classifier(model, classes=["a", "b"], name="release").name == "release"
    assert client.push_dataset(data).id == dataset.id


def test_a_refused_file_says_why(api: Api, client: Client, model: Path) -> None:
    classifier = client.push_classifier(model)
    problem = failure(ErrorCode.MODEL_UNREADABLE, "It is noise.", "Export it again.").model_dump(mode="json")
    with transaction(api.factory) as session:
        session.execute(update(ClassifierRow).values(state="rejected", problem=problem))
    with pytest.raises(IntakeRefused, match=r"It is noise\. Export it again\."):
        client.wait_for_intake(classifier)


def test_waiting_ends_when_the_caller_says_so(client: Client, model: Path) -> None:
    with pytest.raises(TimedOut):
        client.wait_for_intake(client.push_classifier(model), timeout=0.0)


def test_an_audit_from_submit_to_report(api: Api, client: Client) -> None:
    known = client.audit(audit_of(api))
    audit = client.submit_audit(known.classifier, known.dataset, name="mine", idempotency_key="k")
    assert client.submit_audit(known.classifier, known.dataset, name="mine", idempotency_key="k").id == audit.id
    assert [item.id for item in client.audits()] == [audit.id, known.id]
    api.run(audit.id)
    api.stage(audit.id, "taps", StageState.REUSED)
    api.succeed(audit.id, result(), sheets())
    assert [event.sequence for event in client.watch(audit.id)] == [1, 2, 3, 4]
    assert [event.sequence for event in client.watch(audit.id, after=2)] == [3, 4]
    assert list(client.watch(audit.id, after=4)) == []
    assert client.wait(audit.id).state is AuditState.SUCCEEDED
    assert client.result(audit.id) == result()
    assert client.report(audit.id).startswith("<!")
    assert [item.role for item in client.artifacts(audit.id)] == ["result", "sheets"]
    assert client.artifact(audit.id, "result") == client.result_json(audit.id)
    assert [item.id for item in client.audits(state=AuditState.SUCCEEDED)] == [audit.id]


@pytest.mark.parametrize("role", ["inn:/layer4/relu", "a?b#c", "a/../../b", "100%"])
def test_artifacts_are_found_by_any_role(api: Api, client: Client, role: str) -> None:
    audit = audit_of(api)
    with transaction(api.factory) as session:
        session.add(artifact_row(audit, role, api.store.put(role.encode()), len(role), "text/plain"))
    assert client.artifact(audit, role) == role.encode()


def test_an_autoencoder_is_two_files_that_are_sent_once(api: Api, client: Client, model: Path, data: Path) -> None:
    own = client.push_autoencoder(model, data, value_range=(-1.0, 1.0))
    assert (own.name, own.value_range) == (f"{model.name} + {data.name}", (-1.0, 1.0))
    for digest, path in ((own.encoder_digest, model), (own.decoder_digest, data)):
        assert api.store.get(digest) == path.read_bytes()
    assert client.push_autoencoder(model, data, value_range=(-1.0, 1.0)).id == own.id
    others = [client.push_autoencoder(model, data), client.push_autoencoder(data, model, value_range=(-1.0, 1.0))]
    assert own.id not in [other.id for other in others]
    assert {item.id for item in client.autoencoders(encoder_digest=own.encoder_digest)} == {own.id, others[0].id}
    accept_files(api)
    assert client.wait_for_intake(own).facts is not None


def test_what_an_audit_sets_beside_its_classifier(api: Api, client: Client, model: Path, data: Path) -> None:
    known = client.audit(audit_of(api))
    with transaction(api.factory) as session:
        outside = add_dataset(session)
    other, own = client.push_classifier(data), client.push_autoencoder(model, data)
    accept_files(api)
    audit = client.submit_audit(
        known.classifier, known.dataset, config=AuditConfig(seed=3), views=[View.MIXING], outside=outside,
        against=[other.id], autoencoder=own.id,
    )  # fmt: skip
    wanted = AuditConfig(seed=3, views=[View.MIXING], outside=outside, against=[other.id], autoencoder=own.id)
    assert client.audit(audit.id).config == wanted
    plain = client.submit_audit(known.classifier, known.dataset, config=wanted)
    assert plain.config == wanted
    assert client.submit_audit(known.classifier, known.dataset).config == AuditConfig()


def test_the_certificate_of_the_service(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate_route, "released_bytes", certificate().to_bytes)
    assert client.certificate() == certificate()
    assert client.certificate_page().startswith("<!")
    monkeypatch.setattr(certificate_route, "released_bytes", lambda: None)
    with pytest.raises(ServiceError, match="has no calibration certificate"):
        client.certificate()


def test_a_cancelled_audit_has_no_result(api: Api, client: Client) -> None:
    audit = audit_of(api)
    assert client.cancel(audit).state is AuditState.CANCELLED
    with pytest.raises(AuditUnfinished, match="cancelled"):
        client.wait(audit)
    with pytest.raises(ServiceError) as caught:
        client.result(audit)
    assert (caught.value.code, bool(caught.value.request)) == ("report-not-ready", True)


def test_a_wrong_key_or_address_is_said_plainly(api: Api) -> None:
    with Client(api.url, "scot_wrong") as client, pytest.raises(ServiceError, match="unknown, expired or revoked"):
        client.audit("aud_0123456789abcdef")
    with Client("http://127.0.0.1:9", "scot_x", retries=0) as client, pytest.raises(Unreachable):
        client.audit("aud_0123456789abcdef")


# --- the command line ---


def command(api: Api, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "schemas.client.cli", "--url", api.url, "--api-key", api.key(), *arguments]


def scotoma(api: Api, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "COLUMNS": "80"}
    return subprocess.run(
        command(api, *arguments), capture_output=True, text=True, env=environ, timeout=60, check=False
    )


@pytest.fixture
def dispatcher(api: Api) -> Iterator[None]:
    with dispatching(api):
        yield


@pytest.mark.usefixtures("dispatcher")
def test_one_line_audits_a_model(api: Api, model: Path, data: Path, tmp_path: Path) -> None:
    done = scotoma(
        api, "audit", "run", str(model), str(data), "-o", str(tmp_path / "out"), "--attribute", "hue=circular:1"
    )
    assert done.returncode == 0, done.stderr
    assert all(feature in done.stdout for feature in FEATURES)
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "✓ taps" in done.stderr
    (page,), (saved,) = (list((tmp_path / "out").glob(f"*.{kind}")) for kind in ("html", "json"))
    assert page.read_text().startswith("<!")
    assert json.loads(saved.read_text())["schema_version"] == "1"
    listed = json.loads(scotoma(api, "audit", "list", "--json").stdout)
    shown = scotoma(api, "report", "get", listed[0]["id"], "--json")
    assert json.loads(shown.stdout) == json.loads(saved.read_text())


@pytest.mark.usefixtures("dispatcher")
@pytest.mark.parametrize(("verdict", "code"), [(Verdict.IGNORED, 0), (Verdict.USED, 1), (Verdict.UNDETERMINED, 2)])
def test_a_policy_decides_the_exit_code_and_every_file_is_there(
    api: Api, model: Path, data: Path, tmp_path: Path, verdict: Verdict, code: int
) -> None:
    feature = next(name for name, told in FEATURES.items() if told is verdict)
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"version": 1, "name": "release", "rules": [{"must_ignore": feature}]}))
    done = scotoma(
        api, "audit", "run", str(model), str(data), "-o", str(tmp_path / "out"), "--policy", str(policy),
        "--junit", str(tmp_path / "j.xml"), "--sarif", str(tmp_path / "s.json"), "--json",
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert "<testsuites>" in (tmp_path / "j.xml").read_text()
    assert json.loads((tmp_path / "s.json").read_text())["version"] == "2.1.0"
    assert json.loads(done.stdout)["schema_version"] == "1"
    assert "Policy release" in done.stderr


@pytest.mark.usefixtures("dispatcher")
def test_files_beside_an_audit_are_pushed_by_the_command(api: Api, model: Path, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(b"another model")
    elsewhere = tmp_path / "elsewhere.npz"
    elsewhere.write_bytes(b"other images")
    pushed = scotoma(api, "autoencoder", "push", str(model), str(other), "--low", "-1", "--json")
    assert pushed.returncode == 0, pushed.stderr
    own = json.loads(pushed.stdout)
    assert (own["state"], own["value_range"]) == ("ready", [-1.0, 1.0])
    beside = ["--against", str(other), "--outside", str(elsewhere), "--autoencoder", own["id"]]
    done = scotoma(api, "audit", "run", str(model), str(data), "-o", str(tmp_path / "out"), "--all-views", *beside)
    assert done.returncode == 0, done.stderr
    audit = json.loads(scotoma(api, "audit", "list", "--json").stdout)[0]
    config = audit["config"]
    assert set(config["views"]) == set(View)
    assert config["autoencoder"] == own["id"]
    names = {item["id"]: item["name"] for kind in ("classifier", "dataset")
             for item in json.loads(scotoma(api, kind, "list", "--json").stdout)}  # fmt: skip
    assert [names[identifier] for identifier in config["against"]] == ["other.onnx"]
    assert names[config["outside"]] == "elsewhere.npz"
    again = scotoma(
        api,
        "audit",
        "submit",
        audit["classifier"],
        audit["dataset"],
        "--view",
        "attack",
        "--symmetry",
        "c4",
        "--against",
        config["against"][0],
        "--json",
    )
    assert again.returncode == 0, again.stderr
    asked = json.loads(again.stdout)["config"]
    assert (asked["views"], asked["symmetries"]) == (["attack", "symmetry"], ["c4"])


@pytest.mark.parametrize(
    "options",
    [
        ["--view", "attack", "--all-views"],
        ["--view", "everything"],
        ["--against", "nowhere.onnx"],
        ["--symmetry", "c4", "--no-symmetry"],
        ["--symmetry", "mirrors"],
        ["--baseline-id", "aud_0123456789abcdef"],
    ],
)
def test_options_that_make_no_audit(api: Api, options: list[str]) -> None:
    assert scotoma(api, "audit", "submit", "clf_0123456789abcdef", "dat_0123456789abcdef", *options).returncode == 3


def test_exit_codes(api: Api, model: Path) -> None:
    audit = audit_of(api)
    assert scotoma(api, "audit", "submit", "x").returncode == 3
    assert scotoma(api, "classifier", "push", "no-such-file.onnx").returncode == 3
    assert scotoma(api, "audit", "show", "aud_0123456789abcdef").returncode == 4
    late = scotoma(api, "audit", "watch", audit, "--timeout", "0.2")
    assert (late.returncode, "Traceback" in late.stderr) == (5, False)
    shown = scotoma(api, "audit", "show", audit, "--json")
    assert (shown.returncode, json.loads(shown.stdout)["id"]) == (0, audit)
    assert json.loads(scotoma(api, "audit", "cancel", audit, "--json").stdout)["state"] == "cancelled"
    assert scotoma(api, "audit", "watch", audit).returncode == 4
    told = scotoma(api, "audit", "watch", audit, "--json")
    assert (told.returncode, json.loads(told.stdout.splitlines()[-1])["data"]) == (4, {"state": "cancelled"})


def test_a_baseline_without_rules_is_refused_before_anything_is_sent(api: Api, model: Path, tmp_path: Path) -> None:
    saved = tmp_path / "last.json"
    saved.write_text(result().model_dump_json())
    done = scotoma(api, "audit", "run", str(model), str(model), "--baseline", f"last={saved}")
    assert (done.returncode, "--policy" in done.stderr) == (3, True)


def test_ctrl_c_leaves_the_audit_running(api: Api) -> None:
    audit = audit_of(api)
    # whoever runs the tests in the background has SIGINT ignored, and children inherit that
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    watch = command(api, "audit", "watch", audit)
    with subprocess.Popen(watch, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as process:
        api.run(audit)
        lines = iter(process.stderr or [])
        assert next(line for line in lines if "running" in line)
        process.send_signal(signal.SIGINT)
        said = "".join(lines)
    assert process.returncode == 130
    assert f"scotoma audit watch {audit}" in said
    assert f"scotoma audit cancel {audit}" in said
    with Client(api.url, api.key()) as client:
        assert not client.audit(audit).cancel_requested
