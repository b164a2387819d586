"""What the pages say while the folder of the runs has gone, and that all is well once it is back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

from per_core import Recorder
from tests.app.conftest import OpenPage
from tests.app.views.test_pages import all_text

pytestmark = pytest.mark.long

GONE = "cannot be read: No such file or directory. Bring the folder back."


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """The folder under another name for a while."""
    elsewhere = folder.rename(folder.with_name("away"))
    try:
        yield
    finally:
        elsewhere.rename(folder)


@pytest.fixture
def recorded(runs_folder: Path) -> str:
    """The id of a run that a script recorded."""
    torch.manual_seed(0)
    if not (runs_folder / "kept").exists():
        with Recorder(nn.Linear(6, 6), runs_folder / "kept", title="Kept") as recorder:
            recorder.record(0, inputs=torch.randn(40, 6))
    return "kept"


def said(errors: list) -> str:
    return " ".join(error.value.replace("\\", "") for error in errors)


def test_train_says_that_the_folder_is_gone_and_shows_all_when_it_is_back(
    open_page: OpenPage, runs_folder: Path, recorded: str
) -> None:
    page = open_page("train", run=recorded)
    assert [*page.exception, *page.error] == []
    with away(runs_folder):
        page.run()
        assert page.exception == []
        assert GONE in said(page.error)
        assert "This page failed" not in all_text(page)
        page = open_page("train")
        assert GONE in said(page.error)
    page.run()
    assert [*page.exception, *page.error] == []
    assert any("Kept" in frame.value["Title"].tolist() for frame in page.dataframe if "Title" in frame.value)


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("name", ["distributions", "bound"])
def test_the_sidebar_says_so_and_the_page_goes_on(open_page: OpenPage, runs_folder: Path, name: str) -> None:
    with away(runs_folder):
        page = open_page(name, data_source="Run", data_n="64")
        assert page.exception == []
        assert GONE in said(page.error)
    page.run()
    assert [*page.exception, *page.error] == []
    assert page.selectbox(key="data_run").value.startswith("Kept")


def test_a_recording_with_gaps_says_so(open_page: OpenPage, runs_folder: Path) -> None:
    run = runs_folder / "gaps"
    with Recorder(nn.Linear(6, 6), run, title="Gaps") as recorder:
        recorder.record(0, inputs=torch.randn(40, 6))
        (run / "arrays").rename(run / "elsewhere")
        with pytest.warns(RuntimeWarning, match="epoch 1 is missing"):
            recorder.record(1, inputs=torch.randn(40, 6))
        recorder.record(2, inputs=torch.randn(40, 6))
        (run / "elsewhere").rename(run / "arrays")
    page = open_page("train", run="gaps")
    assert "1 record; records are missing from epoch 1 to epoch 2, as they could not be written" in all_text(page)
