"""The parallel map: order, bounds, errors, nesting, and nothing left behind."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor

import psutil
import pytest

from perflab.errors import ConfigError, PerflabError
from perflab.parallel import Ready, Workers
from perflab.parallel.cluster import connect

SMALL = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": "127.0.0.1:0"}


class UnpicklableError(Exception):
    """Its constructor refuses its own args, as many libraries' exceptions do."""

    def __init__(self, code, detail):
        super().__init__(f"{code}: {detail}")


def child_processes():
    return set(psutil.Process().children(recursive=True))


@pytest.fixture(params=["inline", "threads", "processes", "executor"])
def workers(request):
    if request.param == "executor":
        with ThreadPoolExecutor(2) as pool, Workers.over(pool, workers=2) as made:
            yield made
        return
    kind = "processes" if request.param == "processes" else "threads"
    with Workers(1 if request.param == "inline" else 2, kind, in_flight=3) as made:
        yield made


@pytest.fixture(scope="module")
def processes():
    with Workers(2, "processes", in_flight=4) as made:
        yield made


def test_results_come_in_order_for_every_kind(workers):
    offset = 100
    assert list(workers.map(lambda x: x + offset, range(50))) == list(range(100, 150))


def test_weighted_items_come_in_order_for_every_kind(workers):
    assert list(workers.map(str, range(300), weight=lambda _: 1)) == [str(x) for x in range(300)]


def test_ready_values_take_their_place_without_a_worker(workers):
    items = [Ready(f"{x}") if x % 3 else x for x in range(40)] + [Ready("last")]
    expected = [f"{x}" if x % 3 else x + 100 for x in range(40)] + ["last"]
    assert list(workers.map(lambda x: x + 100, items, weight=lambda _: 1)) == expected
    assert list(workers.map(lambda x: x + 100, items)) == expected


