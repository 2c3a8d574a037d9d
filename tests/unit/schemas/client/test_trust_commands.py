"""``scotoma report verify``: exit codes that a script can rest on, keys in every form, strangers not obeyed."""

from __future__ import annotations

import copy
import hashlib
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from schemas.client.cli import app
from schemas.client.client import Client
from schemas.client.session import ExitWith
from schemas.client.trust_commands import _content
from schemas.manifests import Material, Product, SigningKey, SigningKeyList
from schemas.manifests.canonical import canonical
from schemas.manifests.envelope import sealed, signed_text
from schemas.manifests.keys import pem_of
from schemas.manifests.page import seal_page
from tests.builders.sealed_reports import BODY, manifest, name_of, private_key, sealed_report, signer

RUN = CliRunner(env={"COLUMNS": "200", "SCOTOMA_URL": "", "SCOTOMA_API_KEY": ""})
KEY, OTHER = private_key(1), private_key(2)
RAW = KEY.public_key().public_bytes_raw()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    written = {"model.onnx": b"model", "data.npz": b"data", "result.json": b"{}", "other.bin": b"other"}
    for name, data in written.items():
        (tmp_path / name).write_bytes(data)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in written.items()}
    page = sealed_report(
        key=KEY,
        materials=[
            Material(role="classifier", id="clf_1", name="model \x1b[31m[bold]", digest=digests["model.onnx"]),
            Material(role="dataset", id="dat_1", name="images", digest=digests["data.npz"]),
        ],
        products=[Product(role="result", digest=digests["result.json"], bytes=2)],
    )
    (tmp_path / "report.html").write_bytes(page)
    (tmp_path / "unsigned.html").write_bytes(sealed_report())
    (tmp_path / "changed.html").write_bytes(page.replace(b"hue", b"age"))
    (tmp_path / "bare.html").write_bytes(BODY)
    (tmp_path / "key.pem").write_text(pem_of(RAW))
    (tmp_path / "key.txt").write_text(signer(KEY).public_key + "\n")
    (tmp_path / "keys.json").write_text(listed(KEY, OTHER).model_dump_json())
    (tmp_path / "others.json").write_text(listed(OTHER).model_dump_json())
    (tmp_path / "renamed.json").write_text(listed(OTHER).model_dump_json().replace(name_of(OTHER), name_of(KEY)))
    return tmp_path


def listed(*keys: object) -> SigningKeyList:
    items = [
        SigningKey(
            id=signer(key).key_id,
            public_key=signer(key).public_key,
            pem=pem_of(key.public_key().public_bytes_raw()),
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            current=True,
        )
        for key in keys
    ]
    return SigningKeyList(items=items)


def verify(files: Path, page: str, *options: str) -> tuple[int, Result]:
    """The exit code that the shell would see, and what was said; options that name a file stand for its path."""
    told = [str(files / option) if (files / option).is_file() else option for option in options]
    said = RUN.invoke(app, ["report", "verify", str(files / page), *told])
    return (said.exception.code if isinstance(said.exception, ExitWith) else said.exit_code), said


@pytest.mark.parametrize("key", ["key.pem", "key.txt", "keys.json", name_of(KEY), signer(KEY).public_key])
def test_every_form_of_a_key_verifies(files: Path, key: str) -> None:
    code, said = verify(files, "report.html", "--key", key)
    assert code == 0, said.output
    assert "Verified" in said.output
    assert "signed by a key that you trust" in said.output


@pytest.mark.parametrize(
    ("page", "options", "expected"),
    [
        ("report.html", [], 2),
        ("unsigned.html", [], 2),
        ("bare.html", [], 2),
        ("changed.html", [], 1),
        ("changed.html", ["--key", "key.pem"], 1),
        ("unsigned.html", ["--key", "key.pem"], 1),
        ("bare.html", ["--key", "key.pem"], 1),
        ("report.html", ["--key", "others.json"], 1),
        ("report.html", ["--key", "renamed.json"], 1),
        ("report.html", ["--key", "others.json", "--key", "key.pem"], 0),
        ("report.html", ["--key", "key.pem", "--model", "model.onnx"], 0),
        ("report.html", ["--key", "key.pem", "--data", "data.npz", "--result", "result.json"], 0),
        ("report.html", ["--key", "key.pem", "--model", "other.bin"], 1),
        ("report.html", ["--key", "key.pem", "--data", "model.onnx"], 1),
        ("report.html", ["--model", "other.bin"], 1),
        ("report.html", ["--key", "no-key"], 2),
        ("report.html", ["--key", "model.onnx"], 2),
        ("nothing.html", [], 2),
    ],
)
def test_exit_codes(files: Path, page: str, options: list[str], expected: int) -> None:
    """The last three are usage errors, which :func:`schemas.client.cli.main` turns from typer's 2 into 3."""
    code, said = verify(files, page, *options)
    assert code == expected, said.output


