"""``result.json`` and its pictures as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from schemas.results import AuditResult, Sheets

from .charts import information_chart, invariance_chart
from .galleries import by_importance
from .page import environment, page_parts
from .pictures import PictureBook, picture_budget
from .retold import retold
from .seal import SealNote
from .view import report_view


def render_report(result: AuditResult, sheets: Sheets | None, seal: SealNote | None = None) -> str:
    """The audit report as one self-contained HTML page.

    Args:
        result: the audit's answer.
        sheets: its pictures; without them the page says that there are none.
        seal: who will sign the page; without it the page says that it carries no seal.
    """
    result, sheets = retold(result, sheets)
    view = report_view(result, sheets)
    galleries = by_importance(sheets.galleries) if sheets else []
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            view=view,
            result=result,
            book=PictureBook(sheets, picture_budget(len(result.features), galleries), galleries),
            words=view.words,
            seal=seal,
            information=information_chart(view.taps, view.words.picture),
            invariance=invariance_chart(view.taps, view.words.picture),
            **page_parts(),
        )
    )
