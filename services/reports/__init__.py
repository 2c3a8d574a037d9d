"""The HTML report: a view of ``result.json`` and of the sheets, rendered on demand."""

from .render import TEMPLATE_VERSION, render_report

__all__ = ["TEMPLATE_VERSION", "render_report"]
