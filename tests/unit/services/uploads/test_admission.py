"""Bodies that may come now."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from services.errors import Unavailable, UploadBusy
from services.uploads.admission import SPOOLED, SPOOLED_OF_PROJECT, Admission
from services.uploads.content import IN_MEMORY

LARGE = IN_MEMORY + 1


def fill(stack: ExitStack, admission: Admission, project: str, count: int, length: int = LARGE) -> None:
    for number in range(count):
        stack.enter_context(admission.receiving(f"{project} {length} {number}", project, length))


def test_one_body_of_an_upload_at_a_time() -> None:
    admission = Admission()
    with admission.receiving("a", "p", 1), pytest.raises(UploadBusy), admission.receiving("a", "p", 1):
        pass
    with admission.receiving("a", "p", 1):
        pass


def test_a_body_that_broke_off_leaves_room() -> None:
    admission = Admission()
    for _ in range(SPOOLED + 1):
        with pytest.raises(OSError, match="cut"), admission.receiving("a", "p", LARGE):
            raise OSError("cut")


def test_no_project_has_all_of_the_disk() -> None:
    admission = Admission()
    with ExitStack() as stack:
        fill(stack, admission, "one", SPOOLED_OF_PROJECT)
        with pytest.raises(Unavailable), admission.receiving("more", "one", LARGE):
            pass
        fill(stack, admission, "two", SPOOLED - SPOOLED_OF_PROJECT)
        with pytest.raises(Unavailable), admission.receiving("more", "three", LARGE):
            pass
        fill(stack, admission, "one", 20, length=IN_MEMORY)
    fill(ExitStack(), admission, "three", SPOOLED_OF_PROJECT)
