"""Pages show epochs that are no whole numbers as what they are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from per_core import Recorder
from tests.app.conftest import OpenPage
from tests.app.views.test_pages import all_text, sent_charts
from tests.browser.pages import asked

pytestmark = pytest.mark.long

EPOCHS = [0, 0.25, 0.5, 1, 1_234_567]


@pytest.fixture(scope="module")
def run(runs_folder: Path) -> Path:
    model = nn.Sequential(nn.Linear(6, 6), nn.ELU())
    with Recorder(model, runs_folder / "quarters", title="Quarters", on_repeated_epoch="replace") as recorder:
        for epoch in [*EPOCHS[:-1], 1, EPOCHS[-1]]:
            recorder.record(epoch, inputs=torch.randn(40, 6), loss=1.0)
    return runs_folder / "quarters"


@pytest.fixture(scope="module")
def dump(runs_folder: Path) -> Path:
    folder = runs_folder / "fractions"
    folder.mkdir()
    for epoch in EPOCHS[:-1]:
        name = f"{epoch:05.2f}".replace(".", "_")
        np.savez(folder / f"epoch_{name}.npz", layer_1=np.random.default_rng(0).normal(size=(50, 4)))
    return folder


def test_train_lists_draws_and_opens_them(open_page: OpenPage, run: Path) -> None:
    page = open_page("train", run=run.name, train_view_as="Ridgeline", **asked("train"))
    assert [*page.exception, *page.error] == []
    assert page.selectbox(key="train_door_epoch").options == ["latest", "1234567", "1", "0.5", "0.25", "0"]
    assert "5 records; of epoch 1 several records were written, of which the last counts" in all_text(page)
    ridges = sent_charts(page)["train_densities_2"].figure
    assert list(ridges["layout"]["yaxis"]["ticktext"]) == list(map(str, EPOCHS))
    page.selectbox(key="train_door_epoch").select("0.5").run()
    assert any("data_run_epoch=0.5" in link.proto.url for link in page.get("link_button"))


@pytest.mark.parametrize("epoch", ["0.25", "1234567"])
def test_an_address_opens_a_layer_of_a_run_at_one(open_page: OpenPage, run: Path, epoch: str) -> None:
    chosen = {"data_source": "Run", "data_run_layer": "0", "data_run_epoch": epoch, "data_n": "64"}
    page = open_page("distributions", data_run=f"Quarters ({run.name[-5:]})", **chosen)
    assert [*page.exception, *page.error] == []
    assert f"0, epoch {epoch}" in all_text(page)


def test_dumps_reads_them_from_names_and_from_a_run(open_page: OpenPage, dump: Path, run: Path) -> None:
    for path, layer, epochs in ((dump, "layer_1", EPOCHS[:-1]), (run, "0", EPOCHS)):
        page = open_page("dumps", dumps_look="true", dumps_path=str(path), dumps_layer=layer, dumps_epoch="0.5")
        assert [*page.exception, *page.error] == []
        assert page.selectbox(key="dumps_epoch").value == "0.5"
        assert list(sent_charts(page)["dumps_overview"].figure["data"][0]["x"]) == list(map(str, epochs))
        distances = sent_charts(page)["dumps_distances"].figure["layout"]
        assert list(distances["xaxis"]["range"]) == [0, epochs[-1]]
