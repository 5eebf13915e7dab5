"""Whether the process is idle."""

from __future__ import annotations

from perflab.optimize.idle import Idleness


def test_what_the_asking_thread_used_does_not_count():
    process, thread, now = iter([5.0, 5.9]), iter([1.0, 1.8]), iter([0.0, 1.0])
    assert Idleness(0.2, process=process.__next__, thread=thread.__next__, timer=now.__next__)()


def test_without_time_passed_nothing_is_known_and_it_is_not_idle():
    assert not Idleness(0.2, process=lambda: 1.0, thread=lambda: 0.0, timer=lambda: 7.0)()
