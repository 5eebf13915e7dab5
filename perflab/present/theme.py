"""How every figure and page looks: one palette that colour-blind readers can tell apart, in light and in dark.

In: a matplotlib Figure, or nothing. Out: deterministic SVG text whose colours follow the page, and the page's colours.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from perflab.inert import lines
from perflab.present import escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DARK", "LIGHT", "VERDICTS", "Palette", "style", "stylesheet", "svg"]

# Verdana is drawn as wide as DejaVu and most systems have one of the two; any other face is narrower, so text
# that fits here fits everywhere. Text stays text: it can be searched, read aloud and weighs a tenth of outlines.
_FONTS = ["DejaVu Sans", "Verdana", "sans-serif"]

#: verdict -> (mark, name of the palette's colour). The mark carries the meaning, the colour only repeats it.
VERDICTS = {
    "pass": ("✓", "good"),
    "fail": ("✗", "bad"),
    "unclear": ("?", "unsure"),
    "unavailable": ("–", "absent"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Palette:
    """Colours by the role they play, as `#rrggbb`. No two roles share a value: the SVG writer tells them apart by it.

    Text colours (`ink` to `absent`, without `grid` and `zone`) have a contrast of at least 4.5 on `surface` and `zone`.
    Source of the hues: M. Okabe and K. Ito, "Color Universal Design", 2008, darkened or lightened to that contrast.
    """

    surface: str
    zone: str
    grid: str
    ink: str
    muted: str
    good: str
    bad: str
    unsure: str
    absent: str
    baseline: str
    optimized: str
    third: str
    l1: str
    l2: str
    l3: str

    def color(self, role: str) -> str:
        """Return the colour of a role by its name."""
        return str(getattr(self, role))


LIGHT = Palette(
    surface="#ffffff",
    zone="#e6edf2",
    grid="#d5dce3",
    ink="#1a2027",
    muted="#56606b",
    good="#006b56",
    bad="#b0340a",
    unsure="#74489e",
    absent="#5c656f",
    baseline="#a34f00",
    optimized="#005ea6",
    third="#7b3f7a",
    l1="#0a3566",
    l2="#2a74b5",
    l3="#66a9d8",
)
DARK = Palette(
    surface="#12171d",
    zone="#202932",
    grid="#35404b",
    ink="#e9edf1",
    muted="#a7b1bc",
    good="#4ecfa9",
    bad="#ff9166",
    unsure="#cfa6f2",
    absent="#a1abb6",
    baseline="#f0a64f",
    optimized="#6ab7f7",
    third="#e29ad9",
    l1="#2b6ca6",
    l2="#5a9fd8",
    l3="#a6cbea",
)


def stylesheet() -> str:
    """Return the CSS that gives the figures' colours to a page, by the reader's scheme or JupyterLab's theme."""
    light, dark = _declarations(LIGHT), _declarations(DARK)
    return (
        f":root,[data-jp-theme-light=true]{{{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"[data-jp-theme-light=false]{{{dark}}}"
    )


@contextmanager
def style(palette: Palette = LIGHT) -> Iterator[None]:
    """Apply fonts, sizes and colours to what is drawn inside; matplotlib's settings are as before on leaving.

    One thread draws at a time: the settings are those of the whole process.
    """
    import matplotlib as mpl

    # The figure's own settings must not be mixed with those of the notebook it is drawn in.
    with _turn, mpl.rc_context({**_defaults(), **_settings(palette)}), warnings.catch_warnings():
        # A letter that DejaVu lacks is measured as a box; the reader's browser shows it from another font.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        yield


def _settings(palette: Palette) -> dict[Any, Any]:
    return {
        "font.family": "sans-serif",
        "font.sans-serif": _FONTS,
        "font.size": 9.0,
        "text.color": palette.ink,
        "text.parse_math": False,  # a key may hold a dollar sign
        "axes.edgecolor": palette.grid,
        "axes.facecolor": palette.surface,
        "axes.labelcolor": palette.muted,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.unicode_minus": True,
        "figure.facecolor": palette.surface,
        "grid.color": palette.grid,
        "grid.linewidth": 0.6,
        "hatch.linewidth": 0.8,
        "path.simplify": True,
        "savefig.facecolor": "auto",
        "svg.fonttype": "none",
        "svg.hashsalt": "perflab",
        "svg.image_inline": True,
        "xtick.color": palette.grid,
        "ytick.color": palette.grid,
        "xtick.labelcolor": palette.muted,
        "ytick.labelcolor": palette.muted,
    }


def _renew() -> None:
    global _turn
    _turn = threading.RLock()


_turn = threading.RLock()
os.register_at_fork(after_in_child=_renew)  # the thread that drew is the parent's


