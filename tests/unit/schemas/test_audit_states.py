"""The table of allowed moves of an audit, and the keys of stages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.audits import MOVES, AuditState
from schemas.stages import PlannedStage, Source, StageOutcome, StageRequest


def test_every_state_is_reachable_and_every_ending_is_final() -> None:
    reached, frontier = {AuditState.QUEUED}, [AuditState.QUEUED]
    while frontier:
        new = MOVES[frontier.pop()] - reached
        reached |= new
        frontier.extend(new)
    assert reached == set(AuditState)
    assert {s for s in AuditState if s.terminal} == {AuditState.SUCCEEDED, AuditState.FAILED, AuditState.CANCELLED}


DIGEST = st.text("0123456789abcdef", min_size=64, max_size=64)
REQUESTS = st.builds(
    StageRequest,
    name=st.sampled_from(["inn:a", "inn:b", "vae"]),
    inputs=st.dictionaries(st.sampled_from(["codes", "latents"]), DIGEST),
    config=st.dictionaries(st.sampled_from(["tap", "profile"]), st.text(max_size=5)),
    seed=st.integers(0, 5),
)


@given(REQUESTS, REQUESTS)
def test_keys_are_equal_exactly_when_requests_are(one: StageRequest, other: StageRequest) -> None:
    assert (one.key == other.key) == (one == other)


@given(REQUESTS)
def test_key_survives_the_wire(request: StageRequest) -> None:
    assert StageRequest.model_validate_json(request.model_dump_json()).key == request.key


def test_stage_waits_for_its_sources() -> None:
    stage = PlannedStage(name="inn:a", title="x", inputs={"codes": Source(stage="autoencoder", output="codes")})
    assert stage.resolve({}) is None
    done = StageOutcome(key="a" * 64, outputs={"codes": "b" * 64})
    request = stage.resolve({"autoencoder": done})
    assert request is not None
    assert request.inputs == {"codes": "b" * 64}
