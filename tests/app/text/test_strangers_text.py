"""Names and titles that strangers chose: every page shows them, and none of them breaks a page for others."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from analysis.runs.library import RunLibrary
from app.text.plain import escaped, harmless, label, tick_labels
from per_core import Recorder
from per_core.recording.run_directory import open_run
from tests.app.conftest import OpenPage
from tests.app.views.test_pages import all_text, sent_charts
from tests.browser.pages import asked

pytestmark = pytest.mark.long

HOSTILE = "a\ud800b\u202e :red[x] $y$ <b>z</b> `c` *d* [e](http://f.example) \x1b[2J"
NOT_UTF8 = os.fsdecode(b"caf\xe9")
LONG = "n" * 120


def record(folder: Path, title: str, layer: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential()
    model.add_module(layer, nn.Linear(3, 4))
    with Recorder(model, folder, layers=[layer], title="plain") as recorder:
        for epoch in range(2):
            recorder.record(epoch, inputs=torch.randn(40, 3), loss=torch.tensor(1.0))
    header = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(header | {"title": title}))


@pytest.fixture(scope="module")
def strange_runs(runs_folder: Path) -> dict[str, str]:
    """Runs with strange titles, names of folders and layers, and damaged ones; id by what is strange."""
    folders = {"title": "strange title", "bytes": NOT_UTF8, "marks": "x\u202ey%41 #?", "long": LONG, "layer": "layers"}
    for what, name in folders.items():
        record(runs_folder / name, HOSTILE if what == "title" else "", ":red[$x$] <b>" if what == "layer" else "0")
    (runs_folder / os.fsdecode(b"dam\xffaged")).mkdir()
    (runs_folder / os.fsdecode(b"dam\xffaged") / "run.json").write_text("[" * 5000)
    listed = {entry.title: entry.id for entry in RunLibrary(runs_folder).list_runs()}
    return {
        "title": "strange title",
        "bytes": "caf%E9",
        "marks": "x\u202ey%2541 #?",
        "long": LONG,
        "layer": "layers",
        "damaged": "dam%FFaged",
        "unlisted": ", ".join({"caf%E9", "x\u202ey%2541 #?", "dam%FFaged"} - set(listed.values())),
    }


def works(page: AppTest) -> None:
    assert [one.value for one in page.exception] == []
    assert not any("This page failed" in one.value for one in page.error)


def test_the_list_of_runs_shows_all_and_offers_to_delete_the_damaged(
    open_page: OpenPage, strange_runs: dict[str, str]
) -> None:
    assert strange_runs["unlisted"] == ""
    page = open_page("train")
    works(page)
    table = page.dataframe[0].value
    assert r"caf\xe9" in set(table["Title"])
    assert any(r"a\ud800b\u202e :red[x]" in title for title in table["Title"])
    damaged = table[table["Title"] == r"dam\xffaged"]
    assert list(damaged["State"]) == ["damaged"]
    assert "Delete" in " ".join(damaged["Remark"])


@pytest.mark.parametrize("what", ["title", "bytes", "marks", "long", "layer"])
def test_a_strange_run_opens_on_train(open_page: OpenPage, strange_runs: dict[str, str], what: str) -> None:
    page = open_page("train", run=strange_runs[what], **asked("train"))
    works(page)
    assert "train_distances" in sent_charts(page)
    if what == "title":
        assert escaped(HOSTILE, 120)[:40] in page.header[0].value
    figure = json.dumps(sent_charts(page)["train_figure2"].figure)
    assert "<b>z" not in figure
    assert "<b>, unit" not in figure


@pytest.mark.parametrize("what", ["bytes", "title", "layer"])
def test_a_strange_run_is_a_batch_of_the_sidebar(open_page: OpenPage, strange_runs: dict[str, str], what: str) -> None:
    entry = RunLibrary(os.environ["PERSCOPE_RUNS"]).entry(strange_runs[what])
    page = open_page("bound", data_source="Run", data_run=f"{entry.title} ({entry.id[-5:]})")
    works(page)
    assert [*page.error] == []
    assert page.selectbox(key="data_run").value.startswith(entry.title)
    assert ":red[" not in all_text(page)


def test_a_damaged_run_says_so_and_is_deleted_and_restored(
    open_page: OpenPage, strange_runs: dict[str, str], runs_folder: Path
) -> None:
    page = open_page("train", run=strange_runs["damaged"])
    works(page)
    assert any("Delete the run" in one.value for one in page.error)
    library = RunLibrary(runs_folder)
    library.delete(strange_runs["damaged"])
    assert [(one.id, one.title) for one in library.list_deleted()] == [("dam%FFaged", r"dam\xffaged")]
    works(open_page("train"))
    library.undo_delete(strange_runs["damaged"])
    assert (runs_folder / os.fsdecode(b"dam\xffaged")).is_dir()


def test_a_zip_of_a_strange_run_has_a_plain_name(strange_runs: dict[str, str], runs_folder: Path) -> None:
    for what in ("title", "bytes", "marks"):
        archive = RunLibrary(runs_folder).zip_run(strange_runs[what])
        assert archive.name.isascii()
        assert not set(archive.name) & set('"\r\n/\\; ')
        assert len(b"".join(archive)) > 1000


@pytest.mark.parametrize("suffix", [".npy", ".csv"])
def test_a_file_whose_name_is_no_utf8_is_read_on_dumps(open_page: OpenPage, runs_folder: Path, suffix: str) -> None:
    folder = runs_folder / "names_of_files"
    folder.mkdir()
    try:
        values = np.random.default_rng(0).standard_normal((40, 3))
        for name in (b"caf\xe9", b"x\xe2\x80\xaey :red[$z$]<b>"):
            path = folder / (os.fsdecode(name) + suffix)
            np.save(path, values) if suffix == ".npy" else np.savetxt(path, values, delimiter=",")
        page = open_page("dumps", dumps_look="true", dumps_path=str(folder))
        works(page)
        assert [*page.error] == []
        layers = page.selectbox(key="dumps_layer").options
        assert {r"caf\xe9", r"x\u202ey :red[$z$]<b>"} <= set(layers)
        for layer in layers:
            page.selectbox(key="dumps_layer").set_value(layer).run()
            works(page)
            assert "dumps_histogram" in sent_charts(page)
        assert '"<b>' not in json.dumps(sent_charts(page)["dumps_overview"].figure)
    finally:
        shutil.rmtree(folder)


def test_the_names_of_an_open_run_are_those_it_has(strange_runs: dict[str, str], runs_folder: Path) -> None:
    """What is shown is spelt out; what is read stays the true name."""
    run = open_run(RunLibrary(runs_folder).path(strange_runs["layer"]))
    assert list(run.layers) == [":red[$x$] <b>"]


def test_each_place_has_its_own_escapes() -> None:
    assert escaped("a_b*c* $x$ :red[y]") == r"a\_b\*c\* \$x\$ \:red\[y\]"
    assert escaped("http://a www.b c@d -> :material/home:").count("\u2060") == 5
    assert label("<b>x</b> %{y}") == "&lt;b&gt;x&lt;/b&gt; %&#123;y}"
    assert harmless("_a_ snake_case [b](c) <i> www.x.example") == "·a· snake_case ·b·(c) ·i· ·ww.x.example"
    for text in (HOSTILE, "\ud800", LONG * 100):
        for show in (escaped, label, harmless):
            show(text).encode()


def test_names_at_an_axis_lose_what_they_share_and_then_their_middle() -> None:
    long = [f"model.decoder.layers.{i}.self_attention.output" for i in (1, 12)]
    assert tick_labels(long) == {long[0]: "…1.self_attention.output", long[1]: "…12.self_attention.output"}
    assert tick_labels(["layer_1", "layer_10"]) == {"layer_1": "layer_1", "layer_10": "layer_10"}
    (short,) = tick_labels(["one_name_alone_that_is_much_longer_than_an_axis_has_room_for"], 20).values()
    assert len(short) == 20
    assert short.startswith("one_name")
    assert short.endswith("room_for")
    assert tick_labels(["<b>x</b>"]) == {"&lt;b&gt;x&lt;/b&gt;": "&lt;b&gt;x&lt;/b&gt;"}
    assert tick_labels([]) == {}
