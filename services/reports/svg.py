"""Vega's SVG made safe to stand inside the page: known elements and attributes, colours of the page's palette."""

from __future__ import annotations

from xml.etree import ElementTree

from markupsafe import Markup, escape

ELEMENTS = frozenset({"svg", "g", "path", "line", "rect", "circle", "text", "tspan"})
ATTRIBUTES = frozenset(
    {
        "d", "dx", "dy", "fill", "fill-opacity", "font-size", "font-weight", "height", "opacity", "stroke",
        "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-opacity", "stroke-width",
        "text-anchor", "transform", "viewBox", "width", "x", "x1", "x2", "y", "y1", "y2", "cx", "cy", "r",
    }
)  # fmt: skip
PALETTE = {
    "#010101": "var(--ink)",
    "#020202": "var(--muted)",
    "#030303": "var(--line)",
    "#040404": "var(--accent)",
    "#050505": "var(--paper)",
    "#060606": "var(--accent)",
    "#070707": "var(--used)",
    "#080808": "var(--ok)",
    "#090909": "var(--encoded_unused)",
    "#0a0a0a": "var(--untrusted)",
    "#0b0b0b": "var(--muted)",
}
"""Stand-in colours of a chart, and the page's custom property that each becomes: one drawing, light and dark."""


def inline_svg(svg: str, label: str) -> Markup:
    """``svg`` as an element of an HTML page under a strict policy: no style, script, link, id or handler survives.

    Raises:
        xml.etree.ElementTree.ParseError: ``svg`` is not XML.
    """
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own renderer wrote it, and expat expands no external entity
    opening = Markup('<svg class="chart" role="img" aria-label="{}" viewBox="{}" width="{}" height="{}">').format(
        label, root.get("viewBox", ""), root.get("width", ""), root.get("height", "")
    )
    return opening + Markup("").join(_element(child) for child in root) + Markup("</svg>")


def _element(node: ElementTree.Element) -> Markup:
    tag = node.tag.rpartition("}")[2]
    if tag not in ELEMENTS or node.get("display") == "none":
        return Markup()
    kept = Markup("").join(
        Markup(' {}="{}"').format(key, _colour(value)) for key, value in node.items() if key in ATTRIBUTES
    )
    inside = escape(node.text or "") + Markup("").join(_element(child) for child in node)
    if not inside and tag in {"g", "text"}:
        return Markup()
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), kept, inside)  # noqa: S704 - tag is in ELEMENTS


def _colour(value: str) -> str:
    return PALETTE.get(value, value)
