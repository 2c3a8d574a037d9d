"""Size and training of the autoencoder."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Profile = Literal["quick", "standard", "thorough"]

_DENSE_VALUES = 4096
"""Images of up to this many values (36 x 36 x 3) are cheapest as one matrix product, bigger ones by convolution."""


@dataclass(frozen=True)
class AutoencoderConfig:
    """What to build and how long to train.

    Attributes:
        code_dim: latent dimensions before those that carry nothing are pruned; even.
        trunk: "dense" flattens the image at once; "conv" shrinks it with strided convolutions first.
        width: units of the dense trunk.
        depth: residual blocks of the dense trunk, on each side.
        channels: channels of the first convolution ("conv" only), a multiple of 8.
        steps: optimiser steps.
        batch: images per step.
        learning_rate: peak.
        beta: weight of the KL term; 1 is the ELBO.
        gradient_weight: weight of the squared error between neighbour differences, against blur.
        augment: share of the batches that are shifted, turned and scaled a little. The autoencoder reads no meaning,
            so this only widens what it can show; without it 5,000 digits are learned by heart.
        recolour: share of the batches of colour images whose channels change places, for the same reason.
        held_out: share of the images kept for measuring.
        adversarial: weight of the patch discriminator's hinge loss; 0 leaves it out.
        half: compute the training in bfloat16 where the machine multiplies it faster.
    """

    code_dim: int = 32
    trunk: Literal["dense", "conv"] = "dense"
    width: int = 768
    depth: int = 1
    channels: int = 48
    steps: int = 800
    batch: int = 256
    learning_rate: float = 4e-3
    beta: float = 1.0
    gradient_weight: float = 0.0
    augment: float = 0.7
    recolour: float = 0.7
    held_out: float = 0.1
    adversarial: float = 0.0
    half: bool = True

    def __post_init__(self) -> None:
        if self.code_dim < 2 or self.code_dim % 2:
            raise ValueError(f"code_dim must be even and at least 2, got {self.code_dim}")
        if self.steps < 1 or self.batch < 2:
            raise ValueError(f"need steps >= 1 and batch >= 2, got {self.steps} and {self.batch}")
        if not (0 < self.held_out < 1 and 0 <= self.augment <= 1 and 0 <= self.recolour <= 1):
            raise ValueError("held_out must be inside (0, 1), augment and recolour within [0, 1]")

    @classmethod
    def for_images(cls, height: int, width: int, channels: int, profile: Profile = "quick") -> AutoencoderConfig:
        """Defaults for images of this size, in pixels; quick is sized for about half a minute on two CPU cores."""
        longest = max(height, width)
        if height * width * channels <= _DENSE_VALUES:
            small = cls()
        else:
            small = cls(
                code_dim=64,
                trunk="conv",
                width=512,
                steps=700,
                batch=64 if longest <= 96 else 32,
                learning_rate=1.5e-3,
                recolour=0.0,
            )
        return replace(small, **_PROFILE[profile](small))

    def as_header(self) -> dict[str, Any]:
        """JSON-ready; ``AutoencoderConfig(**header)`` is the inverse."""
        return asdict(self)


def _standard(base: AutoencoderConfig) -> dict[str, Any]:
    return {"steps": 6 * base.steps, "width": 1024, "depth": 2, "code_dim": max(base.code_dim, 48)}


def _thorough(base: AutoencoderConfig) -> dict[str, Any]:
    bigger = {"steps": 30 * base.steps, "width": 1024, "depth": 3, "code_dim": max(2 * base.code_dim, 64)}
    return bigger | {"channels": 64, "adversarial": 0.1 if base.trunk == "conv" else 0.0}


_PROFILE = {"quick": lambda _: {}, "standard": _standard, "thorough": _thorough}
