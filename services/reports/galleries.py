"""Galleries sorted for reading: one section per view, and what of their pictures is there to be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from schemas.results import Chart, Gallery, Measure, Picture, PictureRow

from .charts import line_chart
from .pictures import large_pngs
from .vocabulary import OTHER, SECTIONS, SectionWord

MEASURES_AT_ONCE = 8
SYMMETRY = ("symmetry", "geometry")
"""Views that are shown in the section on symmetry."""

Shows = Callable[[str], object | None]
"""Finds the picture of a PNG; ``None`` when it was left out."""


@dataclass(frozen=True)
class GalleryView:
    """One gallery with its charts drawn."""

    gallery: Gallery
    charts: list[tuple[Chart, Markup | None]]

    @property
    def first(self) -> list[Measure]:
        """Measures that are shown at once."""
        return self.gallery.measures[:MEASURES_AT_ONCE]

    @property
    def rest(self) -> list[Measure]:
        """Measures that are shown on request."""
        return self.gallery.measures[MEASURES_AT_ONCE:]

    @property
    def width(self) -> int:
        """Pictures side by side, at most."""
        return max([len(self.gallery.columns), *(len(row.pictures) for row in self.gallery.rows)], default=0)

    @property
    def large(self) -> bool:
        """Whether its pictures are maps, a few to a row, to be shown in full."""
        return bool(large_pngs([self.gallery]))

    @property
    def captioned(self) -> bool:
        """Whether every picture says under it what its column says above."""
        pairs = (pair for row in self.gallery.rows for pair in zip(row.pictures, self.gallery.columns, strict=False))
        return all(here is None or here.caption == column for here, column in pairs)

    def rows(self, show: Shows) -> list[PictureRow]:
        """Rows that have a picture to show."""
        return [row for row in self.gallery.rows if any(here and show(here.png) for here in row.pictures)]

    def cells(self, row: PictureRow) -> list[Picture | None]:
        """The pictures of ``row``, with holes up to the width of the gallery."""
        return row.pictures + [None] * (self.width - len(row.pictures))


@dataclass(frozen=True)
class GallerySection:
    """The galleries of one view. ``number`` makes its fragment, never a user's name."""

    number: int
    word: SectionWord
    galleries: list[GalleryView]

    @property
    def anchor(self) -> str:
        """Fragment of the section."""
        return f"view-{self.number}"


def by_importance(galleries: Sequence[Gallery]) -> list[Gallery]:
    """In the order of the report: what the user asked for comes first, unknown views last."""
    order = [*SYMMETRY, *SECTIONS]
    return sorted(galleries, key=lambda gallery: order.index(_key(gallery)) if _key(gallery) in order else len(order))


def gallery_sections(galleries: Sequence[Gallery]) -> list[GallerySection]:
    """One section per view that has galleries, but for those on symmetry."""
    return list(_sections([one for one in by_importance(galleries) if _key(one) not in SYMMETRY]))


def symmetry_galleries(galleries: Sequence[Gallery]) -> list[GalleryView]:
    """What the section on symmetry shows."""
    return [_drawn(one) for one in by_importance(galleries) if _key(one) in SYMMETRY]


def _sections(galleries: Sequence[Gallery]) -> Iterable[GallerySection]:
    words = [*SECTIONS.items(), (None, OTHER)]
    for number, (key, word) in enumerate(words, start=1):
        members = [_drawn(one) for one in galleries if (_key(one) if _key(one) in SECTIONS else None) == key]
        if members:
            yield GallerySection(number, word, members)


def _drawn(gallery: Gallery) -> GalleryView:
    return GalleryView(gallery, [(chart, line_chart(chart)) for chart in gallery.charts])


def _key(gallery: Gallery) -> str:
    return gallery.view.partition(":")[0]
