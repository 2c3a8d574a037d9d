"""Secrets at rest: sealed differently each time, opened by any key of the list, by no other, and never weakly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.errors import Corrupt, SecretsUnconfigured
from services.sealing.sealer import Sealer

OLD, NEW = "o" * 32, "n" * 43


def sealer(*keys: str) -> Sealer:
    return Sealer(SecretStr(",".join(keys)))


@given(st.text())
def test_what_is_sealed_can_be_opened_and_shows_nothing(secret: str) -> None:
    box = sealer(NEW)
    sealed = box.seal(secret)
    assert box.open(sealed) == secret
    assert sealed != box.seal(secret)
    assert len(secret) < 4 or secret not in sealed


def test_a_rotation_keeps_what_was_sealed_before() -> None:
    sealed = sealer(OLD).seal("secret")
    both = Sealer(SecretStr(f" {NEW} , {OLD},"))
    assert both.open(sealed) == "secret"
    with pytest.raises(Corrupt, match="cannot be opened"):
        sealer(OLD).open(both.seal("secret"))  # the first key seals


def test_another_key_or_a_changed_text_opens_nothing() -> None:
    sealed = sealer(OLD).seal("secret")
    with pytest.raises(Corrupt):
        sealer(NEW).open(sealed)
    with pytest.raises(Corrupt):
        sealer(OLD).open(sealed[:-4] + "AAA=")


@pytest.mark.parametrize("keys", ["", " , ", "short", f"{NEW},short"])
def test_without_a_good_key_nothing_is_sealed(keys: str) -> None:
    with pytest.raises(SecretsUnconfigured) as refused:
        Sealer(SecretStr(keys)).seal("secret")
    assert "SCOTOMA_SECRET_KEY" in refused.value.advice
