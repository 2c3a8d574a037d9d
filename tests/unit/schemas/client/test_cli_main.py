"""What the shell sees when something unforeseen happens: 1 and 2 are said of policies alone."""

from __future__ import annotations

import pytest

from schemas.client import cli
from schemas.client.session import SERVICE, USAGE, ExitWith


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (IndexError("list index out of range"), SERVICE),
        (ValueError("zip() argument 2 is shorter"), SERVICE),
        (KeyError("rules"), SERVICE),
        (RecursionError("maximum recursion depth exceeded\nand more"), SERVICE),
        (SystemExit(1), SERVICE),
        (SystemExit(2), USAGE),
        (SystemExit(130), 130),
        (SystemExit(0), 0),
        (OSError("gone"), USAGE),
        (ExitWith(1), 1),
        (ExitWith(2), 2),
    ],
)
def test_only_a_policy_ends_with_1_or_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: BaseException, code: int
) -> None:
    def app() -> None:
        raise raised

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == code
    said = capsys.readouterr().err
    foreseen = isinstance(raised, (SystemExit, ExitWith))
    assert said.count("\n") == (0 if foreseen else 1)
