"""Charts as SVG: horizontal bars in groups, readable in light and dark, without a library.

A chart that is shown through `<img>` sees no style sheet of its page, so it carries its own and
asks the reader's system for light or dark. Every bar has its figure as text beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

# Pixels. A bar's label stands left of it, its figure right of it.
WIDTH, LABEL, VALUE = 760, 230, 150
BAR, GAP, GROUP_GAP, HEAD, FOOT = 20, 8, 30, 64, 34
# A figure is at most this wide.
TEXT = 84
# A small value still shows.
BAR_LEAST = 2

STYLE = """
text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#24292f}
.t{font-size:17px;font-weight:600}.s,.b{fill:#57606a;font-size:12px}.g{font-weight:600}
.bg{fill:#fff}.o{fill:#0969da}.p{fill:#afb8c1}
.l{stroke:#cf222e;stroke-width:1.5;stroke-dasharray:4 3}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.s,.b{fill:#9198a1}.bg{fill:#0d1117}
.o{fill:#4493f8}.p{fill:#656c76}.l{stroke:#f85149}}
"""


@dataclass(frozen=True)
class Bar:
    """`ours` bars have their own colour; `limit` draws the budget as a dashed line."""

    label: str
    value: float
    text: str
    ours: bool = False
    limit: float | None = None


@dataclass(frozen=True)
class Group:
    title: str
    bars: Sequence[Bar]


def bar_chart(title: str, subtitle: str, groups: Sequence[Group], *, log: bool = False) -> str:
    """An SVG document. `log`: a logarithmic scale, said in the subtitle, for what spans decades."""
    most = max([max(b.value, b.limit or 0) for g in groups for b in g.bars], default=1) or 1
    scale = _Scale(
        most, min([b.value for g in groups for b in g.bars if b.value > 0], default=1), log
    )
    parts: list[str] = []
    y = HEAD
    for group in groups:
        if group.title:
            parts.append(_text(16, y + 13, group.title, "g"))
            y += BAR + 4
        for bar in group.bars:
            parts += _bar(bar, y, scale)
            y += BAR + GAP
        y += GROUP_GAP - GAP
    height = y + FOOT - GROUP_GAP
    if any(bar.limit is not None for group in groups for bar in group.bars):
        parts.append(f'<line class="l" x1="16" x2="36" y1="{height - 14}" y2="{height - 14}"/>')
        parts.append(_text(42, height - 10, "budget", "b"))
    told = "; ".join(f"{g.title} {b.label}: {b.text}".strip() for g in groups for b in g.bars)
    note = f"{subtitle}, logarithmic scale" if log else subtitle
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="t d">',
            f'<title id="t">{escape(title)}</title><desc id="d">{escape(told)}</desc>',
            f"<style>{STYLE}</style>",
            f'<rect class="bg" width="{WIDTH}" height="{height}" rx="8"/>',
            _text(16, 28, title, "t"),
            _text(16, 48, note, "s"),
            *parts,
            "</svg>\n",
        ]
    )


class _Scale:
    def __init__(self, most: float, least: float, log: bool) -> None:
        self._most, self._log = most, log
        # The smallest bar of a logarithmic chart ends one decade above the axis.
        self._floor = math.log10(least) - 1

    def width(self, value: float) -> float:
        room = WIDTH - LABEL - VALUE
        if value <= 0:
            return 0
        if not self._log:
            return value / self._most * room
        span = math.log10(self._most) - self._floor
        return max(0.0, (math.log10(value) - self._floor) / span * room)


def _bar(bar: Bar, y: int, scale: _Scale) -> list[str]:
    width = max(BAR_LEAST, scale.width(bar.value))
    kind = "o" if bar.ours else "p"
    parts = [
        f'<text x="{LABEL - 10}" y="{y + 15}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3"/>',
    ]
    end = LABEL + width
    if bar.limit is not None:
        x = LABEL + scale.width(bar.limit)
        parts.append(f'<line class="l" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 3}" y2="{y + BAR + 3}"/>')
        # The figure never stands on the dashed line.
        if end - 4 <= x <= end + TEXT:
            end = x
    return [*parts, _text(end + 8, y + 15, bar.text, "v")]


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y}">{escape(text)}</text>'
