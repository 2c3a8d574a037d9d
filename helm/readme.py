"""``python helm/readme.py`` writes the table of values into ``helm/scotoma/README.md``, from ``values.yaml``."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

CHART = Path(__file__).parent / "scotoma"
BEGIN, END = "<!-- values: written by helm/readme.py -->", "<!-- end of values -->"
Leaf = tuple[str, str, str]


def leaves(text: str) -> list[Leaf]:
    """Path, default as JSON, and comment of each value that can be set by itself."""
    root = yaml.compose(text)
    return _leaves(root, "", text.splitlines()) if isinstance(root, yaml.MappingNode) else []


def _leaves(node: yaml.MappingNode, prefix: str, lines: list[str]) -> list[Leaf]:
    found = []
    for key, value in node.value:
        path, comment = prefix + key.value, _comment(lines, key.start_mark.line)
        if _is_group(value, path):
            found += _leaves(value, path + ".", lines)
        else:
            found.append((path, json.dumps(yaml.safe_load(yaml.serialize(value))), comment))
    return found


def _is_group(value: yaml.Node, path: str) -> bool:
    """Whether ``value`` has values of its own; free mappings (labels, resources) are one value."""
    free = path.endswith((".resources", ".labels"))
    return isinstance(value, yaml.MappingNode) and bool(value.value) and not free


def _comment(lines: list[str], line: int) -> str:
    """The comment right above ``line``."""
    words: list[str] = []
    while line > 0 and lines[line - 1].strip().startswith("#"):
        line -= 1
        words.insert(0, lines[line].strip().lstrip("# "))
    return " ".join(words)


def page(readme: str, values: str) -> str:
    """``readme`` with the table of ``values`` between its two marks."""
    rows = [f"| `{path}` | `{default}` | {comment} |" for path, default, comment in leaves(values)]
    table = "\n".join(["| value | default | meaning |", "|---|---|---|", *rows])
    head, rest = readme.split(BEGIN)
    return f"{head}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}"


def main() -> None:
    """Write the page."""
    readme = CHART / "README.md"
    readme.write_text(page(readme.read_text(), (CHART / "values.yaml").read_text()))


if __name__ == "__main__":
    main()
