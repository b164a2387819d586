"""Pages say what a row of a recurrent layer is, in the visitor's language."""

from pathlib import Path

import pytest
import torch
from torch import nn

from per_core import Recorder
from tests.app.conftest import OpenPage
from tests.app.views.test_pages import all_text, sent_charts
from tests.browser.pages import asked

pytestmark = pytest.mark.long

ENGLISH = "A row is one time step of a sequence; a sequence has 5."
KOREAN = "행 하나는 시퀀스의 한 시간 스텝입니다. 스텝은 시퀀스마다 5개입니다."
LAST = "A row is the last time step of a sequence."


@pytest.fixture(scope="module")
def run(runs_folder: Path) -> Path:
    """Two records of a GRU with its gates."""
    torch.manual_seed(0)
    model = nn.GRU(3, 6, batch_first=True)
    with Recorder(model, runs_folder / "sequences", title="Sequences", gates=True) as recorder:
        for epoch in (0, 1):
            recorder.record(epoch, inputs=torch.randn(40, 5, 3), loss=1.0)
    return runs_folder / "sequences"


@pytest.mark.parametrize(("language", "sentence"), [("en", ENGLISH), ("ko", KOREAN)])
def test_beside_the_choice_of_a_layer_and_on_dumps(
    open_page: OpenPage, run: Path, language: str, sentence: str
) -> None:
    chosen = {"data_run": f"Sequences ({run.name[-5:]})", "data_run_layer": "GRU reset gate", "lang": language}
    page = open_page("distributions", data_source="Run", **chosen)
    assert [*page.exception, *page.error] == []
    assert any(sentence in caption.value for caption in page.sidebar.caption)
    page = open_page("dumps", dumps_look="true", dumps_path=str(run), dumps_layer="GRU", lang=language)
    assert [*page.exception, *page.error] == []
    assert sentence in all_text(page)


@pytest.mark.parametrize(("language", "sentence"), [("en", f"200 rows. {ENGLISH}"), ("ko", KOREAN)])
def test_under_figure_2(open_page: OpenPage, run: Path, language: str, sentence: str) -> None:
    page = open_page("train", run=run.name, lang=language, **asked("train"))
    assert [*page.exception, *page.error] == []
    assert "train_figure2" in sent_charts(page)
    assert sentence in all_text(page)


def test_a_chosen_step_on_dumps(open_page: OpenPage, runs_folder: Path) -> None:
    model = nn.GRU(3, 6, batch_first=True)
    with Recorder(model, runs_folder / "steps", steps=(0, -1)) as recorder:
        recorder.record(0, inputs=torch.randn(40, 5, 3))
    query = {"dumps_path": str(runs_folder / "steps"), "dumps_layer": "GRU (step -1)"}
    page = open_page("dumps", dumps_look="true", **query)
    assert [*page.exception, *page.error] == []
    assert f"40 rows, all finite. {LAST}" in all_text(page)
