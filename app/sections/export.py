"""Tables that can be taken away.

In CSV, text that a spreadsheet would take for a formula has an apostrophe before it; in JSON all text is as it is.
"""

import json
from collections.abc import Sequence

import pandas as pd
from streamlit.delta_generator import DeltaGenerator

from app.text.language import _
from per_core.plain_text import no_formula


def offer_table(table: pd.DataFrame, title: str, places: Sequence[DeltaGenerator], *, key: str) -> None:
    """Buttons for the whole table as CSV and as JSON, in two places; nothing of it is rounded or left out."""
    writers = {
        "csv": ("text/csv", lambda: table.map(no_formula).to_csv(index=False)),
        "json": ("application/json", lambda: _json(table)),
    }
    for place, (suffix, (kind, write)) in zip(places, writers.items(), strict=True):
        place.download_button(
            _("{table} as {format}").format(table=title, format=suffix.upper()),
            write,
            f"{title.lower()}.{suffix}",
            kind,
            on_click="ignore",
            key=f"{key}_{suffix}",
            width="stretch",
        )


def _json(table: pd.DataFrame) -> str:
    """A list of records, every number with all its digits; null where there is none."""
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    return json.dumps(records, indent=1, ensure_ascii=False, default=lambda value: value.item())
