"""Class mode: what visitors may not do is refused where it would be done; who has the teacher's key may do all."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from analysis.runs.library import open_comparison
from analysis.runs.spec import TrainingSpec
from analysis.training.presets import PRESETS
from app.session import permissions, services
from app.session.keys import DUMP_PLACES, KEY_GIVEN
from per_core import Recorder
from tests import processes
from tests.app.conftest import OpenPage, shown
from tests.app.views.test_pages import all_text
from tests.waiting import LIMIT

pytestmark = pytest.mark.long

KEY = "a key of a teacher"
ACT = """
import streamlit as st
from analysis.runs.spec import TrainingSpec
from app.session import permissions, services
from app.text.plain import escaped
from per_core.errors import PerError

permissions.give_key({key!r})
try:
    st.text({act})
except PerError as error:
    st.error(escaped(error))
"""


TELL_KEY = """
from app.__main__ import key_in_words
from app.session.permissions import teacher_key

print(key_in_words())
print(teacher_key())
"""


@pytest.fixture(scope="module", autouse=True)
def _empty_trash() -> Iterator[None]:
    """What these tests delete does not stay in the trash: other pages offer to empty it."""
    yield
    services.run_library().empty_trash()


@pytest.fixture(autouse=True)
def _for_a_class(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(permissions.CLASS_VARIABLE, "1")
    monkeypatch.setenv(permissions.KEY_VARIABLE, KEY)
    permissions.teacher_key.cache_clear()
    yield
    permissions.teacher_key.cache_clear()


def act(text: str, key: str = "") -> AppTest:
    return AppTest.from_string(ACT.format(act=text, key=key), default_timeout=LIMIT).run()


def record(folder: Path, title: str) -> str:
    with Recorder(nn.Sequential(nn.Linear(6, 6)), folder, title=title) as recorder:
        recorder.record(0, inputs=torch.randn(40, 6))
    return folder.name


def press(page: AppTest, key: str) -> AppTest:
    return page.button(key=key).click().run()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("services.dump_place('/etc')", "name no paths on the server. Drop the file on Dumps"),
        ("services.delete('kept')", "only the teacher deletes, restores and renames runs. Ask the teacher."),
        ("services.restore('kept')", "only the teacher deletes, restores and renames runs. Ask the teacher."),
        ("services.rename('kept', 'x')", "only the teacher deletes, restores and renames runs. Ask the teacher."),
        ("services.stop('kept')", "stop and resume only what they have started. Ask the teacher."),
        ("services.resume('kept')", "stop and resume only what they have started. Ask the teacher."),
        ("services.submit(TrainingSpec(epochs=2), 'once')", "train the presets as they are. Choose one of them"),
        (
            "services.submit(TrainingSpec.from_dict({'data': {'name': 'cifar10', 'folder': '/etc'}}), 'once')",
            "train the presets as they are. Choose one of them",
        ),
    ],
)
def test_an_act_is_refused_with_its_rule(runs_folder: Path, text: str, rule: str) -> None:
    if not (runs_folder / "kept").exists():
        record(runs_folder / "kept", "Kept")
    page = act(text)
    assert [*page.exception, *page.text] == []
    assert rule in shown(page.error[0].value)
    assert services.run_library().entry("kept").title == "Kept"
    assert services.manager().waiting == 0
    korean = AppTest.from_string(ACT.format(act=text, key="wrong" * 9), default_timeout=LIMIT)
    assert rule in shown(korean.run().error[0].value), "a wrong key opens nothing"


def test_the_teacher_is_not_limited(runs_folder: Path) -> None:
    record(runs_folder / "taught", "Taught")
    assert not act(f"services.dump_place({str(runs_folder)!r})", KEY).error
    assert not act("services.rename('taught', 'By the teacher')", KEY).error
    assert services.run_library().entry("taught").title == "By the teacher"
    assert not act("services.delete('taught')", f" {KEY}\n").error
    assert "taught" not in {entry.id for entry in services.run_library().list_runs()}


def test_without_class_mode_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, runs_folder: Path) -> None:
    record(runs_folder / "free", "Free")
    for off in ("", "0"):
        monkeypatch.setenv(permissions.CLASS_VARIABLE, off)
        assert not act("services.rename('free', 'Renamed')").error


@pytest.mark.parametrize("query", [{}, {KEY_GIVEN: "true"}, {"teacher": KEY}])
def test_a_path_in_the_address_is_refused(open_page: OpenPage, runs_folder: Path, query: dict[str, str]) -> None:
    np.save(runs_folder / "secret.npy", np.ones((40, 4)))
    page = open_page("dumps", dumps_look="true", dumps_path=str(runs_folder / "secret.npy"), **query)
    assert "In a class visitors name no paths on the server." in shown(page.error[0].value)
    assert "secret" not in all_text(page)
    assert str(runs_folder) not in all_text(page)
    assert page.text_input(key="dumps_path").disabled
    typed = open_page("dumps", dumps_look="true")
    typed.session_state["dumps_path"] = str(runs_folder)
    assert "In a class visitors name no paths on the server." in shown(typed.run().error[0].value)
    example = open_page("dumps", dumps_look="true")
    assert [*example.exception, *example.error] == []
    assert "One layer" in all_text(example)


def test_paths_of_other_widths_are_refused_too(open_page: OpenPage, runs_folder: Path) -> None:
    np.save(runs_folder / "wide.npy", np.ones((40, 8)))
    page = open_page(
        "dumps",
        dumps_look="true",
        dumps_path="example",
        dumps_view="Width",
        dumps_width_paths=str(runs_folder / "wide.npy"),
    )
    areas = [*page.text_area, *page.text_input]
    others = next(one for one in areas if "width" in str(one.key))
    page = others.set_value(str(runs_folder / "wide.npy")).run()
    assert any("In a class visitors name no paths on the server." in shown(one.value) for one in page.error)


def test_uploads_have_20_mb_together_and_are_the_visitor_s_own(open_page: OpenPage) -> None:
    content = io.BytesIO()
    np.save(content, np.zeros((1_000_000, 3)))
    page = open_page("dumps", dumps_look="true")
    page.file_uploader(key="dumps_files").set_value([("large.npy", content.getvalue(), "")]).run()
    assert "In a class the files of a visitor have 20 MB together." in shown(page.error[0].value)
    small = io.BytesIO()
    np.save(small, np.random.default_rng(0).standard_normal((40, 3)))
    page.file_uploader(key="dumps_files").set_value([("brought_by_me.npy", small.getvalue(), "")]).run()
    assert [*page.exception, *page.error] == []
    assert "dumps" in page.session_state[DUMP_PLACES]
    assert "dumps" not in open_page("dumps", dumps_look="true").session_state[DUMP_PLACES]


def test_train_offers_the_presets_alone(open_page: OpenPage, runs_folder: Path) -> None:
    record(runs_folder / "listed", "Listed")
    page = open_page("train", train_epochs="2", train_data="CIFAR-10 (binary files)", train_folder="/etc")
    assert [*page.exception, *page.error] == []
    keys = {button.key for button in page.button}
    assert {f"train_start_{key}" for key in PRESETS} <= keys
    assert not {"train_start", "train_delete", "train_rename"} & keys
    assert not [key for key in (one.key for one in page.number_input) if key.startswith("train_")]
    assert not page.text_input
    assert "In a class visitors train the presets as they are." in shown(all_text(page))
    assert "Delete" not in {button.label for button in page.button}


def test_a_visitor_trains_a_preset_and_has_one_that_waits(open_page: OpenPage) -> None:
    first = press(open_page("train"), "train_start_default")
    assert [*first.exception, *first.error] == []
    run = first.query_params["run"][0] if isinstance(first.query_params["run"], list) else first.query_params["run"]
    spec = TrainingSpec.from_dict(open_comparison(services.run_library().path(run)).spec)
    assert spec == PRESETS["default"].spec
    other = open_page("train")
    for preset in ("figure2", "hard"):
        other.session_state["train_pressed"] = -1e9  # a while ago: no double click
        other = press(other, f"train_start_{preset}")
    assert "At most 1 of your trainings may wait for a device; waiting now: 1." in shown(other.error[0].value)
    own = [button.key for button in other.button]
    assert "train_stop" in own
    stranger = open_page("train", run=run)
    assert not {"train_stop", "train_resume"} & {button.key for button in stranger.button}
    press(first, "train_stop")
    press(other, "train_stop")
    assert services.manager().waiting == 0


def test_a_double_click_is_one_training_also_where_one_waits(open_page: OpenPage) -> None:
    first = press(open_page("train"), "train_start_default")
    before = len(services.run_library().list_runs())
    second = press(press(open_page("train"), "train_start_default"), "train_start_default")
    assert [*second.exception, *second.error] == []
    assert len(services.run_library().list_runs()) == before + 1
    assert "**queued**" in all_text(second)
    press(second, "train_stop")
    press(first, "train_stop")


def test_the_key_is_printed_where_the_server_starts() -> None:
    clean = {name: value for name, value in os.environ.items() if name != permissions.KEY_VARIABLE}
    told, key = processes.run([sys.executable, "-c", TELL_KEY], env=clean, check=True).stdout.splitlines()
    assert told.endswith(f"the teacher's key is {key}")
    assert len(key) == 14
    assert key not in processes.run([sys.executable, "-c", TELL_KEY], env=clean, check=True).stdout
    own = processes.run([sys.executable, "-c", TELL_KEY], env=os.environ | {permissions.KEY_VARIABLE: KEY}, check=True)
    assert own.stdout.splitlines()[0] == "Class mode: the teacher's key is the one in PERSCOPE_TEACHER_KEY."


def test_a_key_that_is_too_short_is_said_at_the_start() -> None:
    environment = os.environ | {permissions.KEY_VARIABLE: "short"}
    ended = processes.run([sys.executable, "-m", "app", "--class", "--port", "1"], env=environment)
    assert ended.returncode == 2
    assert "PERSCOPE_TEACHER_KEY must have at least 8 signs; it has 5." in ended.stderr
