"""The page on trust says how to verify without this software: its own lines, run on a report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from schemas.manifests import SigningKey, SigningKeyList
from schemas.manifests.keys import pem_of
from tests.builders.sealed_reports import WHEN, private_key, sealed_report, signer

PAGE = Path(__file__).parents[3] / "deploy" / "docs" / "trust.md"
KEY = private_key(3)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    raw = KEY.public_key().public_bytes_raw()
    named = signer(KEY)
    key = SigningKey(id=named.key_id, public_key=named.public_key, pem=pem_of(raw), created_at=WHEN, current=True)
    (tmp_path / "keys.json").write_text(SigningKeyList(items=[key]).model_dump_json())
    (tmp_path / "report.html").write_bytes(sealed_report(key=KEY))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_the_page(folder: Path) -> None:
    """What the reader is told to run: Python, then the check that OpenSSL makes."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    exec(compile(code, str(PAGE), "exec"), {})
    key = load_pem_public_key((folder / "key.pem").read_bytes())
    assert isinstance(key, Ed25519PublicKey)
    key.verify((folder / "signature").read_bytes(), (folder / "signed").read_bytes())


def test_the_lines_verify_a_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_the_page(folder)
    assert "same page: True" in capsys.readouterr().out


def test_the_lines_see_a_changed_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = folder / "report.html"
    report.write_bytes(report.read_bytes().replace(b"hue", b"age"))
    run_the_page(folder)
    assert "same page: False" in capsys.readouterr().out


def test_the_lines_see_another_signer(folder: Path) -> None:
    other = sealed_report(key=private_key(4))
    own = (folder / "report.html").read_bytes()
    assert len(other) == len(own)
    (folder / "report.html").write_bytes(other)
    keys = (folder / "keys.json").read_text().replace(signer(KEY).key_id, signer(private_key(4)).key_id)
    (folder / "keys.json").write_text(keys)
    with pytest.raises(InvalidSignature):
        run_the_page(folder)
