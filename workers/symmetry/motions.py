"""What single elements do, as small values that know their inverse and their name in words."""

from __future__ import annotations

from dataclasses import dataclass

_COLOURS = "RGB"


@dataclass(frozen=True)
class Shift:
    """By whole pixels, down and to the right; negative: up and to the left."""

    down: int
    right: int

    @property
    def inverse(self) -> Shift:
        """The same way back."""
        return Shift(-self.down, -self.right)

    def __str__(self) -> str:
        ways = ((self.down, "down", "up"), (self.right, "right", "left"))
        return " and ".join(f"{abs(size)} px {on if size > 0 else back}" for size, on, back in ways if size) or "stay"


@dataclass(frozen=True)
class Mirror:
    """``vertical``: top becomes bottom; ``horizontal``: left becomes right."""

    vertical: bool
    horizontal: bool

    @property
    def inverse(self) -> Mirror:
        """Itself."""
        return self

    def __str__(self) -> str:
        ways = {(False, True): "left to right", (True, False): "top to bottom", (True, True): "both ways"}
        return f"mirrored {ways[self.vertical, self.horizontal]}"


@dataclass(frozen=True)
class Turn:
    """About the centre, counter-clockwise as one looks at the picture, in degrees 0..360."""

    degrees: float

    @property
    def inverse(self) -> Turn:
        """As far the other way round."""
        return Turn((360 - self.degrees) % 360)

    @property
    def quarters(self) -> int | None:
        """Number of quarter turns that it is, if it is."""
        return int(self.degrees // 90) if self.degrees % 90 == 0 else None

    def __str__(self) -> str:
        return f"turned {self.degrees:.0f}°"


@dataclass(frozen=True)
class Zoom:
    """About the centre; a factor above 1 makes what is shown larger."""

    factor: float

    @property
    def inverse(self) -> Zoom:
        """As small as it was."""
        return Zoom(1 / self.factor)

    def __str__(self) -> str:
        return f"zoomed × {self.factor:g}"


@dataclass(frozen=True)
class Recolour:
    """Channel ``i`` becomes what channel ``order[i]`` was."""

    order: tuple[int, ...]

    @property
    def inverse(self) -> Recolour:
        """The inverse permutation."""
        return Recolour(_inverse(self.order))

    def __str__(self) -> str:
        return f"channels {''.join(_COLOURS[i] for i in self.order)}"


@dataclass(frozen=True)
class Relabel:
    """Node ``i`` becomes what node ``order[i]`` was."""

    order: tuple[int, ...]

    @property
    def inverse(self) -> Relabel:
        """The inverse permutation."""
        return Relabel(_inverse(self.order))

    def __str__(self) -> str:
        return f"nodes {self.order}"


Motion = Shift | Mirror | Turn | Zoom | Recolour | Relabel


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))
