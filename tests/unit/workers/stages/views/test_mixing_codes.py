"""Mixing on a linear-Gaussian network: what is known and what is discarded are read off the code."""

from __future__ import annotations

import torch

from tests.builders.toy_studios import TINY, planted_inn
from workers.stages.views.mixing import mix_codes

ROWS, KNOWN, FREE = 200, 3, 2


def planted() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Codes ``[z, r z + e]``, the matrix ``r``, and the free part ``e``."""
    g = torch.Generator().manual_seed(0)
    z, noise = torch.randn(ROWS, KNOWN, generator=g), torch.randn(ROWS, FREE, generator=g)
    tied = torch.randn(FREE, KNOWN, generator=g)
    return torch.cat([z, z @ tied.T + noise], dim=1), tied, noise


def test_a_mixture_has_exactly_the_prediction_of_b_and_the_rest_of_a() -> None:
    codes, tied, noise = planted()
    inn = planted_inn(torch.cat([torch.eye(KNOWN), tied]), torch.diag(torch.tensor([TINY] * KNOWN + [1.0] * FREE)))
    z = codes[:, :KNOWN]
    order = torch.roll(torch.arange(ROWS), 7)
    mixed = mix_codes(inn, codes, z, z[order])
    head = torch.randn(5, KNOWN, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(mixed[:, :KNOWN], z[order], atol=1e-4, rtol=0)
    assert torch.equal((mixed[:, :KNOWN] @ head.T).argmax(1), (z[order] @ head.T).argmax(1))
    torch.testing.assert_close(mixed[:, KNOWN:] - z[order] @ tied.T, noise, atol=1e-4, rtol=0)


def test_an_image_mixed_with_itself_is_itself() -> None:
    codes, tied, _ = planted()
    inn = planted_inn(torch.cat([torch.eye(KNOWN), tied]), torch.diag(torch.tensor([0.3] * KNOWN + [1.0] * FREE)))
    torch.testing.assert_close(mix_codes(inn, codes, codes[:, :KNOWN], codes[:, :KNOWN]), codes, atol=1e-4, rtol=0)
