"""A bar chart of one scenario as an SVG."""

from __future__ import annotations

from xml.sax.saxutils import escape

from bench.campaign import ScenarioResult
from bench.outcome import Spread
from bench.report import COLUMNS

_LEFT, _RIGHT, _WIDTH = 120, 110, 720
_TOP, _ROW, _BAR = 64, 34, 20


def bar_chart(result: ScenarioResult) -> str | None:
    """Medians as bars with a line from minimum to maximum; None when nothing was measured."""
    column = COLUMNS[result.scenario.kind][0]
    rows = [
        (outcome.proxy, spread)
        for outcome in result.outcomes
        if outcome.problem is None and (spread := outcome.spread(column.metric))
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: row[1].median)
    # Below zero only by noise: a proxy may give memory back while it holds connections.
    scale = (_WIDTH - _LEFT - _RIGHT) / max(1e-9, *(spread.high for _, spread in rows))
    height = _TOP + _ROW * len(rows) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="14">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="16" font-weight="bold">{escape(result.scenario.title)}'
        "</text>",
        f'<text x="16" y="46" fill="#555555">{escape(column.title)}, less is better</text>',
    ]
    for index, (name, spread) in enumerate(rows):
        parts.append(_bar(name, spread, _TOP + index * _ROW, scale, column.decimals))
    return "\n".join([*parts, "</svg>", ""])


def _bar(name: str, spread: Spread, y: int, scale: float, decimals: int) -> str:
    width, low, high = (max(0.0, v) * scale for v in (spread.median, spread.low, spread.high))
    colour = "#1f6feb" if name.startswith("pymosn") else "#9aa4b2"
    middle, text = y + _BAR / 2, y + _BAR * 0.75
    return (
        f'<text x="{_LEFT - 8}" y="{text}" text-anchor="end">{escape(name)}</text>\n'
        f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>\n'
        f'<path d="M{_LEFT + low:.1f} {middle}H{_LEFT + high:.1f}" stroke="#222222"/>\n'
        f'<text x="{_LEFT + high + 8:.1f}" y="{text}">{spread.median:,.{decimals}f}</text>'
    )
