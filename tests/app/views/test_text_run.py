"""A comparison of language models on Train: what it is scored by, and what a row of it is."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.runs.comparison import open_comparison
from tests.app.conftest import OpenPage, train
from tests.app.views.test_pages import sent_charts

pytestmark = pytest.mark.long

SPEC: dict[str, Any] = {
    "title": "Text",
    "data": {"name": "documentation", "words": 30, "length": 8, "limit": 900},
    "model": {"name": "lstm", "width": 0.02, "dropout": 0.0},
    "methods": ["vanilla", "bn"],
    "epochs": 2,
    "batch_size": 10,
    "learning_rate": 1.0,
    "clip": 0.25,
    "probe_size": 40,
}


@pytest.fixture(scope="module")
def text_run(runs_folder: Path) -> str:
    """The id of a comparison that has learnt a text."""
    return train(SPEC, runs_folder, "text")


def test_a_text_is_scored_by_perplexity(open_page: OpenPage, text_run: str, runs_folder: Path) -> None:
    page = open_page("train", run=text_run, train_learning="true", train_table="true")
    assert [*page.exception, *page.error] == []
    run = open_comparison(runs_folder / text_run).runs["bn", 0]
    figure = sent_charts(page)["train_progress"].figure
    for title, scalar in {"training": "loss", "validation": "validation_loss", "test": "test_loss"}.items():
        drawn = next(t for t in figure["data"] if (t["name"], t["meta"]) == ("BN", f"{title} perplexity"))
        expected = np.exp([record.scalars[scalar] for record in run.records])
        y = np.frombuffer(base64.b64decode(drawn["y"]["bdata"]), drawn["y"]["dtype"])
        np.testing.assert_allclose(y, expected, rtol=1e-6)
    assert [figure["layout"][f"yaxis{place}"].get("type") for place in ("", "2", "3", "4")] == [*["log"] * 3, None]
    table = next(frame.value for frame in page.dataframe if "Test perplexity" in frame.value.columns)
    last = float(np.exp(run.records[-1].scalars["test_loss"]))
    assert table.set_index("Network")["Test perplexity"]["BN"] == f"{last:.2f}"
    assert "Perplexity and time" in [section.label for section in page.main.expander]


def test_the_rows_of_a_language_model_are_words_of_sequences(text_run: str, runs_folder: Path) -> None:
    """As many sequences of eight words as have forty words together, from a state of zeros."""
    for run in open_comparison(runs_folder / text_run).runs.values():
        for record in run.records:
            assert {layer.n for layer in record.layers.values()} == {40}
            assert {(rows.kind, rows.each) for rows in record.rows.values()} == {("time steps", 8)}