def svg(figure: Figure, label: str, *, palette: Palette = LIGHT) -> str:
    """Return a figure as one `<svg>` element for a page or a file.

    The bytes are the same in every process. Colours are CSS variables (`stylesheet` sets them) with the figure's own
    colours as their fallback. Identifiers start with a digest of the figure, so that many can share a page.

    Parameters
    ----------
    figure
        A figure made with `palette`.
    label
        What the figure shows, in a sentence, for readers who do not see it.
    """
    buffer = io.StringIO()
    nothing: dict[str, None] = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with style(palette):
        figure.savefig(buffer, format="svg", metadata=nothing)
    # matplotlib writes a text as it is, also where a tick or a legend names what somebody recorded.
    return _named(_themed(_slim(lines(buffer.getvalue())), palette), label)


def _defaults() -> dict[Any, Any]:
    import matplotlib as mpl

    names = (
        "axes.",
        "figure.",
        "font.",
        "grid.",
        "hatch.",
        "legend.",
        "lines.",
        "patch.",
        "path.",
        "text.",
        "xtick.",
        "ytick.",
    )
    return {key: value for key, value in mpl.rcParamsDefault.items() if key.startswith(names)}


def _declarations(palette: Palette) -> str:
    return "".join(f"--perflab-{role}:{color};" for role, color in dataclasses.asdict(palette).items())


def _slim(text: str) -> str:
    """Drop what a page does not need: prolog, metadata, the rule for `*`, unused ids, fonts a line, long decimals."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    # Ids are short and numbered: they are told many times, and matplotlib's are digests of their own.
    short = {
        name: f"{number:x}"
        for number, name in enumerate(dict.fromkeys(re.findall(r' id="([^"]*)"', text)))
        if name in used
    }
    text = re.sub(r' id="([^"]*)"', lambda match: f' id="{short[match[1]]}"' if match[1] in used else "", text)
    text = re.sub(r'(href="#|url\(#)([^")]+)', lambda match: f"{match[1]}{short[match[2]]}", text)
    text = text.replace("xlink:href", "href").replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")
    text = re.sub(r" font-family: [^;\"]*;?| transform=\"rotate\(-?0 [^\"]*\"", "", text)
    text = re.sub(r' (?:d|x|y|transform)="[^"]*"', _rounded, text)
    text = re.sub(r">\s*\n\s*<", "><", text)
    text = re.sub(r"<defs></defs>|<g/>|(?<=>)\s+(?=<)", "", text)
    return _flat(re.sub(r"<g([^>]*)>((?:<use [^>]*/>)+)</g>", _hoisted, text)).strip()


def _flat(text: str) -> str:
    """Drop groups without attributes, from the innermost outwards."""
    plain = re.compile(r"<g>((?:(?!</?g[ >]).)*)</g>", re.DOTALL)
    while True:
        text, dropped = plain.subn(r"\1", text)
        if not dropped:
            return text


def _rounded(attribute: re.Match[str]) -> str:
    text = re.sub(r"\s*\n\s*|\s+(?=\")", " ", attribute[0]).replace(' "', '"')
    return re.sub(r"-?\d+\.\d+", _short, text)


def _short(number: re.Match[str]) -> str:
    # A place on the page needs a tenth of a point, the outline of a small marker a hundredth.
    value = float(number[0])
    return f"{value:.{1 if abs(value) >= 10 else 2}f}".rstrip("0").rstrip(".")


def _hoisted(group: re.Match[str]) -> str:
    """Give a run of equal markers its style once."""
    styles = set(re.findall(r' style="[^"]*"', group[2]))
    if len(styles) != 1 or " style=" in group[1]:
        return group[0]
    style = styles.pop()
    return f"<g{group[1]}{style}>{group[2].replace(style, '')}</g>"


def _themed(text: str, palette: Palette) -> str:
    for role, color in dataclasses.asdict(palette).items():
        text = re.sub(rf"((?:fill|stroke): ){color}", rf"\1var(--perflab-{role},{color})", text)
    return text


def _named(text: str, label: str) -> str:
    name = escape.html(label)
    text = re.sub(r' style="[^"]*"', lambda match: re.sub(r"([:;]) ", r"\1", match[0]), text)
    # What most text has stands once, on the whole; text begins where it is put unless it says otherwise.
    text = re.sub(r"(?<=[;\"])(?:font-size:9px|text-anchor:start);", "", text)
    prefix = f"p{hashlib.sha256((name + text).encode()).hexdigest()[:10]}-"
    text = re.sub(r'( id="|href="#|url\(#)', rf"\1{prefix}", text)
    opening, body = text.split(">", 1)
    face = 'font-family="DejaVu Sans,Verdana,sans-serif" font-size="9px" stroke-linejoin="round" stroke-linecap="butt"'
    return f'{opening} role="img" aria-label="{name}" {face}><title>{name}</title>{body}\n'
