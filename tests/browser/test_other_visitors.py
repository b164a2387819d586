"""What one visitor does to others: names of every kind, foreign host names, a request to clear the caches."""

import os
import re
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from torch import nn

from app.server import SCRIPT_ROUTE
from per_core import Recorder
from tests.browser.conftest import NewPage
from tests.browser.pages import drawn_chart, wait_until_idle

SEND = """(bytes) => new Promise((done, fail) => {
  const socket = new WebSocket(new URL("_stcore/stream", document.baseURI).href.replace("http", "ws"), ["streamlit"])
  socket.onopen = () => { socket.send(new Uint8Array(bytes)); setTimeout(() => { socket.close(); done(true) }, 500) }
  socket.onerror = () => fail(new Error("no connection"))
})"""


@pytest.mark.parametrize("path", ["/", "/_stcore/health", SCRIPT_ROUTE, "/perscope/runs/x.zip", "/_stcore/stream"])
def test_a_foreign_host_name_is_refused_everywhere(server: str, path: str) -> None:
    request = urllib.request.Request(server + path, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request)


def test_names_that_are_no_utf8_or_markup_are_shown_sign_by_sign(page: Page, server: str, dumps_folder: Path) -> None:
    folder = dumps_folder / "names"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (b"caf\xe9.npy", b"www.f.example :red[x] $y$ <b>z<.npy"):
        np.save(folder / os.fsdecode(name), rng.standard_normal((80, 4)))
    page.goto(f"{server}/dumps?dumps_look=true&dumps_path={folder}")
    drawn_chart(page, "dumps_parts")
    wait_until_idle(page)
    rows = drawn_chart(page, "dumps_overview").locator(".ytick")
    assert sorted(text.strip() for text in rows.all_text_contents() if text.strip()) == [
        "caf\\xe9",
        "www.f.example :red[x] $y$ <b>z<",
    ]
    assert page.locator('[data-testid="stMain"] a[href*="f.example"]').count() == 0
    assert page.locator('[data-testid="stAlertContentError"]').count() == 0


def test_a_title_of_markup_is_shown_sign_by_sign(page: Page, server: str, runs_folder: Path) -> None:
    title = "# [x](y) <i>a</i> *b* `c` $d$ :red[e] www.f.example g@h.example -> :material/home: :smile:"
    with Recorder(nn.Sequential(nn.Linear(3, 4)), runs_folder / "markup", layers=["0"], title=title) as recorder:
        recorder.record(0, inputs=torch.randn(40, 3))
    page.goto(f"{server}/train?run=markup")
    heading = page.locator("h2").filter(has_text="material")
    expect(heading).to_be_visible()
    assert heading.inner_text().replace("\u2060", "").strip() == title
    assert heading.locator('a[href*="//"], a[href^="mailto"], em, code, strong, img, svg.katex').count() == 0


def test_a_visitor_who_clears_the_caches_takes_no_upload_from_another(
    page: Page, new_page: NewPage, server: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).standard_normal((80, 4)))
    page.goto(f"{server}/dumps?dumps_look=true")
    page.locator('.st-key-dumps_files input[type="file"]').set_input_files(tmp_path / "mine.npy")
    expect(page.get_by_text("mine is furthest")).to_be_visible()  # until then it is the example
    drawn_chart(page, "dumps_parts")
    wait_until_idle(page)
    page.get_by_role("link", name="Bound", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("bound", ignore_case=True)

    other = new_page()
    other.goto(f"{server}/dumps?dumps_look=true")
    expect(other.get_by_role("heading", name="Example")).to_be_visible()
    assert other.evaluate(SEND, list(BackMsg(clear_cache=True).SerializeToString()))
    other.close()

    page.get_by_role("link", name="Dumps", exact=True).first.click()
    expect(page.get_by_text(re.compile("Open: mine.npy"))).to_be_visible()
    drawn_chart(page, "dumps_parts")
    assert page.locator('[data-testid="stAlertContentError"]').count() == 0
