"""Pages as a reader sees them."""

from __future__ import annotations

import re

from services.reports.formatting import NO_BREAK, SPACE


def page_text(html: str) -> str:
    """``html`` without style and tags, every space a plain one."""
    plain = re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", "", html, flags=re.S))
    return plain.replace(SPACE, " ").replace(NO_BREAK, " ")


def page_part(html: str, anchor: str) -> str:
    """The section ``anchor`` of ``html``."""
    return html.partition(f'id="{anchor}"')[2].partition("</section>")[0]
