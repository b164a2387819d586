"""Templates of HTML: whatever is put in is escaped, and names and sentences are shortened and made plain before.

What a notebook shows and what a report holds are made of the same parts, `parts.html.jinja`. They are static, and have
the colour of the text around them or a translucent one, so that they are read on light and on dark ground.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from per_core.plain_text import plain

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST_NAME, LONGEST_SENTENCE = 100, 500


@cache
def templates_in(folder: Path) -> Environment:
    """The templates of a folder, and the parts that they share.

    Filters of a template: `counted` writes a whole number, `number` one of three digits, `share` a percentage, `name` a
    stranger's name and `sentence` a text with such names in it.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # torch brings it

    found = Environment(
        loader=FileSystemLoader([folder, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    found.filters |= {
        "counted": lambda count: f"{count:,}",
        "number": lambda value: f"{value:.3g}",
        "share": lambda value: f"{value:.0%}",
        "name": lambda text: plain(text, LONGEST_NAME),
        "sentence": lambda text: plain(text, LONGEST_SENTENCE),
    }
    return found
