"""Reads a policy file, YAML or JSON, and remembers the line of each rule for SARIF."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ...policies import Policy
from ..errors import PolicyUnreadable

LARGEST = 1_000_000
UNREADABLE = (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError)
"""What PyYAML raises of text that is not YAML, and of a value that is not of its tag (the 45th of a month)."""


@dataclass(frozen=True)
class PolicyFile:
    """A policy, where it was read, and the lines of its rules, from 1."""

    path: Path
    policy: Policy
    lines: list[int]


def read_policy(path: Path) -> PolicyFile:
    """The policy in ``path``.

    Raises:
        PolicyUnreadable: not YAML, or not a policy.
        OSError: the file cannot be read.
    """
    try:
        text = path.read_bytes()[: LARGEST + 1].decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyUnreadable(f"{path} is not UTF-8 text") from error
    if len(text) > LARGEST:
        raise PolicyUnreadable(f"{path} is larger than {LARGEST:,} characters: no policy is")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except UNREADABLE as error:
        raise PolicyUnreadable(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if trouble := _swallowed(root):
        raise PolicyUnreadable(f"{path} is no policy: {trouble}")
    lines = _rule_lines(root)
    try:
        return PolicyFile(path, Policy.model_validate(content), lines)
    except ValidationError as error:
        raise PolicyUnreadable(_explained(path, content, error, lines)) from error


MERGE = "tag:yaml.org,2002:merge"


def _swallowed(root: yaml.Node | None) -> str:
    """The first key that YAML would let another swallow without a word: a rule must not go that way."""
    waiting, seen, found = [root], set[int](), list[tuple[int, str]]()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:  # an alias is the node that it names
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            found += _keys_that_swallow(node)
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
    return "line {}: {}".format(*min(found)) if found else ""


def _keys_that_swallow(node: yaml.MappingNode) -> list[tuple[int, str]]:
    """Merge keys, and keys that stand there again, with their lines."""
    found, before = list[tuple[int, str]](), set[tuple[str, str]]()
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.tag == MERGE:
            found.append((line, "merge keys (<<) are not allowed here: write the keys out"))
        elif isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in before:
                found.append((line, f"the key {key.value!r} stands there twice"))
            before.add((key.tag, key.value))
    return found


def _rule_lines(root: yaml.Node | None) -> list[int]:
    """The line of each item of ``rules``."""
    if not isinstance(root, yaml.MappingNode):
        return []
    for key, value in root.value:
        if key.value == "rules" and isinstance(value, yaml.SequenceNode):
            return [item.start_mark.line + 1 for item in value.value]
    return []


RULES = "must_ignore, must_not_ignore, max_flip_rate or no_regression_against"


def _explained(path: Path, content: Any, error: ValidationError, lines: list[int]) -> str:
    """What is wrong, by line; of a rule only what its own kind asks for, not what the others would."""
    rules = content.get("rules") if isinstance(content, dict) else None
    told: dict[str, None] = {}
    for item in error.errors():
        place = item["loc"]
        if len(place) > 1 and place[0] == "rules" and isinstance(place[1], int):
            rule = rules[place[1]] if isinstance(rules, list) else None
            told[f"line {lines[place[1]]}: {_rule_trouble(rule, error, place[1])}"] = None
        else:
            told[f"{'.'.join(map(str, place)) or 'the document'}: {item['msg']}"] = None
    return f"{path} is no policy: {'; '.join(told)}"


KINDS = {
    "must_ignore": "MustIgnore",
    "must_not_ignore": "MustNotIgnore",
    "max_flip_rate": "MaxFlipRate",
    "no_regression_against": "NoRegression",
}


def _rule_trouble(rule: Any, error: ValidationError, number: int) -> str:
    named = [key for key in KINDS if isinstance(rule, dict) and key in rule]
    if len(named) != 1:
        return f"a rule has exactly one of {RULES}"
    own = [one for one in error.errors() if one["loc"][:3] == ("rules", number, KINDS[named[0]])]
    return ", ".join(f"{'.'.join(map(str, one['loc'][3:]))}: {one['msg'].lower()}" for one in own)