def test_a_stranger_is_named_and_what_to_do(files: Path) -> None:
    _, said = verify(files, "report.html")
    assert name_of(KEY) in said.output
    assert "--key" in said.output


def test_names_in_a_report_drive_no_terminal(files: Path) -> None:
    _, said = verify(files, "report.html", "--key", "key.pem")
    assert "\x1b[31m" not in said.output
    assert "[bold]" in said.output


def test_nothing_of_a_refused_report_is_repeated(files: Path) -> None:
    _, said = verify(files, "changed.html", "--key", "key.pem")
    assert "clf_1" not in said.output
    assert "Do not rely" in said.output


def test_the_whole_answer_as_json(files: Path) -> None:
    code, said = verify(files, "report.html", "--json", "--model", "model.onnx")
    answer = json.loads(said.stdout)
    assert code == 2
    assert answer["outcome"] == "unknown_signer"
    assert answer["key_id"] == name_of(KEY)
    assert [check["passed"] for check in answer["checks"]] == [True, True, None, True]
    assert answer["manifest"]["statement"]["id"].startswith("aud_")


DRIVING = "\x00\x07\b\t\n\r\x1b\x7f\x85\x9b\u061c\u200b\u200e\u2028\u202e\u2066\ufeff"
hostile = st.text(st.sampled_from(DRIVING + "aé["), max_size=8).map(lambda text: f"\x1b[2J\x9b1mVerified\u202e{text}")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of everything in a manifest that is not itself a list or a dict."""
    if not isinstance(value, (dict, list)):
        yield path
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(item, (*path, key))


FULL = json.loads(
    manifest(
        BODY,
        KEY,
        gate="pass",
        policies=[{"policy": "no hue", "outcome": "pass"}],
        code={"versions": {"scotoma": "1"}, "stage_code_version": "4", "source_digest": "7" * 64},
    )
    .model_copy(update={"original": "8" * 64})
    .text()
)
PLACES = sorted(leaves(FULL), key=str)


def put(place: tuple[Any, ...], text: str, as_key: bool = False) -> bytes:
    """A page whose manifest, well signed, has ``text`` at ``place``, or as the name of what is there."""
    value = copy.deepcopy(FULL)
    inner = value
    for part in place[:-1]:
        inner = inner[part]
    inner[text if as_key else place[-1]] = inner.pop(place[-1]) if as_key else text
    document = canonical(value)
    return seal_page(BODY, sealed(document, name_of(KEY), KEY.sign(signed_text(document))))


def driving(said: str) -> set[str]:
    return {letter for letter in said if not letter.isprintable() and letter != "\n"}


def check_told(page: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".html") as file:
        file.write(page)
        file.flush()
        for options in ([], ["--key", name_of(KEY), "--json"]):
            said = RUN.invoke(app, ["report", "verify", file.name, *options])
            assert isinstance(said.exception, (ExitWith, type(None)))
            assert not driving(said.stdout + said.stderr)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
@settings(max_examples=2, deadline=None)
@given(hostile)
@example(f"classifier\x1b[2J\x1b[1;32mVerified{DRIVING}")
def test_no_field_of_a_manifest_drives_a_terminal(place: tuple[Any, ...], text: str) -> None:
    check_told(put(place, text))


@pytest.mark.parametrize("place", [("statement", "code", "versions", "scotoma"), ("statement", "name"), ("signed_at",)])
def test_no_name_of_a_field_drives_a_terminal(place: tuple[Any, ...]) -> None:
    check_told(put(place, f"\x1b[2J{DRIVING}", as_key=True))


def test_what_shows_a_manifest_does_not_rest_on_its_reader() -> None:
    """Were a pattern to let something through, it would still be shown as a sign."""
    told = manifest(BODY, KEY)
    loose = Material.model_construct(role=DRIVING, id=DRIVING, name=DRIVING, digest=DRIVING, canonical_digest=None)
    hostile = told.model_copy(update={"statement": told.statement.model_copy(update={"materials": [loose]})})
    assert not driving("".join(str(line) for line in _content(hostile)))


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_services_keys_drive_no_terminal(options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"public_key": f"[bold]{DRIVING}", "pem": DRIVING}
    monkeypatch.setattr(Client, "signing_keys", lambda _: [listed(KEY).items[0].model_copy(update=words)])
    given = {"SCOTOMA_URL": "http://127.0.0.1:9", "SCOTOMA_API_KEY": "scot_x"}
    said = RUN.invoke(app, ["report", "keys", *options], env=given)
    assert said.exit_code == 0, said.output
    assert not driving(said.stdout + said.stderr)
    assert "[bold]" in said.stdout
