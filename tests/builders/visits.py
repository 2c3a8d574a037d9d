"""Pages opened in a real browser, from files, as a reader does; and what they tried to do there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

CONTRAST = """() => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); const srgb = c.startsWith('color(');
    const v = srgb ? m.slice(0, 3).map(x => x * 255) : m.slice(0, 3); return [...v, m.length > 3 ? m[3] : 1]; };
  const lum = ([r, g, b]) => { const f = [r, g, b].map(x => { x /= 255;
    return x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4; });
    return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c[3] > 0) return c; } return parse(getComputedStyle(document.body).backgroundColor); };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest('.hidden, .skip')) continue;
    const style = getComputedStyle(e);
    const front = parse(e instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [lum(front), lum(behind(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) bad.push([e.tagName, e.getAttribute('class'), e.textContent.slice(0, 30), ratio]);
  }
  return bad;
}"""
"""Texts whose contrast with what is behind them is below 4.5 (WCAG AA)."""


@dataclass
class Visit:
    """An opened report and everything that it tried to do."""

    page: Page
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


class Visitor:
    """Opens reports from files, as a reader does."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.browser = browser
        self.folder = folder

    def open(self, html: str, width: int = 1280, **context: Any) -> Visit:
        file = self.folder / "report.html"
        file.write_text(html, "utf-8")
        page = self.browser.new_context(viewport={"width": width, "height": 900}, **context).new_page()
        visit = Visit(page)
        page.on("console", lambda message: visit.console.append(message.text))
        page.on("pageerror", lambda error: visit.console.append(str(error)))
        page.on("request", lambda request: visit.requests.append(request.url))
        page.on("dialog", lambda dialog: (visit.dialogs.append(dialog.message), dialog.dismiss()))
        page.goto(file.as_uri())
        page.wait_for_load_state("load")
        return visit


def outside(visit: Visit) -> list[str]:
    """Requests that left the file."""
    return [url for url in visit.requests if not url.startswith(("data:", "file:"))]