def test_ready_values_before_an_error_are_yielded(workers):
    seen = []
    with pytest.raises(ZeroDivisionError) as caught:
        collect(workers.map(lambda x: 1 // x, [Ready("a"), 1, Ready("b"), 0, Ready("c"), 1]), seen)
    assert seen == ["a", 1, "b"]
    assert any("item 1" in note for note in caught.value.__notes__)


def test_an_error_is_raised_as_it_was_after_the_results_before_it(workers):
    def invert(x):
        return 1 // x

    seen = []
    with pytest.raises(ZeroDivisionError) as caught:
        collect(workers.map(invert, [1, 1, 1, 0, 1], weight=lambda _: 1), seen)
    assert seen == [1, 1, 1]
    assert any("item 3" in note for note in caught.value.__notes__)


def collect(results, into):
    for result in results:
        into.append(result)


def test_submit_gives_the_result_or_the_error(workers):
    assert workers.submit(divmod, 7, 2).result(timeout=60) == (3, 1)
    with pytest.raises(ValueError, match="invalid literal"):
        workers.submit(int, "x").result(timeout=60)


def test_nested_use_runs_inline(workers):
    def outer(x):
        return list(workers.map(lambda y: (y * x, os.getpid()), range(3)))

    for x, rows in enumerate(workers.map(outer, range(4))):
        assert [value for value, _ in rows] == [0, x, 2 * x]
        assert len({pid for _, pid in rows}) == 1


def test_no_more_than_in_flight_batches_are_handed_out():
    read = []

    def items():
        for x in range(100):
            read.append(x)
            yield x

    gate = threading.Event()
    with Workers(2, "threads", in_flight=3) as workers:
        results = workers.map(lambda x: gate.wait(60) and x, items())
        gate.set()
        assert next(results) == 0
        assert len(read) <= 3 + 2
        assert list(results) == list(range(1, 100))


def test_endless_items_can_be_abandoned():
    import itertools

    with Workers(2, "threads") as workers:
        results = workers.map(lambda x: x * x, itertools.count())
        assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
        results.close()


def test_an_unpicklable_error_comes_home_named_and_the_pool_lives(processes):
    def fail(_):
        raise UnpicklableError(7, "no")

    with pytest.raises(PerflabError, match="UnpicklableError: 7: no") as caught:
        list(processes.map(fail, [1]))
    assert any("Traceback" in note for note in caught.value.__notes__)
    assert list(processes.map(abs, [-1])) == [1]


def test_an_error_from_a_process_carries_its_traceback(processes):
    def named_in_the_traceback(x):
        raise KeyError(x)

    with pytest.raises(KeyError) as caught:
        list(processes.map(named_in_the_traceback, ["k"]))
    assert any("named_in_the_traceback" in note for note in caught.value.__notes__)


def test_a_killed_worker_is_an_error_and_the_next_use_starts_afresh(processes):
    with pytest.raises(Exception, match="terminated") as caught:
        list(processes.map(lambda _: os.kill(os.getpid(), 9), [1]))
    assert any("items 0 to 0" in note for note in caught.value.__notes__)
    assert list(processes.map(abs, [-2])) == [2]


def kill_worker(workers):
    """Kill a worker by a call that is submitted, and wait until that is known."""
    killed = workers.submit(lambda: os.kill(os.getpid(), 9))
    assert isinstance(killed.exception(timeout=60), BrokenExecutor)


def test_submit_and_map_start_afresh_after_a_call_killed_its_worker():
    before = child_processes()
    with Workers(2, "processes") as workers:
        for _ in range(2):
            kill_worker(workers)
            assert workers.submit(abs, -1).result(timeout=60) == 1
        kill_worker(workers)
        assert list(workers.map(abs, [-2])) == [2]
        assert workers.rest()
        kill_worker(workers)
    assert child_processes() <= before


def test_calls_that_went_with_a_killed_worker_fail_and_the_next_is_answered():
    with Workers(2, "processes") as workers:
        victim = workers.submit(os.getpid).result(timeout=60)
        others = [workers.submit(_sleep_long) for _ in range(3)]
        os.kill(victim, 9)
        assert all(isinstance(future.exception(timeout=60), BrokenExecutor) for future in others)
        assert workers.submit(abs, -1).result(timeout=60) == 1


def test_a_broken_executor_of_the_caller_stays_the_callers():
    with ProcessPoolExecutor(1) as executor, Workers.over(executor, workers=2) as workers:
        killed = workers.submit(os._exit, 1)
        assert isinstance(killed.exception(timeout=60), BrokenExecutor)
        with pytest.raises(BrokenExecutor):
            workers.submit(abs, -1)
        with pytest.raises(BrokenExecutor):
            list(workers.map(abs, [-1]))


def test_work_happens_in_other_processes_and_their_peak_is_measured():
    with Workers(2, "processes") as workers:
        assert workers.peak_bytes() is None
        pids = set(workers.map(lambda _: os.getpid(), range(4)))
        assert os.getpid() not in pids
        open_peak = workers.peak_bytes()
    assert open_peak is not None
    assert workers.peak_bytes() >= open_peak > 2 * 1_000_000


def test_cheap_items_are_computed_by_the_caller_once_that_is_known():
    items = [bytes(100_000)] * 400
    with Workers(2, "processes") as workers:
        pids = list(workers.map(lambda _: os.getpid(), items, weight=len))
        slow = set(workers.map(lambda _: time.sleep(0.002) or os.getpid(), items[:100], weight=len))
    assert os.getpid() not in pids[:10]
    assert pids[-1] == os.getpid()
    assert os.getpid() not in slow


def test_an_error_of_an_item_that_the_caller_computes_is_named(processes):
    items = [bytes(100_000)] * 200 + [b"x"]
    with pytest.raises(ZeroDivisionError) as caught:
        list(processes.map(lambda item: 1 // len(item.strip(b"x")), items, weight=len))
    assert any("item 200 " in note for note in caught.value.__notes__)


def test_threads_have_no_peak_of_their_own():
    with Workers(2, "threads") as workers:
        list(workers.map(abs, [1]))
        assert workers.peak_bytes() is None
    assert workers.peak_bytes() is None


@pytest.mark.parametrize("cancel", [False, True])
def test_nothing_is_left_after_close(cancel):
    before, threads = child_processes(), set(threading.enumerate())
    workers = Workers(2, "processes")
    assert child_processes() <= before
    list(workers.map(abs, range(8)))
    assert len(child_processes() - before) == 2
    workers.close(cancel=cancel)
    workers.close(cancel=cancel)
    assert child_processes() <= before
    assert set(threading.enumerate()) <= threads


def test_no_thread_is_left_after_close():
    threads = set(threading.enumerate())
    with Workers(3, "threads") as workers:
        list(workers.map(abs, range(8)))
    assert set(threading.enumerate()) <= threads


def test_cancel_ends_a_worker_that_would_run_for_long():
    workers = Workers(2, "processes")
    before = child_processes()
    started = workers.submit(os.getpid)
    started.result(timeout=60)
    future = workers.submit(_sleep_long)
    workers.close(cancel=True)
    assert future.done()
    assert child_processes() <= before


def _sleep_long():

    time.sleep(600)


def _noted(item):
    folder, number = item
    (folder / f"{number}-{os.getpid()}-{time.monotonic_ns()}").touch()
    time.sleep(0.01)
    return number


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_another_number_of_workers_breaks_no_work_and_does_none_twice(kind, tmp_path):
    threads, processes = set(threading.enumerate()), child_processes()
    with Workers(3, kind) as workers:
        running = workers.map(_noted, ((tmp_path, number) for number in range(60)))
        done = [next(running) for _ in range(5)]
        for count in (1, 2, 3, 1):
            workers.resize(count)
            done += [next(running) for _ in range(8)]
        done += list(running)
    assert done == list(range(60))
    assert sorted(int(path.name.split("-")[0]) for path in tmp_path.iterdir()) == list(range(60))
    assert set(threading.enumerate()) <= threads
    assert child_processes() <= processes


def test_a_map_that_is_under_way_goes_on_with_the_workers_that_there_are_now():
    at_once, most, lock = [0], [0], threading.Lock()

    def work(_):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.005)
        with lock:
            at_once[0] -= 1

    with Workers(4, "threads") as workers:
        running = workers.map(work, range(200))
        for _ in range(50):
            next(running)
        assert most[0] > 2
        workers.resize(2)
        for _ in range(50):  # what was handed out before is finished by those who have it
            next(running)
        most[0] = 0
        list(running)
    assert 1 <= most[0] <= 2


def test_fewer_workers_give_their_memory_back():
    with Workers(3, "processes") as workers:
        assert list(workers.map(str, range(9))) == list(map(str, range(9)))
        before = len(child_processes())
        workers.resize(1)
        gone = time.monotonic() + 30
        while len(child_processes()) > before - 3 and time.monotonic() < gone:
            time.sleep(0.01)
        assert len(child_processes()) <= before - 3
        assert list(workers.map(str, range(9))) == list(map(str, range(9)))


def test_a_call_under_way_ends_in_the_pool_that_has_it():
    before, gate = set(threading.enumerate()), threading.Event()
    with Workers(2, "threads") as workers:
        future = workers.submit(gate.wait, 60)
        workers.resize(3)
        assert workers.submit(abs, -1).result() == 1
        assert not future.done()
        gate.set()
        assert future.result()
    assert set(threading.enumerate()) <= before
    with pytest.raises(ValueError, match="workers is 0"):
        workers.resize(0)


def test_cancelling_ends_retired_workers_too():
    before = child_processes()
    workers = Workers(2)
    workers.submit(os.getpid).result(timeout=60)
    future = workers.submit(_sleep_long)
    workers.resize(1)
    workers.close(cancel=True)
    assert future.done()
    assert child_processes() <= before


def test_a_callers_executor_keeps_its_workers():
    with ThreadPoolExecutor(2) as pool, Workers.over(pool, workers=2) as workers:
        workers.resize(1)
        assert list(workers.map(abs, [-1, -2])) == [1, 2]
        assert pool.submit(abs, -4).result() == 4


def test_an_executor_of_the_caller_is_not_shut_down():
    with ThreadPoolExecutor(1) as pool:
        with Workers.over(pool, workers=2) as workers:
            assert list(workers.map(abs, [-3])) == [3]
        assert pool.submit(abs, -4).result() == 4


def test_closed_workers_refuse():
    workers = Workers(1)
    workers.close()
    with pytest.raises(PerflabError, match="closed"):
        workers.map(abs, [1])
    with pytest.raises(PerflabError, match="closed"):
        workers.submit(abs, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workers": 0}, "workers is 0"),
        ({"workers": 2, "in_flight": 0}, "in_flight is 0"),
        ({"workers": 2, "kind": "fibres"}, "fibres"),
    ],
)
def test_absurd_settings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Workers(**arguments)


def test_a_dask_cluster_gives_the_same_results() -> None:
    import distributed

    with (
        distributed.LocalCluster(**SMALL) as cluster,
        distributed.Client(cluster) as client,
        Workers.over(client.get_executor(), workers=2) as workers,
    ):
        assert list(workers.map(abs, range(-20, 0), weight=lambda _: 1)) == list(range(20, 0, -1))


def most_at_once(workers, others):
    """Return how many calls ran at once, of those that two threads make through workers that share permits."""
    running, most, lock = 0, 0, threading.Lock()

    def work(_):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.005)
        with lock:
            running -= 1

    threads = [threading.Thread(target=lambda w=w: list(w.map(work, range(12)))) for w in (workers, others, others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return most


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_permits_bound_what_runs_in_pools_and_callers_together(limit):
    permits = threading.Semaphore(limit)
    with Workers(4, "threads", permits=permits) as pool, Workers(1, permits=permits) as inline:
        assert 1 <= most_at_once(pool, inline) <= limit
    assert permits._value == limit


def test_permits_come_back_after_errors_and_abandoned_maps():
    permits = threading.Semaphore(2)
    with Workers(2, "threads", permits=permits) as workers:
        with pytest.raises(ZeroDivisionError):
            list(workers.map(lambda x: 1 // x, [1, 0, 1, 1]))
        results = workers.map(abs, range(1000))
        assert next(results) == 0
        results.close()
    assert permits._value == 2


def test_nested_maps_with_one_permit_do_not_wait_for_themselves():
    permits = threading.Semaphore(1)
    with Workers(1, permits=permits) as inline, Workers(2, "threads", permits=permits) as pool:
        assert list(inline.map(lambda x: sum(pool.map(abs, range(x))), range(5))) == [0, 0, 1, 3, 6]
        assert list(pool.map(lambda x: sum(inline.map(abs, range(x))), range(5))) == [0, 0, 1, 3, 6]


@pytest.fixture(scope="module")
def scheduler():
    import distributed

    with distributed.LocalCluster(**SMALL) as cluster:
        yield cluster.scheduler_address


def test_an_address_is_enough_for_a_cluster(scheduler):
    with Workers(2, scheduler=scheduler) as workers:
        assert list(workers.map(abs, range(-20, 0), weight=lambda _: 1)) == list(range(20, 0, -1))
        assert workers.submit(divmod, 7, 2).result(timeout=60) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            list(workers.map(lambda x: 1 // x, [0]))


def test_equal_calls_on_a_cluster_are_separate_calls(scheduler):
    with Workers(2, scheduler=scheduler) as workers:
        assert len(set(workers.map(lambda _: os.urandom(8), [7, 7, 7]))) == 3


def test_nobody_at_the_address_is_an_error_that_names_it():
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:9"):
        connect("tcp://127.0.0.1:9", timeout_s=0.2)
