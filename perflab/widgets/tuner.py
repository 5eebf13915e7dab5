"""Every setting by hand, and what it would do.

In: a system, or a config alone. Out: a panel; a config that is applied, saved or written as code.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.config import Config
from perflab.config.write import to_code, to_toml
from perflab.errors import PerflabError
from perflab.present import escape
from perflab.present.page import save
from perflab.system.apply import changes
from perflab.widgets.draft import Draft
from perflab.widgets.fields import Field, Shown, config_fields
from perflab.widgets.form import Form
from perflab.widgets.panel import Panel, button, figure, markup, need_system, row
from perflab.widgets.prediction import Asked, Prediction, memory_tile, tiles
from perflab.widgets.proving import proof_html, prove
from perflab.widgets.redraw import Latest

if TYPE_CHECKING:
    from perflab.system import PerformanceSystem
    from perflab.trace import Trace

__all__ = ["Tuner"]

_OPEN = ("cache targets", "cache")


class Tuner(Panel):
    """Settings as controls, made from the config's schema, beside what the cache would do with them.

    What is not allowed is told beside its control, and the config stays as it was. Nothing goes to the system before
    `Apply`.

    Parameters
    ----------
    system
        What is tuned; without one, a config is edited that can be saved or copied.
    config
        Where to start without a system.
    trace
        What to predict from; by default what the system read so far.

    Raises
    ------
    ConfigError
        If it is given something else than a system.

    Attributes
    ----------
    config : Config
        The settings as the controls show them; where one is not allowed, as it was before.
    """

    def __init__(
        self, system: PerformanceSystem | None = None, config: Config | None = None, *, trace: Trace | None = None
    ) -> None:
        if system is not None:
            need_system(system, "tuner")
        super().__init__("Tuner", "tuner")
        self._system, self._trace = system, trace
        self._in_force = config or Config() if system is None else system.config
        self._draft = Draft(self._in_force)
        self._prediction: Prediction | None = None
        self.form = Form.of(
            config_fields(),
            self._draft.values,
            self._draft.positions,
            self._edited,
            self,
            opened=_OPEN,
            searchable=True,
        )
        self._tiles, self._chart, self._code, self._proof = (markup("") for _ in range(4))
        self._file = Form.of([_FILE], {_FILE.path: "perflab.toml"}, {}, lambda _: None, self)
        self._latest = Latest(self.guarded(self._draw))
        self._proving = Latest(self.guarded(self._replay))
        self._show()
        follow = self.guarded(lambda _: self._follow())
        self._stop = system.on("config_changed", follow) if system is not None else None
        self._latest.want(self._draft.config)

    @property
    def config(self) -> Config:
        """The settings as the controls show them."""
        return self._draft.config

    @property
    def shown(self) -> str:
        """The HTML of what is predicted and proved."""
        return f"{self._tiles.value}{self._chart.value}{self._proof.value}"

    @property
    def code(self) -> str:
        """The HTML of the settings as code, once they were asked for."""
        return str(self._code.value)

    @property
    def file(self) -> str:
        """Where `Save as TOML` writes to."""
        return str(self._file.values[_FILE.path]).strip() or "perflab.toml"

    @file.setter
    def file(self, path: str) -> None:
        self._file.put(_FILE.path, path)

    def settle(self, timeout_s: float) -> bool:
        """Wait until what is predicted, and what is to be proved, is that of the controls; return whether it is."""
        return self._proving.wait(timeout_s) and self._latest.wait(timeout_s)

    def close(self) -> None:
        """End the panel; the system goes on."""
        if self._stop is not None:
            self._stop()
        super().close()

    def _show(self) -> None:
        self._apply_button = button("Apply", self._apply, self, hint="Give the system these settings", is_main=True)
        self._apply_button.disabled = self._system is None
        actions = [
            self._apply_button,
            button("Reset", self._reset, self, hint="Back to the settings in force"),
            button("Prove it (A/B)", self._prove, self, hint="Replay what was read under both settings"),
            button("Save as TOML", self._save, self),
            button("Copy as code", self._copy, self),
            button("Newest trace", self._renew, self, hint="Predict from what was read until now"),
        ]
        beside = row([self._tiles, self._chart, self._proof], "beside")
        self.fill(row([self.form, beside], "columns"), row(actions), self._file, self._code)
        if self._system is None:
            self.say("Without a system nothing can be applied; the settings can be saved and copied.")

    def _edited(self, values: Mapping[str, Shown]) -> None:
        if values == self._draft.values and not self._draft.messages:
            return  # the controls were moved to where the draft is
        self._draft.edit(values)
        self._proof.value = ""  # it was of other settings
        self.form.messages = self._draft.messages
        self.form.positions = self._draft.positions
        self._say_how_many()
        self._latest.want(self._draft.config)

    def _say_how_many(self) -> None:
        changed, wrong = len(changes(self._in_force, self._draft.config)), len(self._draft.messages)
        parts = [f"{changed} setting{'s' * (changed != 1)} differ{'s' * (changed == 1)} from what is in force."]
        parts += [f"{wrong} not allowed, and left as before."] if wrong else []
        self.say(" ".join(parts), is_wrong=wrong > 0)

    def _apply(self) -> None:
        if self._system is None:
            raise PerflabError("There is no system to apply these settings to; make the panel with one: Tuner(system).")
        changed = self._system.apply(self._draft.config)
        self._in_force = self._system.config
        self.say(f"Applied: {', '.join(changed)}." if changed else "These settings are in force already.")

    def _prove(self) -> None:
        if self._system is None:
            raise PerflabError("There is no system whose accesses could be replayed; make the panel with one.")
        self.say("Replaying what was read, under both settings.")
        self._proving.want(self._draft.config)

    def _replay(self, config: Config) -> None:
        assert self._system is not None, "the button looked"
        found = prove(self._system, config)
        self._proof.value = f"<h4>Proof by replay</h4>{proof_html(found, self._system, config)}"
        self.say(f"The replay says: {found.verdict}.")

    def _reset(self) -> None:
        self._put(Draft(self._in_force), "Every control shows what is in force.")

    def _put(self, draft: Draft, said: str) -> None:
        self._draft = draft
        self.form.messages, self._proof.value = {}, ""
        self.say(said)  # before what may fail and then has the last word
        self.form.show(self._draft.values, self._draft.positions)
        self._latest.want(draft.config)

    def _follow(self) -> None:
        """Move the controls to what is in force, as somebody changed that in code; what is not applied yet stays."""
        if self._system is None or self._system.config == self._in_force:
            return
        before, self._in_force = self._in_force, self._system.config
        if self._in_force == self._draft.config:
            self._say_how_many()
            return
        draft = self._draft.moved(before, self._in_force)
        left = len(changes(self._in_force, draft.config))
        edits = f", with {left} edit{'s' * (left != 1)} of yours on top" if left else ""
        self._put(draft, f"The system's config was changed; the controls show it{edits}.")

    def _save(self) -> None:
        path = Path(self.file)
        is_new = not path.exists()
        save(path, to_toml(self._draft.config))
        self.say(f"{'Saved' if is_new else 'Replaced'} {path}; Config.load({str(path)!r}) reads it.")

    def _copy(self) -> None:
        code = to_code(self._draft.config)
        self.form.copy_text(code)
        self._code.value = f'<pre tabindex="0" aria-label="The settings as code">{escape.html_lines(code)}</pre>'
        self.say("The code is on the clipboard, if the browser allows it, and below.")

    def _renew(self) -> None:
        self._prediction = None
        self.say("Predicting from what was read until now.")
        self._latest.want(self._draft.config)

    def _draw(self, config: Config) -> None:
        with self.telling():
            self._tiles.value, self._chart.value = self._drawn(config)

    def _drawn(self, config: Config) -> tuple[str, str]:
        memory = memory_tile(config.l1_bytes + config.l2_bytes, config.cache_targets.max_memory_bytes)
        found = self._predicted()
        if found is None or found.is_empty:
            said = "Nothing was read yet, so that nothing can be predicted; run some work and press Newest trace."
            return tiles([memory], "What these settings mean"), f'<p class="note">{said}</p>'
        asked = Asked(config.cache.l1_policy, config.l1_bytes, config.cache_targets.hit_rate)
        chart = figure(found.chart(asked))
        made = [*found.tiles(asked), memory]
        note = f'<p class="note">{escape.html(found.note)}</p>' if found.note else ""
        return tiles(made, "What these settings mean"), f"<h4>The memory tier l1 over what was read</h4>{chart}{note}"

    def _predicted(self) -> Prediction | None:
        if self._prediction is None and self._trace is not None:
            self._prediction = Prediction(self._trace)
        elif self._prediction is None and self._system is not None:
            self._prediction = Prediction.of_frames(self._system)
        return self._prediction


_FILE = Field("file", "", "file", "", "where Save as TOML writes to", "text")
