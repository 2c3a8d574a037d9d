"""An ordinary convolutional digit classifier, with nothing in it that knows of turns, and the values of its layers."""

from __future__ import annotations

from torch import Tensor, nn


class ConvNet(nn.Module):
    """Digits ``(n, 1, 28, 28)`` to ten logits: three convolutions, one hidden layer of 64."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2))  # 14 x 14
        self.second = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2))  # 7 x 7
        self.third = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU())
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU())
        self.head = nn.Linear(64, 10)

    def layers(self, pictures: Tensor) -> dict[str, Tensor]:
        """Values by layer, input side first."""
        first = self.first(pictures)
        second = self.second(first)
        third = self.third(second)
        hidden = self.hidden(third)
        return {"conv 1": first, "conv 2": second, "conv 3": third, "hidden": hidden, "logits": self.head(hidden)}

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits ``(n, 10)``."""
        return self.layers(pictures)["logits"]
