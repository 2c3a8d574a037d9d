"""Pages as a reader sees them."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

from services.reports.formatting import NO_BREAK, SPACE

VOID = {"meta", "link", "img", "br", "path", "circle", "rect", "use", "line"}
PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;&#x3c;script>",
    "javascript:alert(1)",
    "--><!--",
    "\u202egnp.exe\u2066",
    "]]><x>",
]
"""What a user may name something."""


class Page(HTMLParser):
    """Elements with attributes, visible text, and whether the nesting is sound."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data

    def shape(self) -> Counter[str]:
        """Each element with its attribute names; a title may come and go with the length of a name."""
        return Counter(f"{tag} {sorted(attrs.keys() - {'title'})}" for tag, attrs in self.elements)


def page_text(html: str) -> str:
    """``html`` without style and tags, every space a plain one."""
    plain = re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", "", html, flags=re.S))
    return plain.replace(SPACE, " ").replace(NO_BREAK, " ")


def page_part(html: str, anchor: str) -> str:
    """The section ``anchor`` of ``html``."""
    return html.partition(f'id="{anchor}"')[2].partition("</section>")[0]
