from __future__ import annotations

from pathlib import Path

import pytest
from panels import SMALL, read, reading, said, words

from perflab import Config, PerformanceSystem
from perflab.widgets import Tuner


def press(tuner: Tuner, name: str) -> None:
    buttons = [part for box in tuner.widget.children if hasattr(box, "children") for part in box.children]
    next(part for part in buttons if getattr(part, "description", None) == name).click()


def test_a_setting_is_predicted_and_goes_to_the_system_when_applied() -> None:
    with reading() as system:
        tuner = Tuner(system)
        tuner.form.put("cache.l1_bytes", "20 kB")
        assert tuner.settle(30)
        assert "predicted hit rate" in words(tuner.shown)
        assert "<svg" in tuner.shown
        assert system.config == SMALL
        assert said(tuner) == "1 setting differs from what is in force."
        press(tuner, "Apply")
        assert system.config.l1_bytes == 20_000
        assert system.cache.l1.max_bytes == 20_000
        assert said(tuner) == "Applied: cache.l1_bytes."


def test_the_prediction_is_that_of_a_what_if() -> None:
    with reading() as system:
        tuner = Tuner(system)
        tuner.form.put("cache.l1_bytes", "20 kB")
        assert tuner.settle(30)
        from perflab import whatif

        rate = whatif(system.trace()).hit_rate("lru", 20_000)
        assert f"{rate * 100:.1f} %" in tuner.shown


def test_what_is_not_allowed_is_told_beside_the_field_and_nowhere_taken() -> None:
    with reading() as system:
        tuner = Tuner(system)
        tuner.form.put("cache_targets.hit_rate", "1.7")
        assert "allowed: less than or equal to 1" in tuner.form.messages["cache_targets.hit_rate"]
        assert tuner.config == system.config == SMALL
        assert "not allowed" in said(tuner)
        press(tuner, "Apply")
        assert system.config == SMALL
        press(tuner, "Reset")
        assert tuner.form.messages == {}
        assert tuner.form.values["cache_targets.hit_rate"] == "0.9"


def test_a_change_in_code_moves_the_controls() -> None:
    with reading() as system:
        tuner = Tuner(system)
        system.config = system.config.replace(cache={"l1_policy": "sieve", "l1_bytes": "40 kB"})
        assert tuner.form.values["cache.l1_policy"] == "sieve"
        assert tuner.form.values["cache.l1_bytes"] == "40 kB"
        assert tuner.config == system.config
        tuner.close()
        system.config = system.config.replace(cache={"l1_policy": "lru"})
        assert tuner.config.cache.l1_policy == "sieve"


def test_reset_goes_back_to_what_is_in_force_also_if_code_put_the_draft_in_force() -> None:
    with reading() as system:
        tuner = Tuner(system)
        tuner.form.put("cache.l1_bytes", "20 kB")
        system.config = tuner.config
        assert said(tuner) == "0 settings differ from what is in force."
        tuner._reset()
        assert tuner.config == system.config
        assert tuner.form.values["cache.l1_bytes"] == "20 kB"


def test_a_change_in_code_leaves_the_hands_own_edits_on_top() -> None:
    with reading() as system:
        tuner = Tuner(system)
        tuner.form.put("benchmark.pairs", "9")
        tuner.form.put("cache.l1_bytes", "40 kB")  # code has the last word on this one
        system.config = system.config.replace(cache={"l1_bytes": "20 kB"})
        assert said(tuner).endswith("the controls show it, with 1 edit of yours on top.")
        assert tuner.config == system.config.replace(benchmark={"pairs": 9})
        assert (tuner.form.values["benchmark.pairs"], tuner.form.values["cache.l1_bytes"]) == ("9", "20 kB")
        tuner._reset()
        assert tuner.config == system.config


def test_a_setting_that_only_a_new_system_can_have_is_told() -> None:
    with reading() as system:
        tuner = Tuner(system)
        tuner.form.put("parallel.kind", "threads")
        press(tuner, "Apply")
        assert "make a new system" in said(tuner)
        assert system.config == SMALL


def test_settings_are_saved_and_written_as_code(tmp_path: Path) -> None:
    tuner = Tuner(config=SMALL)
    tuner.form.put("cache.l1_policy", "gdsf")
    tuner.file = str(tmp_path / "mine.toml")
    press(tuner, "Save as TOML")
    assert Config.load(tmp_path / "mine.toml", environ={}) == tuner.config
    press(tuner, "Copy as code")
    from perflab.config.write import to_code

    assert eval(to_code(tuner.config), {"Config": Config}) == tuner.config  # noqa: S307
    assert "gdsf" in tuner.code


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    tuner = Tuner()
    tuner.file = str(tmp_path)
    press(tuner, "Save as TOML")
    assert "it is a folder" in said(tuner)


def test_without_a_system_nothing_can_be_applied() -> None:
    tuner = Tuner()
    assert "Without a system" in said(tuner)
    assert tuner.settle(10)
    assert "nothing can be predicted" in tuner.shown


def test_a_closed_system_is_told() -> None:
    with reading() as system:
        tuner = Tuner(system)
    tuner.form.put("cache.l1_bytes", "20 kB")
    press(tuner, "Apply")
    assert "This system is closed" in said(tuner)


def test_an_empty_system_can_be_asked_again() -> None:
    with PerformanceSystem(SMALL) as system:
        tuner = Tuner(system)
        assert tuner.settle(10)
        assert "nothing can be predicted" in tuner.shown
        read(system)
        press(tuner, "Newest trace")
        assert tuner.settle(30)
        assert "predicted hit rate" in tuner.shown


def test_an_error_in_a_callback_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    tuner = Tuner()

    def broken(*_: object) -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr("perflab.widgets.tuner.to_toml", broken)
    press(tuner, "Save as TOML")
    assert said(tuner) == "✗ RuntimeError: first line"


def test_a_better_setting_is_proved_by_replay_and_a_worse_one_refuted() -> None:
    with PerformanceSystem(SMALL) as system:
        read(system, 2_000, load_s=0.002)  # a stall of the machine must not outweigh all loads
        tuner = Tuner(system)
        for size, verdict in (("2 kB", "refuted"), ("120 kB", "confirmed")):
            tuner.form.put("cache.l1_bytes", size)
            press(tuner, "Prove it (A/B)")
            assert tuner.settle(120)
            assert said(tuner) == f"The replay says: {verdict}."
            assert verdict in words(tuner.shown)
        tuner.form.put("cache.l1_bytes", "30 kB")
        assert "Proof" not in tuner.shown


def test_what_no_replay_can_prove_is_told() -> None:
    with reading() as system:
        tuner = Tuner(system)
        tuner.form.put("benchmark.pairs", "12")
        press(tuner, "Prove it (A/B)")
        assert tuner.settle(60)
        assert "are those in force; change one of them" in said(tuner)
    empty = Tuner()
    press(empty, "Prove it (A/B)")
    assert "There is no system" in said(empty)
