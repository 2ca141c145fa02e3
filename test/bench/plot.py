#!/usr/bin/env python3
"""Draws the growth tables of RESULTS.md as SVG: plot.py RESULTS.md FOLDER writes memory.svg, latency.svg, throughput.svg."""

import math
import sys
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 56, 48
COLOURS = ["#1f6feb", "#d1242f", "#6e7781"]

# file, title, heading of the table, unit of the y axis, columns drawn
PLOTS = [
    ("memory.svg", "Memory", "Warehouses", "MB", ["resident MB", "peak MB"]),
    ("latency.svg", "One delivery alone, 4 Warehouses", "Warehouses", "ms", ["p50 ms", "bare p50 ms"]),
    ("throughput.svg", "Distinct projects, 4 Warehouses each", "senders", "PATCHes a second",
     ["PATCHes a second", "bare PATCHes a second"]),
]


def read_tables(text):
    """{first column's heading: {heading: [numbers]}} of the tables in the sections `Against …`."""
    tables = {}
    for section in text.split("\n## ")[1:]:
        if not section.startswith("Against "):
            continue
        rows = [[cell.strip() for cell in line.strip("|").split("|")]
                for line in section.splitlines() if line.startswith("|")]
        head, numbers = rows[0], [[float(cell) for cell in row] for row in rows[2:]]
        tables[head[0]] = {name: [row[at] for row in numbers] for at, name in enumerate(head)}
    return tables


def nice_step(top):
    """The distance of about five round marks up to `top`."""
    power = 10 ** math.floor(math.log10(top / 5))
    return next(power * factor for factor in (1, 2, 5, 10) if top / (power * factor) <= 5)


def draw(title, x_name, unit, xs, lines):
    top = max(max(values) for values in lines.values()) * 1.05
    step = nice_step(top)
    low, high = math.log(xs[0]), math.log(xs[-1])

    def x_at(x):
        return LEFT + (math.log(x) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y_at(y):
        return HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    def text(x, y, words, anchor="middle", colour="#57606a"):
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'

    parts = [text(LEFT, 20, f"{title}, against the number of {x_name}", "start", "#24292f")]
    for mark in range(int(top / step) + 1):
        y = y_at(mark * step)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d0d7de"/>')
        parts.append(text(LEFT - 8, y + 4, f"{mark * step:,g}", "end"))
    parts += [text(x_at(x), HEIGHT - BOTTOM + 18, f"{x:,.0f}") for x in xs]
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_name))
    for at, (name, values) in enumerate(lines.items()):
        points = " ".join(f"{x_at(x):.1f},{y_at(y):.1f}" for x, y in zip(xs, values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[at]}" stroke-width="2"/>')
        parts += [f'<circle cx="{x_at(x):.1f}" cy="{y_at(y):.1f}" r="3" fill="{COLOURS[at]}"/>'
                  for x, y in zip(xs, values)]
        label = name if name.endswith(unit) else f"{name}, {unit}"
        parts.append(text(LEFT + at * 200, 40, f"● {label}", "start", COLOURS[at]))
    body = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'font-family="sans-serif" font-size="12">\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n{body}\n</svg>\n')


def main():
    results, folder = Path(sys.argv[1]), Path(sys.argv[2])
    tables = read_tables(results.read_text())
    for name, title, x_name, unit, columns in PLOTS:
        table = tables[x_name]
        lines = {column: table[column] for column in columns}
        (folder / name).write_text(draw(title, x_name, unit, table[x_name], lines))


if __name__ == "__main__":
    main()
