"""Curves by step as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence


def draw(curves: Mapping[str, Sequence[tuple[int, float]]], title: str, label: str) -> bytes:
    """Draw curves of (step, value) into one PNG and return its bytes; ``label`` names the values."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot(title=title, xlabel="step", ylabel=label)
    for name, points in curves.items():
        axes.plot([step for step, _ in points], [value for _, value in points], label=name, linewidth=1.2)
    axes.grid(alpha=0.3)
    if curves:
        axes.legend(fontsize="small")
    buffer = io.BytesIO()
    canvas.print_png(buffer)
    return buffer.getvalue()
