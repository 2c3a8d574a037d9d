"""What every page shares: the template environment, the style and its place in the policy, the icon."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from . import formatting
from .charts import line_chart
from .concepts import above_chance, heat, score_bar
from .policies import policy_sentence
from .sentences import headline_invariant, headline_retention, name
from .strips import difference_ticks, effect_strip, retention_strip
from .symmetry import action_words, error_words
from .symmetry_words import GROUPS, PROJECTIONS, STATES
from .vocabulary import CERTIFICATE_SCORES, DEFINITIONS, KINDS, OUTCOMES, SOURCES, TRUTHS, VERDICTS

TEMPLATE_VERSION = "4"
"""Raised when a page changes; old results are then rendered anew."""

FILTERS = (
    formatting.percent,
    formatting.percent_interval,
    formatting.points,
    formatting.points_interval,
    formatting.joint_interval,
    formatting.joint_points,
    formatting.confidence,
    formatting.number,
    formatting.hundredths,
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


@cache
def environment() -> jinja2.Environment:
    """Templates with the filters and words of a page. Everything is escaped unless it is our own markup."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__ or "services.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters.update({function.__name__: function for function in FILTERS})
    made.globals.update(
        verdicts=VERDICTS,
        outcomes=OUTCOMES,
        policy_sentence=policy_sentence,
        sources=SOURCES,
        kinds=KINDS,
        definitions=DEFINITIONS,
        truths=TRUTHS,
        scores=CERTIFICATE_SCORES,
        above_chance=above_chance,
        heat=heat,
        score_bar=score_bar,
        line_chart=line_chart,
        headline_retention=headline_retention,
        headline_invariant=headline_invariant,
        groups=GROUPS,
        states=STATES,
        projections=PROJECTIONS,
        action_words=action_words,
        error_words=error_words,
        retention_strip=retention_strip,
        effect_strip=effect_strip,
        difference_ticks=difference_ticks,
    )
    return made


@cache
def page_parts(*sheets: str) -> dict[str, Any]:
    """What the head of every page needs: its one style element (``sheets`` are its own), the CSP source, the icon."""
    style = "".join(map(_asset, ("report.css", *sheets)))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {
        "template_version": TEMPLATE_VERSION,
        "style": Markup(style),  # noqa: S704 - our own file
        "style_hash": f"sha256-{digest}",
        "icon": "data:image/svg+xml;base64," + base64.b64encode(_asset("mark.svg").encode()).decode(),
    }


def _asset(file: str) -> str:
    return resources.files(__package__ or "services.reports").joinpath("templates", file).read_text("utf-8")
