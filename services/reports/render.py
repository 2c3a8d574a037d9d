"""``result.json`` and its pictures as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources

import jinja2
from markupsafe import Markup

from schemas.results import AuditResult, Sheets

from . import formatting
from .charts import information_chart, invariance_chart, line_chart
from .concepts import above_chance, heat, score_bar
from .galleries import by_importance
from .pictures import PictureBook, picture_budget
from .sentences import headline_retention, name
from .strips import effect_strip, retention_strip
from .view import report_view
from .vocabulary import CERTIFICATE_SCORES, DEFINITIONS, KINDS, SOURCES, VERDICTS

TEMPLATE_VERSION = "2"
"""Raised when the page changes; old results are then rendered anew."""


def render_report(result: AuditResult, sheets: Sheets | None) -> str:
    """The audit report as one self-contained HTML page.

    Args:
        result: the audit's answer.
        sheets: its pictures; without them the page says that there are none.
    """
    view = report_view(result, sheets)
    galleries = by_importance(sheets.galleries) if sheets else []
    book = PictureBook(sheets, picture_budget(len(result.features), galleries), galleries)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            view=view,
            result=result,
            book=book,
            information=information_chart(view.taps),
            invariance=invariance_chart(view.taps),
            template_version=TEMPLATE_VERSION,
            style=_style(),
            style_hash=_style_hash(),
            icon=_icon(),
        )
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__ or "services.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update({function.__name__: function for function in FILTERS})
    environment.globals.update(
        verdicts=VERDICTS,
        sources=SOURCES,
        kinds=KINDS,
        definitions=DEFINITIONS,
        above_chance=above_chance,
        heat=heat,
        score_bar=score_bar,
        scores=CERTIFICATE_SCORES,
        line_chart=line_chart,
        headline_retention=headline_retention,
        retention_strip=retention_strip,
        effect_strip=effect_strip,
    )
    return environment


FILTERS = (
    formatting.percent,
    formatting.percent_interval,
    formatting.joint_interval,
    formatting.confidence,
    formatting.number,
    formatting.number_interval,
    formatting.times,
    formatting.count,
    formatting.plural,
    formatting.size,
    formatting.duration,
    formatting.date,
    formatting.clip,
    formatting.shorten,
    name,
)


def _asset(file: str) -> str:
    return resources.files(__package__ or "services.reports").joinpath("templates", file).read_text("utf-8")


@cache
def _style() -> Markup:
    return Markup(_asset("report.css"))  # noqa: S704 - our own file


@cache
def _style_hash() -> str:
    """The CSP source of the page's only style element."""
    digest = hashlib.sha256(_style().encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@cache
def _icon() -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(_asset("mark.svg").encode()).decode()
