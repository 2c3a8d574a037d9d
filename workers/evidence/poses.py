"""Symmetry groups in words: what an invariant view of a tap has divided out (papers.md 3)."""

from __future__ import annotations

POSES: dict[str, str] = {
    "translations": "the place in the picture",
    "flips": "mirroring",
    "c4": "quarter turns",
    "c8": "turns by 45 degrees",
    "so2": "turns",
    "scale": "the zoom",
    "colours": "the order of the colour channels",
    "nodes": "the numbering of the nodes",
}
"""By group, what sets two members of one orbit apart: their pose."""


ACTS: dict[str, str] = {
    "flips": "mirroring the whole picture",
    "c4": "turning the whole picture by quarter turns",
    "colours": "exchanging the colour channels of the whole picture",
}
"""By group, what its exact elements do to an input."""


def pose_of(group: str) -> str:
    """The pose in words; a group that has no words of its own by its name."""
    return POSES.get(group, group)


def act_of(group: str) -> str:
    """What moving an input by the group is, in words."""
    return ACTS.get(group, f"moving the whole input by {group}")
