"""A certificate speaks only for the code that it was made with, and its mark names the file's own bytes."""

import hashlib
from pathlib import Path

import pytest

from schemas.certificate import mark, released
from tests.builders.certificates import certificate


def test_a_released_certificate_is_read_back_and_marked_by_the_digest_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    path.write_bytes(certificate().to_bytes())
    found = mark(path)
    assert released(path) == certificate()
    assert found is not None
    assert found.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.pairs, found.false_ignored) == (len(certificate().pairs), 0)
    assert found.scores["recall_ignored"] == certificate().score("recall_ignored").value


def test_a_certificate_of_other_code_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    path.write_bytes(certificate(stage_code_version="0").to_bytes())
    assert released(path) is None
    assert mark(path) is None


def test_a_release_without_a_certificate_has_no_mark(tmp_path: Path) -> None:
    assert mark(tmp_path / "certificate.json") is None


def test_the_committed_certificate_is_one_or_there_is_none() -> None:
    """Raises where the file does not keep its own contract."""
    assert (released() is None) == (mark() is None)


def test_an_unknown_score_is_an_error() -> None:
    with pytest.raises(KeyError, match="no score 'luck'"):
        certificate().score("luck")
