"""Relief in the background: one thing at a time, in order, never under another optimization, and all put back."""

from __future__ import annotations

import threading

import pytest

from perflab.errors import BusyError, PerflabError
from perflab.optimize import Ladder, OneAtATime, Relieving


class Noted:
    """A step that notes what it is asked."""

    def __init__(self, name, log, fail=False):
        self.name, self.log, self.fail = name, log, fail

    def ask(self, what):
        self.log.append((self.name, what))
        if self.fail and what == "run":
            raise OSError("no memory today")
        return [{"knob": self.name, "verdict": "no change" if what == "run" and len(self.log) > 9 else "kept"}]

    def run(self):
        return self.ask("run")

    def settle(self):
        return self.ask("settle")

    def end(self):
        return self.ask("end")


class Bench:
    """Three levels on a hand-moved clock; what is due is done before the next sample, unless threads are held back."""

    def __init__(self, fail=False, spawn=None):
        self.now, self.log, self.rows, self.threads = 0.0, [], [], []
        self.single = OneAtATime()
        third = [Noted("a", self.log), Noted("b", self.log)]
        steps = [[Noted("first", self.log, fail)], [Noted("second", self.log)], third]
        ladder = Ladder((0.6, 0.7, 0.8), clock=lambda: self.now)
        self.relieving = Relieving(steps, ladder, self.single, self.rows.extend, spawn=spawn or self.spawn)

    def spawn(self, work):
        thread = threading.Thread(target=work)
        self.threads.append(thread)
        thread.start()
        return thread

    def look(self, ratio, times=1, after=0.1):
        for _ in range(times):
            self.now += after
            self.relieving.look(ratio)
            for thread in self.threads:
                thread.join(30)


def test_levels_are_acted_on_settled_after_the_cool_down_and_ended():
    bench = Bench()
    bench.look(0.85, 6)
    assert bench.log == [("first", "run"), ("second", "run"), ("a", "run"), ("b", "run")]
    bench.now += 30
    bench.look(0.2, 8)
    assert bench.log[4:] == [
        ("first", "settle"),
        ("second", "settle"),
        ("a", "settle"),
        ("b", "settle"),
        ("a", "end"),
        ("b", "end"),
        ("second", "end"),
        ("first", "end"),
    ]
    assert [row["knob"] for row in bench.rows] == [name for name, _ in bench.log]


def test_that_nothing_is_to_be_done_is_said_once():
    bench = Bench()
    bench.look(0.65, 2)
    bench.log += [("x", "x")] * 9
    bench.now += 30
    bench.look(0.65, 4)
    assert bench.log[-2:] == [("first", "settle"), ("first", "run")]
    assert [row["verdict"] for row in bench.rows] == ["kept", "kept"]


def test_close_puts_back_what_is_in_force_and_nothing_is_done_after_it():
    bench = Bench()
    bench.look(0.75, 4)
    bench.relieving.close()
    assert bench.log[2:] == [("second", "end"), ("first", "end")]
    bench.look(0.99, 9)
    bench.relieving.close()
    assert len(bench.log) == 4


def test_it_does_one_thing_at_a_time_and_samples_meanwhile_count_for_nothing():
    waiting = []

    def spawn(work):
        thread = threading.Thread(target=lambda: (go.wait(60), work()))
        waiting.append(thread)
        thread.start()
        return thread

    go = threading.Event()
    bench = Bench(spawn=spawn)
    bench.look(0.99, 50)
    assert len(waiting) == 1
    go.set()
    waiting[0].join()
    bench.look(0.65, 9)
    assert bench.log == [("first", "run")], "what was seen meanwhile asks for nothing"
    bench.relieving.close()


def test_it_asks_an_optimization_to_end_and_waits_for_it():
    bench = Bench()
    bench.look(0.65)
    inside, ended = threading.Event(), []

    def optimize():
        with bench.single.turn():
            inside.set()
            while not bench.single.stopping:
                pass
            ended.append(list(bench.log))

    thread = threading.Thread(target=optimize)
    thread.start()
    assert inside.wait(60)
    bench.look(0.65)
    thread.join()
    assert ended == [[]], "nothing was done before it had ended"
    assert bench.log == [("first", "run")]
    with bench.single.turn():
        assert not bench.single.stopping, "the next one is not asked"


def test_a_failing_step_is_one_warning_and_the_next_level_goes_on():
    bench = Bench(fail=True)
    with pytest.warns(RuntimeWarning, match="Relief of memory failed: OSError") as warned:
        bench.look(0.75, 4)
    assert bench.log == [("first", "run"), ("second", "run")]
    bench.now += 30
    bench.look(0.75, 9)
    assert bench.log.count(("first", "run")) == 2
    assert len(warned) == 1


def test_what_somebody_else_did_starts_the_cool_down():
    bench = Bench()
    bench.relieving.acted(1)
    assert bench.relieving.is_cooling(1)
    bench.look(0.75, 9)
    assert bench.log == [("first", "run")]
    bench.now += 30
    assert not bench.relieving.is_cooling(1)


def test_a_real_thread_is_gone_after_close():
    before = set(threading.enumerate())
    done = threading.Event()

    class Step(Noted):
        def run(self):
            done.set()
            return []

    relieving = Relieving([[Step("x", [])]], Ladder([0.5]), OneAtATime(), print)
    for _ in range(2):
        relieving.look(0.9)
    assert done.wait(60)
    relieving.close()
    assert set(threading.enumerate()) <= before


def test_a_turn_is_refused_while_another_has_it_and_after_close():
    single = OneAtATime()
    with single.turn(), pytest.raises(BusyError, match="running already; wait for its event"), single.turn():
        pass
    with single.turn():
        assert not single.close(wait_s=0.01)
        assert single.stopping
        with single.urgent(0.01) as mine:
            assert not mine
    assert single.close()
    with single.urgent(0.01) as mine:
        assert not mine
    with pytest.raises(PerflabError, match="closed"), single.turn():
        pass
