"""What each profile spends. One frozen object per profile; every number that trades time for certainty is here."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.audits import Profile, View

DEFAULT_VIEWS: dict[Profile, frozenset[View]] = {
    Profile.QUICK: frozenset(View) - {View.DISCOVERED},
    Profile.STANDARD: frozenset(View),
    Profile.FULL: frozenset(View),
}
"""What a profile shows when the audit does not say. Factors without a name cost an edit each, and few need them."""


@dataclass(frozen=True)
class Budget:
    """The spending of one profile.

    ``images`` caps the reference images that an audit works on; ``taps`` how many cuts it looks at besides the logits;
    ``condition`` the width that a tap is compressed to before a network sees it; ``references`` times ``draws`` the
    invariance samples that go back through the classifier per tap; ``edited`` times ``edits`` the edited images per
    feature; ``rows`` and ``columns`` the size of a sample sheet; ``bootstrap`` the number of resamples.
    """

    name: str
    images: int
    taps: int
    condition: int
    references: int
    draws: int
    edited: int
    edits: int
    rows: int
    columns: int
    bootstrap: int


QUICK = Budget(
    name="quick", images=5_000, taps=2, condition=96, references=400, draws=8, edited=1_000, edits=2, rows=8, columns=6,
    bootstrap=1_000,
)  # fmt: skip
STANDARD = Budget(
    name="standard", images=20_000, taps=4, condition=192, references=1_000, draws=16, edited=3_000, edits=4, rows=8,
    columns=8, bootstrap=2_000,
)  # fmt: skip
FULL = Budget(
    name="full", images=200_000, taps=4, condition=384, references=4_000, draws=32, edited=10_000, edits=8, rows=12,
    columns=8, bootstrap=5_000,
)  # fmt: skip

BUDGETS = {budget.name: budget for budget in (QUICK, STANDARD, FULL)}


def budget_for(profile: str) -> Budget:
    """The budget of ``profile``.

    Raises:
        KeyError: there is no such profile.
    """
    return BUDGETS[profile]
