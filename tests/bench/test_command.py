"""Shell commands as arms, and two things of the user's own as a pair."""

from __future__ import annotations

import hashlib
import os

import pytest

from perflab.bench import Arm, Command, run
from perflab.bench.command import execute
from perflab.bench.pair import pair_of
from perflab.bench.words import LastWords
from perflab.errors import BenchmarkError
from perflab.record import Recorder


def test_the_digest_is_of_the_output_alone():
    assert execute("printf abc; echo aside >&2").digest == hashlib.blake2b(b"abc", digest_size=16).hexdigest()


def test_a_command_that_fails_says_how():
    with pytest.raises(BenchmarkError, match="'echo oh no >&2; exit 3' ended with status 3, last words: oh no"):
        execute("echo oh no >&2; exit 3")


@pytest.mark.parametrize("line", ["", "  ", "a\0b"])
def test_what_is_no_command_line_is_refused(line):
    with pytest.raises(BenchmarkError, match="cannot be run"):
        Command(line)


def test_a_long_output_is_hashed_and_not_held():
    assert execute("head -c 30000000 /dev/zero; head -c 30000000 /dev/zero >&2").digest is not None


def test_the_last_words_are_the_last_of_many():
    read, write = os.pipe()
    words = LastWords(read)
    for number in range(2000):
        os.write(write, f"line {number}\n".encode())
    os.close(write)
    assert words.line() == "line 1999"


def test_a_pair_has_the_options_that_are_asked_for():
    name, (baseline, optimized) = pair_of("json:dumps", len, setup="os:getcwd", state="warm", collects_garbage=True)
    assert name == "len"
    assert (baseline.name, optimized.name) == ("baseline", "optimized")
    assert baseline.setup == optimized.setup == "os:getcwd"
    assert baseline.collects_garbage
    assert optimized.collects_garbage
    assert {baseline.state, optimized.state} == {"warm"}


def test_an_arm_of_the_users_own_keeps_its_arguments():
    own = Arm("mine", "json:dumps", {"obj": 1}, clock="wall")
    _, (baseline, _) = pair_of(own, "json:dumps")
    assert (baseline.name, baseline.arguments, baseline.clock) == ("baseline", {"obj": 1}, "wall")


def test_commands_are_judged_by_the_wall_and_their_output_is_compared():
    name, arms = pair_of(Command("echo a"), Command("printf 'a\\n'"))
    recorder = Recorder()
    found = run(name, arms, pairs=2, recorder=recorder, isolated=False, extend=False).comparisons[0]
    assert (found.arm.clock, found.outputs) == ("wall", "equal")
    assert set(recorder.frames.samples["clock"]) == {"wall"}
    with pytest.raises(BenchmarkError, match="gives another output"):
        run(name, pair_of(Command("echo a"), Command("echo b"))[1], pairs=2, isolated=False)
