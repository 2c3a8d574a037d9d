"""Stages with the smallest budget that still runs every line: networks of a few steps, which know nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from workers.autoencoder import AutoencoderConfig
from workers.graphs.config import GraphVaeConfig
from workers.oracles import OracleConfig
from workers.stages import autoencoder, concepts, editor, inn, oracles, prior, profiles, vae
from workers.stages.views import assault, response
from workers.vae import VaeConfig

SMALL = {"references": 40, "draws": 3, "edited": 60, "edits": 1, "rows": 2, "columns": 2, "bootstrap": 50,
         "condition": 24}  # fmt: skip


def train_barely(
    patch: pytest.MonkeyPatch, steps: int = 20, *, images: dict[str, Any] | None = None, **budget: int
) -> None:
    """``steps`` everywhere, and few samples, for as long as ``patch`` lasts.

    ``images``: other settings of the autoencoder of images; ``budget``: others of the quick budget.
    """
    patch.setitem(profiles.BUDGETS, "quick", replace(profiles.QUICK, **{**SMALL, **budget}))
    patch.setitem(assault.EFFORT, "quick", (6, 40))
    training = replace(inn.EFFORT["quick"].training, steps=steps, evaluate_every=steps // 2)
    flow = replace(inn.EFFORT["quick"], training=training)
    for module in (inn, editor, prior, concepts, response):
        patch.setattr(module, "EFFORT", {"quick": flow})
    whole, settings = AutoencoderConfig.for_images, {"steps": steps, "batch": 32, "code_dim": 8, **(images or {})}
    brief = GraphVaeConfig(code_dim=3, width=16, pair_width=8, steps=steps, batch=32)
    patch.setattr(
        autoencoder.AutoencoderConfig, "for_images",
        staticmethod(lambda *shape: replace(whole(*shape[:3], "quick"), **settings)),
    )  # fmt: skip
    patch.setattr(autoencoder.GraphVaeConfig, "for_graphs", staticmethod(lambda *_: brief))
    patch.setattr(oracles, "OracleConfig", lambda **_: OracleConfig(steps=steps, batch=32))
    patch.setattr(vae, "VaeConfig", lambda **given: VaeConfig(**{**given, "steps": steps, "batch": 32}))
