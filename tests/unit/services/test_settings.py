"""Settings come from a mapping, whole or not at all."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.settings import Settings, SettingsError, load_settings, settings_environ

MINIMAL = {"SCOTOMA_DATABASE_URL": "postgresql://u:secret@h/d"}


def test_a_database_is_enough() -> None:
    settings = load_settings(MINIMAL)
    assert settings.database_url.get_secret_value() == "postgresql://u:secret@h/d"
    assert settings.s3_bucket == "scotoma"


def test_values_are_typed_and_foreign_variables_are_left_alone() -> None:
    more = {"SCOTOMA_API_PORT": "81", "SCOTOMA_LEASE_SECONDS": "90", "SCOTOMA_URL": "x", "PATH": "y"}
    settings = load_settings({**MINIMAL, **more})
    assert (settings.api_port, settings.lease_seconds) == (81, 90.0)


def test_an_empty_value_is_unset() -> None:
    assert load_settings({**MINIMAL, "SCOTOMA_S3_BUCKET": ""}).s3_bucket == "scotoma"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCOTOMA_API_PORT", "eighty"),
        ("SCOTOMA_API_PORT", "65536"),
        ("SCOTOMA_MAX_ATTEMPTS", "0"),
        ("SCOTOMA_PART_BYTES", "1024"),
        ("SCOTOMA_S3_PREFIX", "no-slash"),
        ("SCOTOMA_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load_settings({**MINIMAL, name: value})


def test_a_missing_database_is_named_without_showing_others() -> None:
    with pytest.raises(SettingsError, match="SCOTOMA_DATABASE_URL") as caught:
        load_settings({"SCOTOMA_S3_SECRET_KEY": "hush"})
    assert "hush" not in str(caught.value)


def test_a_lease_outlives_three_heartbeats() -> None:
    with pytest.raises(SettingsError, match="three times"):
        load_settings({**MINIMAL, "SCOTOMA_LEASE_SECONDS": "29", "SCOTOMA_HEARTBEAT_SECONDS": "10"})


def test_settings_travel_to_a_child_process() -> None:
    settings = load_settings({**MINIMAL, "SCOTOMA_S3_SECRET_KEY": "hush", "SCOTOMA_POLL_SECONDS": "0.25"})
    assert load_settings(settings_environ(settings)) == settings


def test_secrets_do_not_show() -> None:
    text = repr(load_settings({**MINIMAL, "SCOTOMA_S3_SECRET_KEY": "hush"}))
    assert "hush" not in text
    assert "secret@" not in text


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        load_settings(MINIMAL).api_port = 1  # type: ignore[misc]


def test_every_field_has_a_variable() -> None:
    assert set(settings_environ(load_settings(MINIMAL))) == {
        f"SCOTOMA_{name.upper()}" for name in Settings.model_fields
    }


@pytest.mark.parametrize("key", ["short", "not base64 at all, whatever it is", "AAAA", "A" * 45, "A" * 88])
def test_a_signing_key_of_another_form_is_refused(key: str) -> None:
    with pytest.raises(SettingsError, match="SCOTOMA_SIGNING_KEY") as refused:
        load_settings({**MINIMAL, "SCOTOMA_SIGNING_KEY": key})
    assert key not in str(refused.value)


ISSUER = {**MINIMAL, "SCOTOMA_OIDC_AUDIENCE": "scotoma"}
UNSAFE = [
    "http://accounts.example",
    "http://10.0.0.1/realm",
    "http://localhost.example",
    "http://127.0.0.1.example/",
    "x",
]


@pytest.mark.parametrize("url", UNSAFE)
@pytest.mark.parametrize("name", ["SCOTOMA_OIDC_ISSUER", "SCOTOMA_OIDC_JWKS_URL"])
def test_keys_that_others_could_change_on_their_way_are_refused(name: str, url: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must begin with https"):
        load_settings({**ISSUER, "SCOTOMA_OIDC_ISSUER": "https://accounts.example", name: url})


@pytest.mark.parametrize(
    "url", ["https://accounts.example", "http://127.0.0.1:8080/realm", "http://localhost", "http://[::1]/"]
)
def test_keys_come_by_https_or_from_this_machine(url: str) -> None:
    assert load_settings({**ISSUER, "SCOTOMA_OIDC_ISSUER": url}).oidc_issuer == url


def test_a_private_network_may_be_trusted_with_them() -> None:
    given = {**ISSUER, "SCOTOMA_OIDC_ISSUER": "http://keycloak:8080", "SCOTOMA_PRIVATE_NETWORKS": "true"}
    assert load_settings(given).private_networks
