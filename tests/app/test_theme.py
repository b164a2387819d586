"""Both themes can be read: contrasts by the formula of WCAG 2.2, of text 4.5 : 1 and of what a chart draws 3 : 1."""

import tomllib
from pathlib import Path

import pytest

from tests.processes import ROOT

THEME = tomllib.loads((ROOT / "app/.streamlit/config.toml").read_text(encoding="utf-8"))["theme"]
TEXT, GRAPHICS = 4.5, 3.0
FADED = 0.6  # opacity of Streamlit's captions and of the small print of its controls
MUTED = 0.9  # opacity of reference lines
GROUNDS = ("backgroundColor", "secondaryBackgroundColor")

Colour = tuple[float, ...]


def channels(text: str) -> Colour:
    return tuple(int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))


def luminance(colour: Colour) -> float:
    """Relative luminance of sRGB, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(ink: str, ground: str, opacity: float = 1.0) -> float:
    below = channels(ground)
    seen = tuple(opacity * a + (1 - opacity) * b for a, b in zip(channels(ink), below, strict=True))
    low, high = sorted((luminance(seen), luminance(below)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_is_that_of_the_published_examples() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#000000", "#ffffff", 0.5) == pytest.approx(contrast("#808080", "#ffffff"), abs=0.03)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_can_be_read(theme: str, ground: str) -> None:
    own = THEME[theme]
    assert contrast(own["textColor"], own[ground], FADED) >= TEXT
    for name in ("textColor", "grayColor", "linkColor", "primaryColor"):
        assert contrast(own[name], own[ground]) >= TEXT, name


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_charts_draw_can_be_seen(theme: str, ground: str) -> None:
    own = THEME[theme]
    for number, colour in enumerate(own["chartCategoricalColors"]):
        assert contrast(colour, own[ground]) >= GRAPHICS, number
    assert contrast(own["grayColor"], own[ground], MUTED) >= GRAPHICS
    assert contrast(own["chartSequentialColors"][-1], own[ground]) >= TEXT


def test_texts_on_the_primary_colour_can_be_read() -> None:
    """On buttons and chips Streamlit writes in white; `style.css` writes with the background's colour in dark."""
    style = Path(ROOT / "app/style.css").read_text(encoding="utf-8")
    dark = THEME["dark"]
    assert f"light-dark(#ffffff, {dark['backgroundColor']})" in style
    assert contrast("#ffffff", THEME["light"]["primaryColor"]) >= TEXT
    assert contrast(dark["backgroundColor"], dark["primaryColor"]) >= TEXT


def test_the_words_of_a_button_whose_popover_is_open_can_be_read() -> None:
    style = Path(ROOT / "app/style.css").read_text(encoding="utf-8")
    light, dark = (THEME[theme]["primaryColor"] for theme in ("light", "dark"))
    assert f'[data-testid="stPopoverButton"][aria-expanded="true"] {{ color: light-dark({light}, {dark}) ' in style
