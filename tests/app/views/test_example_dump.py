"""The dump that ships is what the page opens on; refusals are said once for all that share them."""

from pathlib import Path

import numpy as np
import pytest

from app.session import services
from tests.app.conftest import OpenPage, shown
from tests.app.views.test_pages import all_text, sent_charts

pytestmark = pytest.mark.long

FOLLOWED = "New records of this run are read by themselves."


def test_the_page_opens_on_the_example_and_its_warnings(open_page: OpenPage) -> None:
    page = open_page("dumps", dumps_look="true")
    assert [*page.exception, *page.error] == []
    warnings = page.table[0].value
    found = {(row.iloc[0], shown(row.iloc[1])): shown(row.iloc[2]) for _, row in warnings.iterrows()}
    assert found["layer 5", "dead, severe"] == "3 to 6 (4 of 7)"
    assert found["layer 4", "exploding, mild"] == "4 to 6 (3 of 7)"
    assert "learning rate of 0.14" in all_text(page)
    assert "dumps_overview" in sent_charts(page)


def test_the_example_opens_by_its_address_wherever_the_server_was_started(
    open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = open_page("dumps", dumps_look="true", dumps_path="example")
    assert [*page.exception, *page.error] == []
    assert "35 members: 35 can be read" in [one.label for one in page.expander]


def test_what_is_beside_the_example_stays_closed(open_page: OpenPage) -> None:
    page = open_page("dumps", dumps_look="true", dumps_path=str(services.EXAMPLE_DUMP.parent))
    assert "folders that the operator allows" in page.error[0].value


def test_nobody_may_download_into_the_example() -> None:
    assert not any(services.EXAMPLE_DUMP.is_relative_to(folder.resolve()) for folder in services.dump_folders())


def test_a_finished_run_is_not_waited_for(open_page: OpenPage) -> None:
    page = open_page("dumps", dumps_look="true", dumps_path="example")
    assert FOLLOWED not in [one.value for one in page.caption]


def test_refusals_are_grouped_with_the_lines_to_paste(open_page: OpenPage, runs_folder: Path) -> None:
    folder = runs_folder / "refused_of_a_test"
    folder.mkdir()
    try:
        for number in range(5):
            (folder / f"cut_{number}.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00")
        np.save(folder / "list.npy", np.array([np.zeros(3), None], dtype=object))
        page = open_page("dumps", dumps_look="true", dumps_path=str(folder))
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    text = shown(all_text(page))
    assert "5 members cannot be read: cut_0.npy, cut_1.npy, cut_2.npy and 2 more" in text
    assert text.count("A .npy file begins with") == 1
    assert "1 member cannot be read: list.npy" in text
