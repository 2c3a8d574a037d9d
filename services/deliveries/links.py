"""Where people and programs find what an event speaks of."""

from __future__ import annotations

PAGES = {"aud": ("/audits/{0}", "/v1/audits/{0}"), "cmp": ("/comparisons/{0}", "/v1/comparisons/{0}")}
"""Page and resource, by the prefix of the subject's id."""

WITH_REPORT = frozenset({"audit.succeeded", "audit.gated", "comparison.succeeded"})


def links(public_url: str, kind: str, subject_id: str) -> dict[str, str]:
    """Absolute links for an event of ``kind``; none where the installation does not know its own address."""
    paths = PAGES.get(subject_id.split("_")[0])
    if not public_url or paths is None:
        return {}
    page, resource = (public_url.rstrip("/") + path.format(subject_id) for path in paths)
    return {"page": page, "api": resource} | ({"report": f"{resource}/report"} if kind in WITH_REPORT else {})
