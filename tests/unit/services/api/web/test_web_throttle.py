"""Refused sign-ins are counted for a minute, per address and in all."""

from __future__ import annotations

from services.api.web.throttle import IN_ALL, PER_ADDRESS, WINDOW_SECONDS, Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_address_waits_until_its_first_failure_is_a_minute_old() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(PER_ADDRESS):
        assert throttle.wait("a") == 0
        throttle.failed("a")
        clock.now += 1
    assert throttle.wait("a") == WINDOW_SECONDS - PER_ADDRESS
    assert throttle.wait("b") == 0
    clock.now += WINDOW_SECONDS - PER_ADDRESS
    assert throttle.wait("a") == 0


def test_many_addresses_together_wait_too() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for number in range(IN_ALL):
        throttle.failed(f"10.0.0.{number}")
    assert throttle.wait("elsewhere") == WINDOW_SECONDS
    clock.now += WINDOW_SECONDS
    assert throttle.wait("elsewhere") == 0


def test_memory_is_bounded() -> None:
    throttle = Throttle(Clock())
    for number in range(3 * IN_ALL):
        throttle.failed(str(number))
    assert len(throttle._failures) == IN_ALL
