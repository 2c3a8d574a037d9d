"""How many features an audit calls what, for the list: counted once per stored result, since results never change."""

from __future__ import annotations

import json
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from schemas.ports import BlobMissing
from schemas.results import Verdict
from services.errors import ServiceError
from services.storage.blobs import S3BlobStore

Counts = dict[Verdict, int]

OUTPUT = "logits"
MOST = 4096
AT_ONCE = 8

log = structlog.get_logger(__name__)


class VerdictCounts:
    """Counts by digest of the result; the least recently shown are forgotten beyond ``most``."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: OrderedDict[str, Counts] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, store: S3BlobStore, digests: Iterable[str]) -> dict[str, Counts]:
        """Counts of each result that can be read; the list does without the others."""
        wanted = set(digests)
        known = {digest: counts for digest in wanted if (counts := self._recall(digest)) is not None}
        missing = list(wanted - known.keys())
        if missing:
            with ThreadPoolExecutor(min(AT_ONCE, len(missing))) as pool:
                read = zip(missing, pool.map(lambda digest: _read(store, digest), missing), strict=True)
                fresh = {digest: counts for digest, counts in read if counts is not None}
            self._remember(fresh)
            known |= fresh
        return known

    def _recall(self, digest: str) -> Counts | None:
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
            return self._known.get(digest)

    def _remember(self, fresh: dict[str, Counts]) -> None:
        with self._lock:
            self._known |= fresh
            while len(self._known) > self._most:
                self._known.popitem(last=False)


def count_verdicts(result: dict[str, Any]) -> Counts:
    """Features by their verdict about the answer, in the report's order of verdicts."""
    output = next((tap["name"] for tap in result["taps"] if tap["kind"] == "logits"), OUTPUT)
    told = {finding["feature"]: finding["verdict"] for finding in result["findings"] if finding["tap"] == output}
    # As the report: a finding about "logits" comes before one about the tap of another name.
    told |= {finding["feature"]: finding["verdict"] for finding in result["findings"] if finding["tap"] == OUTPUT}
    counted = Counter(told[feature["name"]] for feature in result["features"] if feature["name"] in told)
    return {verdict: counted[verdict.value] for verdict in Verdict if counted[verdict.value]}


def _read(store: S3BlobStore, digest: str) -> Counts | None:
    try:
        return count_verdicts(json.loads(store.get(digest)))
    except (ServiceError, BlobMissing, ValueError, KeyError, TypeError) as error:
        log.warning("no verdicts for the list", digest=digest, error=type(error).__name__)
        return None
