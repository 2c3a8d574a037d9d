"""``scotoma policy check``: the files that other tools read, and exit codes that a pipeline can trust."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from typer.testing import CliRunner

from schemas.client.cli import app
from schemas.client.errors import PolicyUnreadable
from schemas.client.policies.document import read_policy
from schemas.client.policies.junit import junit
from schemas.client.policies.markdown import escaped, job_summary
from schemas.client.session import USAGE, ExitWith, exit_code
from schemas.policies import Policy, PolicyReport
from schemas.policies.check import check
from schemas.results import Verdict
from tests.builders.results import result

RUN = CliRunner(env={"COLUMNS": "100", "GITHUB_STEP_SUMMARY": ""})
POLICY = """# what a release must keep to
version: 1
name: release
rules:
  - must_ignore: hue

  - must_not_ignore: size
    tap: logits
"""
HEAD = "version: 1\nname: p\n"
HOSTILE = "hue|<script>]\x1b[31m\x00`"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "good.json").write_text(
        result(features={"hue": Verdict.IGNORED, "size": Verdict.USED}).model_dump_json()
    )
    (tmp_path / "bad.json").write_text(
        result(features={"hue": Verdict.USED, "size": Verdict.UNDETERMINED}).model_dump_json()
    )
    (tmp_path / "open.json").write_text(
        result(features={"hue": Verdict.IGNORED, "size": Verdict.UNTRUSTED}).model_dump_json()
    )
    return tmp_path


def run(files: Path, told: str, *more: str) -> int:
    """The exit code that the shell would see."""
    said = RUN.invoke(app, ["policy", "check", str(files / "policy.yaml"), str(files / told), *more])
    return said.exception.code if isinstance(said.exception, ExitWith) else said.exit_code


@pytest.mark.parametrize(("told", "code"), [("good.json", 0), ("bad.json", 1), ("open.json", 2)])
def test_exit_codes(files: Path, told: str, code: int) -> None:
    assert run(files, told) == code


def test_every_file_is_there_when_the_gate_closes(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    wanted = {"--junit": "j.xml", "--sarif": "s.json", "--policy-json": "p.json", "--model-card": "c.md",
              "--summary": "m.md"}  # fmt: skip
    assert run(files, "bad.json", *(word for pair in wanted.items() for word in pair)) == 1
    suite = Xml.parse(files / "j.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "1")
    results = json.loads((files / "s.json").read_text())["runs"][0]["results"]
    assert [one["level"] for one in results] == ["error", "warning"]
    places = [one["locations"][0]["physicalLocation"] for one in results]
    assert [place["region"]["startLine"] for place in places] == [5, 7]
    assert {place["artifactLocation"]["uri"] for place in places} == {"policy.yaml"}
    assert PolicyReport.model_validate_json((files / "p.json").read_text()).outcome == "fail"
    assert "**fail**" in (files / "c.md").read_text()
    assert (files / "m.md").read_text().count("❌") == 2


def test_summaries_of_several_steps_stand_in_one_file(files: Path) -> None:
    for told in ("good.json", "bad.json"):
        run(files, told, "--summary", str(files / "m.md"))
    text = (files / "m.md").read_text()
    assert text.count("## ") == 2


def test_the_published_schema_is_printed() -> None:
    said = RUN.invoke(app, ["policy", "schema"])
    assert json.loads(said.output)["$id"] == "urn:scotoma:policy:1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules: [", "not YAML"),
        ("version: 1\nname: p\nrules:\n  - must_ignore: hue\n    tapp: x\n", "line 4: tapp"),
        ("version: 1\nname: p\nrules:\n  - ignore: hue\n", "line 4: a rule has exactly one of"),
        ("version: 2\nname: p\nrules:\n  - must_ignore: hue\n", "version"),
        ("- 1\n", "the document"),
        ("", "the document"),
        ("!!python/object/apply:os.system ['true']", "not YAML"),
        ("version: 1\nname: 2026-02-45\n", "not YAML"),
        ("name: !!timestamp x\n", "not YAML"),
        ("name: !!bool x\n", "not YAML"),
        (
            f"{HEAD}rules:\n- must_ignore: hue\n  must_ignore: size\n",
            "line 5: the key 'must_ignore' stands there twice",
        ),
        (f"{HEAD}rules:\n- must_ignore: hue\nrules:\n- must_ignore: size\n", "line 5: the key 'rules' stands there"),
        ('{"version": 1, "name": "p", "rules": [{"must_ignore": "hue", "must_ignore": "size"}]}', "line 1: the key"),
        ("<<: {rules: [{must_ignore: size}]}\nversion: 1\nname: p\n", "line 1: merge keys"),
        (f"{HEAD}rules:\n- &a {{must_ignore: hue}}\n- <<: *a\n  tap: x\n", "line 5: merge keys"),
        ("&a [*a]\n", "the document"),
    ],
)
def test_a_wrong_document_is_explained_by_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(PolicyUnreadable, match=told) as refused:
        read_policy(path)
    assert exit_code(refused.value) == USAGE


def test_aliases_and_quoted_keys_are_read(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"{HEAD}rules:\n- &one\n  must_ignore: hue\n- *one\n- must_ignore: size\n")
    assert [rule.sentence for rule in read_policy(path).policy.rules][2] == "must ignore size at logits"


def test_names_of_strangers_break_no_format() -> None:
    told = result(features={HOSTILE: Verdict.USED})
    policy = Policy.model_validate({"version": 1, "name": "a|b", "rules": [{"must_ignore": HOSTILE}]})
    report = check(policy, told)
    assert Xml.fromstring(junit(report))[0].get("name") == "scotoma policy a|b"
    (row,) = [line for line in job_summary(report).splitlines() if "fail |" in line]
    assert row.replace("\\|", "").count("|") == 4
    assert "<script>" not in escaped(HOSTILE)
