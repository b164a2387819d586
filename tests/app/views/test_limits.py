"""What a visitor may take of the server: limits that hold where the operator says nothing."""

import io
import os
from pathlib import Path

import numpy as np
import psutil
import pytest

from analysis.dumps.files.source import within
from app.session import services
from per_core.errors import InvalidInputError
from tests.app.conftest import OpenPage, shown

pytestmark = pytest.mark.long


def test_memory_and_time_of_a_training_have_limits_by_default() -> None:
    manager = services.manager()
    assert manager.max_seconds == 86_400
    assert manager.max_memory_mb is not None
    assert 0 < manager.max_memory_mb <= psutil.virtual_memory().total / 1e6 / 2


def test_the_start_button_states_them(open_page: OpenPage) -> None:
    start = next(button for button in open_page("train").button if button.key == "train_start")
    assert "MB of memory. It is stopped after 24 hours and can be resumed." in start.help


@pytest.mark.parametrize("text", ["none", " None "])
def test_the_operator_can_take_a_limit_away(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(services.UPLOAD_VARIABLE, text)
    assert services.upload_bytes(held=10**15) > 0
    monkeypatch.setenv(services.UPLOAD_VARIABLE, "much")
    with pytest.raises(InvalidInputError, match='PERSCOPE_MAX_UPLOAD_MB must be a number, or "none"'):
        services.upload_bytes(0)


def test_too_many_that_wait_are_refused(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(services.WAITING_VARIABLE, "0")
    page = open_page("train")
    next(button for button in page.button if button.key == "train_start").click().run()
    assert "At most 0 trainings may wait for a device; waiting now: 0." in shown(page.error[0].value)
    assert services.manager().waiting == 0


def test_uploads_have_a_limit_together(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(services.UPLOAD_VARIABLE, "0.001")
    content = io.BytesIO()
    np.save(content, np.zeros((400, 3)))
    page = open_page("dumps", dumps_look="true")
    page.file_uploader(key="dumps_files").set_value([("large.npy", content.getvalue(), "")]).run()
    assert "Uploads may have 1000 bytes together" in shown(page.error[0].value)


@pytest.mark.parametrize(
    "folder", ["/etc/cifar", "../cifar", "~/cifar", "link/cifar", "runs/../../x", "\x00", "x" * 5000]
)
def test_data_sets_are_fetched_into_allowed_folders_only(
    open_page: OpenPage, runs_folder: Path, tmp_path: Path, folder: str
) -> None:
    (runs_folder / ".link").symlink_to(tmp_path)
    try:
        place = str(runs_folder / ".link" / "cifar") if folder.startswith("link") else folder
        page = open_page("train", train_data="CIFAR-10 (binary files)", train_folder=place, train_download="true")
        buttons = [button for button in page.button if button.key == "train_start"]
        if buttons:
            page = buttons[0].click().run()
        assert page.error
        assert all(str(tmp_path) not in error.value for error in page.error)
        assert services.manager().waiting == 0
        assert list(tmp_path.iterdir()) == []
    finally:
        (runs_folder / ".link").unlink()


def test_a_place_is_where_its_links_lead(tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    (tmp_path / "out").symlink_to("/")
    allowed = [tmp_path / "allowed"]
    assert within(tmp_path / "out" / "../x", [Path("/")]) == Path("/x")
    assert within(tmp_path / "allowed" / "new" / "cifar", allowed) == tmp_path / "allowed/new/cifar"
    os.symlink(tmp_path, tmp_path / "allowed" / "up")
    for elsewhere in ("allowed/up", "allowed/../x", "allowed/up/secret"):
        with pytest.raises(InvalidInputError, match="which is elsewhere"):
            within(tmp_path / elsewhere, allowed)
