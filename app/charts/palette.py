"""Colours as references to the theme, so that every chart follows light and dark in the browser.

A figure holds `var(--st-…)` strings; the chart component replaces them with the colours of the theme that is
on. An index picks one colour of a palette and a number after a comma is the opacity.
"""


def theme_colour(name: str, opacity: float = 1.0) -> str:
    """Reference to a named theme colour, for example ``theme_colour("text")``."""
    return f"var(--st-{name}-color, {opacity:g})"


def categorical(index: int, opacity: float = 1.0) -> str:
    """Reference to colour `index` of the categorical palette."""
    return f"var(--st-chart-categorical-colors[{index}], {opacity:g})"


def sequential(index: int, opacity: float = 1.0) -> str:
    """Reference to colour `index` (0..9, faint to strong) of the sequential palette."""
    return f"var(--st-chart-sequential-colors[{index}], {opacity:g})"


TEXT = theme_colour("text")
MUTED = theme_colour("gray")
GRID = theme_colour("border", 0.6)
REFERENCE = theme_colour("gray", 0.9)
EXACT = categorical(0)
BOUND = categorical(1)
CHECK = categorical(2)
ALARM = categorical(3)
OTHER = categorical(4)
BACKGROUND = theme_colour("background")
NEUTRAL = theme_colour("gray", 0.18)
CLEAR = "rgba(0,0,0,0)"


def filled_contours() -> list[list[float | str]]:
    """Colour scale of a density: nothing below 5 % of its maximum, then ten steps of one hue."""
    scale: list[list[float | str]] = [[0.0, CLEAR], [0.05, CLEAR]]
    scale += [[0.05 + 0.95 * i / 9, sequential(i)] for i in range(9)]
    return [*scale, [1.0, sequential(9)]]
