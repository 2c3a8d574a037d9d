"""HTML pages, rendered on demand: the report of an audit, and the calibration certificate of a release."""

from .certificate import render_certificate
from .page import TEMPLATE_VERSION
from .render import render_report

__all__ = ["TEMPLATE_VERSION", "render_certificate", "render_report"]
