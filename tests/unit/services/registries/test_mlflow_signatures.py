"""Signatures of MLflow's webhooks: every byte of what was signed counts, for five minutes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.registries.mlflow.signatures import DELIVERY, SIGNATURE, TIMESTAMP, TOLERANCE, is_signed, sign

SECRET, BODY, NOW = "a secret", b'{"entity": "model_version"}', 1_795_346_105.0


def signed(secret: str = SECRET, body: bytes = BODY, at: float = NOW) -> dict[str, str]:
    stamp = str(int(at))
    return {SIGNATURE: sign(secret, "d-1", stamp, body), DELIVERY: "d-1", TIMESTAMP: stamp}


def test_a_signature_is_the_one_that_mlflow_makes() -> None:
    """Computed with ``mlflow.webhooks.delivery._generate_hmac_signature`` of MLflow 3.17.2."""
    assert sign("s3cret", "d1", "1700000000", b'{"a": 1}') == "v1,SL09e/IZgMeXvzZRPOdF+ztEGcfCg48OkhwoQmVq2JE="


def test_what_is_signed_is_taken() -> None:
    assert is_signed([SECRET], signed(), BODY, NOW)
    assert is_signed(["the next", SECRET], signed(), BODY, NOW)


def test_only_recent_deliveries_are_taken() -> None:
    assert is_signed([SECRET], signed(at=NOW - TOLERANCE), BODY, NOW)
    assert not is_signed([SECRET], signed(at=NOW - TOLERANCE - 1), BODY, NOW)
    assert not is_signed([SECRET], signed(at=NOW + TOLERANCE + 1), BODY, NOW)


@given(st.sampled_from([SIGNATURE, DELIVERY, TIMESTAMP]), st.text(max_size=50))
def test_no_other_header_fits(name: str, value: str) -> None:
    headers = signed()
    if value != headers[name]:
        assert not is_signed([SECRET], {**headers, name: value}, BODY, NOW)
        assert not is_signed([SECRET], {key: text for key, text in headers.items() if key != name}, BODY, NOW)


@given(st.binary(max_size=60))
def test_no_other_body_fits(body: bytes) -> None:
    assert is_signed([SECRET], signed(), body, NOW) == (body == BODY)


def test_delivery_and_timestamp_are_signed_too() -> None:
    later = {**signed(), TIMESTAMP: str(int(NOW) + 1)}
    assert not is_signed([SECRET], later, BODY, NOW)
    assert not is_signed([SECRET], {**signed(), DELIVERY: "d-2"}, BODY, NOW)


def test_nobody_signs_without_a_secret() -> None:
    assert not is_signed([], signed(), BODY, NOW)
    assert not is_signed(["another"], signed(), BODY, NOW)
