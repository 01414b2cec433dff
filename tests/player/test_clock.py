"""One clock for pictures and sound: it runs, stands, and is put elsewhere."""

from __future__ import annotations

from player.clock import Clock


class Time:
    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_it_cannot_run_before_it_was_set() -> None:
    clock = Clock(Time())
    clock.run(True)
    assert clock.position_s is None and clock.running_at_s is None


def test_it_runs_from_where_it_was_set_and_stands_in_between() -> None:
    time = Time()
    clock = Clock(time)
    clock.set(7.0)
    time.now_s += 10
    assert clock.position_s == 7.0 and clock.running_at_s is None
    clock.run(True)
    time.now_s += 2
    assert clock.running_at_s == clock.position_s == 9.0
    clock.run(True)
    time.now_s += 1
    clock.run(False)
    time.now_s += 5
    assert clock.position_s == 10.0 and clock.running_at_s is None


def test_setting_it_makes_it_stand() -> None:
    time = Time()
    clock = Clock(time)
    clock.set(0.0)
    clock.run(True)
    clock.set(30.0)
    time.now_s += 1
    assert clock.position_s == 30.0 and clock.running_at_s is None
