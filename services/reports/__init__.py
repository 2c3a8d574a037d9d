"""HTML pages, rendered on demand: reports of audits and of comparisons, the calibration certificate of a release."""

from .certificate import render_certificate
from .comparison import render_comparison
from .page import TEMPLATE_VERSION
from .render import render_report

__all__ = ["TEMPLATE_VERSION", "render_certificate", "render_comparison", "render_report"]
