"""Charts as inline SVG: bars, stacked bars, a matrix, bands between two columns.

Each function takes plain rows and gives one ``<svg>`` that needs nothing from outside, scales with
the page, follows its light or dark colours (``currentColor``, CSS variables of ``report``) and
names every mark in a ``<title>``: what the pointer shows, and what a screen reader says.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH = 960
BAR_GAP = 0.28
"""Share of a bar's place that stays empty."""

GAP = 12
"""Between two names in a column of bands: so that the least of them can be read."""

Series = tuple[str, str, Sequence[float]]
"""(name, CSS colour, values)."""


def _svg(height: int, label: str, body: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">'
        + "".join(body)
        + "</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str = "start", cls: str = "") -> str:
    css = f' class="{cls}"' if cls else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css}>{escape(text)}</text>'


def _rect(
    x: float, y: float, width: float, height: float, fill: str, title: str, opacity: float = 1.0
) -> str:
    shade = "" if opacity == 1.0 else f' fill-opacity="{opacity:.3f}"'
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}"'
        f' height="{max(0.0, height):.1f}" fill="{fill}"{shade}>'
        f"<title>{escape(title)}</title></rect>"
    )


def nice_top(value: float) -> float:
    """The least of 1, 2, 2.5, 5 x 10^n that is not below the value."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= value)


def columns(
    label: str, names: Sequence[str], series: Sequence[Series], unit: str, height: int = 300
) -> str:
    """Columns, one for each name, their series stacked from below."""
    left, right, top, bottom = 70, 10, 14, 44
    whole = [sum(values[n] for _, _, values in series) for n in range(len(names))]
    most = nice_top(max(whole, default=0))
    room, step = height - top - bottom, (WIDTH - left - right) / max(1, len(names))
    body = []
    for tick in range(5):
        value = most * tick / 4
        y = top + room * (1 - tick / 4)
        body.append(f'<line class="grid" x1="{left}" x2="{WIDTH - right}" y1="{y}" y2="{y}"/>')
        body.append(_text(left - 8, y + 4, f"{value:,.4g}", "end", "tick"))
    body.append(_text(left, height - 4, unit, "start", "tick"))
    every = max(1, len(names) // 16 + (len(names) % 16 > 0 and len(names) > 16))
    for number, name in enumerate(names):
        x, y = left + step * (number + BAR_GAP / 2), float(height - bottom)
        for kind, colour, values in series:
            value = values[number]
            tall = room * value / most
            y -= tall
            if value:
                title = f"{name} {kind}: {value:,.6g} {unit}"
                body.append(_rect(x, y, step * (1 - BAR_GAP), tall, colour, title))
        if number % every == 0:
            middle = left + step * (number + 0.5)
            body.append(_text(middle, height - bottom + 18, name, "middle", "tick"))
    return _svg(height, label, body)


def lines_of_bars(
    label: str, rows: Sequence[tuple[str, Sequence[float], str]], colours: Sequence[str]
) -> str:
    """Horizontal bars: (name, values side by side, text at the end), all on one scale."""
    left, right, row_height = 230, 170, 24
    most = max((value for _, values, _ in rows for value in values), default=0) or 1
    height = row_height * len(rows) + 8
    body = []
    for number, (name, values, told) in enumerate(rows):
        top = number * row_height + 4
        body.append(_text(left - 8, top + 14, name, "end"))
        each = (row_height - 6) / len(values)
        for place, value in enumerate(values):
            wide = (WIDTH - left - right) * value / most
            y = top + place * each
            body.append(_rect(left, y, wide, each - 1, colours[place], f"{name}: {told}"))
        end = left + (WIDTH - left - right) * max(values) / most
        body.append(_text(end + 8, top + 14, told, "start", "tick"))
    return _svg(height, label, body)


def matrix(label: str, names: Sequence[str], values: Sequence[Sequence[float]], unit: str) -> str:
    """A square of names by names; darker is more, on the scale of square roots."""
    left, top = 76, 76
    cell = (WIDTH - left - 10) / max(1, len(names))
    height = int(top + cell * len(names) + 8)
    most = max((value for row in values for value in row), default=0) or 1
    body = [
        _text(left - 8, 16, "参保地 home ↓", "end", "tick"),
        _text(left, 16, "就医地 care →", "start", "tick"),
    ]
    for number, name in enumerate(names):
        at = left + cell * (number + 0.5)
        body.append(
            f'<text class="tick" transform="translate({at + 4:.1f},{top - 6}) rotate(-60)">'
            f"{escape(name)}</text>"
        )
        body.append(_text(left - 8, top + cell * (number + 0.5) + 4, name, "end", "tick"))
    for down, (home, row) in enumerate(zip(names, values, strict=True)):
        for across, (care, value) in enumerate(zip(names, row, strict=True)):
            if value > 0:
                title = f"{home} → {care}: {value:,.2f} {unit}"
                shade = 0.06 + 0.94 * (value / most) ** 0.5
                x, y = left + cell * across, top + cell * down
                body.append(_rect(x, y, cell - 1, cell - 1, "var(--flow)", title, shade))
    return _svg(height, label, body)


def bands(label: str, flows: Sequence[tuple[str, str, float]], unit: str, height: int = 520) -> str:
    """Flows from names on the left to names on the right, as wide as they are large."""
    whole = sum(value for _, _, value in flows) or 1
    names = max(len({home for home, _, _ in flows}), len({care for _, care, _ in flows}))
    # Both columns share one scale, so the side with fewer names ends earlier.
    scale = (height - GAP * names) / whole
    homes = _stacked([(home, value) for home, _, value in flows], scale)
    cares = _stacked([(care, value) for _, care, value in flows], scale)
    left, right, bar = 120, WIDTH - 120, 12
    out, into = {n: y for n, (y, _) in homes.items()}, {n: y for n, (y, _) in cares.items()}
    body = []
    for home, care, value in flows:
        tall = value * scale
        y1, y2 = out[home], into[care]
        out[home] += tall
        into[care] += tall
        middle = (left + bar + right) / 2
        body.append(
            f'<path class="band" d="M{left + bar},{y1:.1f} C{middle},{y1:.1f} {middle},{y2:.1f}'
            f" {right},{y2:.1f} V{y2 + tall:.1f} C{middle},{y2 + tall:.1f}"
            f' {middle},{y1 + tall:.1f} {left + bar},{y1 + tall:.1f} Z"><title>'
            f"{escape(home)} → {escape(care)}: {value:,.2f} {escape(unit)}"
            f" ({100 * value / whole:.1f} %)</title></path>"
        )
    for side, x, anchor, at in ((homes, left, "end", -8), (cares, right, "start", bar + 8)):
        for name, (y, tall) in side.items():
            body.append(_rect(x, y, bar, tall, "var(--flow)", name))
            body.append(_text(x + at, y + tall / 2 + 4, name, anchor))
    return _svg(height, label, body)


def _stacked(rows: Sequence[tuple[str, float]], scale: float) -> dict[str, tuple[float, float]]:
    """Name -> (top, height), largest first."""
    sums: dict[str, float] = {}
    for name, value in rows:
        sums[name] = sums.get(name, 0) + value
    placed, y = {}, 2.0
    for name, value in sorted(sums.items(), key=lambda pair: -pair[1]):
        placed[name] = (y, value * scale)
        y += value * scale + GAP
    return placed
