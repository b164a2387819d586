"""How a dump is read, on the page: said before anything is computed, changed by hand, kept in the address or a file."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import MenuButton

from analysis.dumps import ArrayRule, ReadingPlan, inspect
from analysis.dumps.plan.plan_file import keep_plan
from app.session import services
from app.session.dump_plan import packed_plan, unpacked_plan
from tests.app.conftest import OpenPage, shown
from tests.app.views.dumped import cells
from tests.app.views.test_pages import all_text

pytestmark = pytest.mark.long

STARTS = list(range(0, 300, 25))


@pytest.fixture
def parts(runs_folder: Path) -> Iterator[Path]:
    """Twelve parts of one layer, named by the row with which they begin, and labels."""
    folder = runs_folder / "parts_of_a_test"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for start in STARTS:
        np.save(folder / f"layer_4_{start}.npy", rng.standard_normal((25, 8)).astype(np.float32))
    np.save(folder / "labels.npy", np.arange(300))
    (folder / "notes.md").write_text("mine")
    yield folder
    shutil.rmtree(folder)


def word(page: AppTest, text: str, role: str = "") -> MenuButton:
    """A word of the first name that is shown, by its text and the colour of its role."""
    return next(one for one in page.menu_button if shown(one.label).endswith(f"{text}**]" if role else text))


def opened(open_page: OpenPage, folder: Path, **query: str | list[str]) -> AppTest:
    page = open_page("dumps", dumps_look="true", dumps_path=str(folder), dumps_editor="true", **query)
    assert [*page.exception] == []
    return page


def test_the_plan_is_said_before_anything_is_computed(open_page: OpenPage, parts: Path) -> None:
    page = opened(open_page, parts)
    text = shown(all_text(page))
    assert (
        "**13 files → 1 layer × 1 epoch**; 12 parts of 25 rows joined to 300 rows (ordered by the number in the name);"
        " left out: 1 (labels)."
    ) in text
    assert list(cells(page).values()) == ["300 × 8, 12 parts"]
    left_out = next(one.value for one in page.table if "Why" in one.value).map(shown)
    assert left_out["Left out"].tolist() == ["labels", "other files"]
    assert left_out["Such as"].tolist() == ["labels.npy", "notes.md"]
    assert text.index("13 files") < text.index("SW1")


def test_a_token_is_given_another_role_and_back(open_page: OpenPage, parts: Path) -> None:
    page = opened(open_page, parts)
    before = cells(page)
    word(page, "0", "part").click("epoch").run()
    assert [*page.exception, *page.error] == []
    assert set(cells(page).values()) == {"25 × 8"}
    assert [column for _, column in cells(page)] == list(map(str, STARTS))
    assert "13 files → 1 layer × 12 epochs" in all_text(page)
    assert "dumps_plan" in page.query_params
    page.button(key="dumps_undo").click().run()
    assert cells(page) == before
    assert "dumps_plan" not in page.query_params
    word(page, "0", "part").click("layer").run()
    assert len(cells(page)) == 12
    page.button(key="dumps_back").click().run()
    assert cells(page) == before


def test_a_change_that_tells_nothing_apart_is_said_beside_it(open_page: OpenPage, parts: Path) -> None:
    page = opened(open_page, parts)
    word(page, "0", "part").click("ignored").run()
    assert "Nothing tells layer_4_0.npy and layer_4_25.npy apart" in shown(page.warning[0].value)
    page.button(key="dumps_undo").click().run()
    assert [*page.warning] == []
    word(page, "layer", "layer").click("epoch").run()
    assert "An epoch is a number; layer is none" in shown(page.warning[0].value)


def test_axes_are_chosen_and_two_layers_refused(open_page: OpenPage, parts: Path) -> None:
    page = opened(open_page, parts)
    first, second = (one for one in page.selectbox if "_axis_" in str(one.key))
    assert (first.label, first.value) == ("Axis 1, 25 long", "sample")
    assert (second.label, second.value) == ("Axis 2, 8 long", "unit")
    first.set_value("layer").run()
    assert len(cells(page)) == 25
    next(one for one in page.selectbox if one.label.startswith("Axis 2")).set_value("layer").run()
    assert len(page.error) == 1
    assert "One axis at most is the layer's" in page.error[0].value
    assert len(cells(page)) == 25


def test_what_is_left_out_is_taken_in(open_page: OpenPage, parts: Path) -> None:
    page = opened(open_page, parts)
    taken = next(one for one in page.toggle if str(one.key).startswith("dumps_taken") and not one.value)
    taken.set_value(True).run()
    assert [*page.exception, *page.error] == []
    assert "300 × 1" in cells(page).values()
    taken = next(one for one in page.toggle if one.key == taken.key)
    taken.set_value(False).run()
    assert list(cells(page).values()) == ["300 × 8, 12 parts"]


def test_a_link_opens_the_same_reading_and_its_code_gives_it(open_page: OpenPage, parts: Path) -> None:
    plan = ReadingPlan((ArrayRule("layer_{layer}_{epoch}.npy", ("sample", "unit")),))
    page = opened(open_page, parts, dumps_plan=packed_plan(plan))
    assert [*page.error] == []
    assert len(cells(page)) == 12
    assert page.query_params["dumps_plan"] in (packed_plan(plan), [packed_plan(plan)])
    printed: list[object] = []
    (lines,) = (one.value for one in page.code if "print(" in one.value)
    exec(lines, {"print": printed.append})
    assert printed[0].total == 25
    page = page.switch_page("views/bound/bound.py").run()
    assert page.session_state["choice"].epochs == STARTS
    page = page.switch_page("views/dumps/dumps.py").run()
    assert len(cells(page)) == 12


@pytest.mark.parametrize(
    "query",
    [{"dumps_plan": "broken"}, {"dumps_set": ["axes/none=unit"]}, {"dumps_plan": ["", "\x00"]}, {"dumps_set": "==="}],
)
def test_nonsense_for_a_plan_gives_a_message_and_the_proposal(
    open_page: OpenPage, parts: Path, query: dict[str, str | list[str]]
) -> None:
    page = opened(open_page, parts, **query)
    assert list(cells(page).values()) == ["300 × 8, 12 parts"]
    assert len(page.error) == 1


def test_a_plan_too_long_for_the_address_is_said(open_page: OpenPage, parts: Path) -> None:
    rng = np.random.default_rng(0)
    names = ["".join(map(chr, rng.integers(97, 123, 60))) for _ in range(40)]
    rules = [ArrayRule(f"{name}_{{layer}}.npy", ("sample", "unit")) for name in names]
    parts_rule = ArrayRule("{layer:layer_*}_{part}.npy", ("sample", "unit"))
    keep_plan(parts, ReadingPlan((*rules, parts_rule)))
    page = opened(open_page, parts)
    assert "12 of 41 rules are shown." in [one.value for one in page.caption]
    assert len([one for one in page.warning if "No array has a name of this form" in one.value]) == 12
    page.text_input(key="dumps_rules").set_value("layer_4").run()
    assert "1 of 41 rules are shown." in [one.value for one in page.caption]
    word(page, "0", "part").click("epoch").run()
    assert any("too long for the address" in one.value for one in page.info)
    assert "dumps_plan" not in page.query_params


def test_a_plan_is_kept_beside_the_dump_and_found_again(open_page: OpenPage, parts: Path) -> None:
    page = opened(open_page, parts)
    word(page, "0", "part").click("epoch").run()
    page.button(key="dumps_keep").click().run()
    assert [*page.exception, *page.error] == []
    assert len(inspect(parts).readable) == 12
    page = opened(open_page, parts)
    assert len(cells(page)) == 12
    assert "Read by the plan in perscope.toml" in shown(all_text(page))
    page.button(key="dumps_anew").click().run()
    assert list(cells(page).values()) == ["300 × 8, 12 parts"]
    (parts / "perscope.toml").write_text("what = 1")
    page = opened(open_page, parts)
    assert "Correct the file, or delete it" in page.error[0].value
    assert list(cells(page).values()) == ["300 × 8, 12 parts"]


def test_why_a_plan_cannot_be_kept_is_said(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, parts: Path) -> None:
    page = open_page("dumps", dumps_look="true", dumps_path=services.EXAMPLE, dumps_editor="true")
    assert page.button(key="dumps_keep").disabled
    assert any("stays as it was shipped" in one.value for one in page.caption)
    monkeypatch.setattr("app.views.dumps.plan_editor.os.access", lambda *_: False)
    page = opened(open_page, parts)
    assert any("may not write into this folder" in one.value for one in page.caption)
    page = open_page("dumps", dumps_look="true", dumps_editor="true")
    content = io.BytesIO()
    np.save(content, np.zeros((40, 3), np.float32))
    page.file_uploader(key="dumps_files").set_value([("layer_7.npy", content.getvalue(), "")]).run()
    assert page.button(key="dumps_keep").disabled
    assert any("no place on the server" in one.value for one in page.caption)


def test_a_rerun_plans_nothing_again(open_page: OpenPage, parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = opened(open_page, parts)
    monkeypatch.setattr("analysis.dumps.inspection.propose_plan", None)
    monkeypatch.setattr("analysis.dumps.inspection.read_by_plan", None)
    page.run()
    assert [*page.exception, *page.error] == []
    assert list(cells(page).values()) == ["300 × 8, 12 parts"]


def test_a_second_change_keeps_one_that_is_not_drawn_yet(open_page: OpenPage, parts: Path) -> None:
    page = opened(open_page, parts)
    first, second = word(page, "0", "part"), word(page, "layer", "layer")
    first.click("epoch")
    second.click("ignored")  # both as the same picture has them
    page.run()
    rule = next(rule for rule in unpacked_plan(str(page.query_params["dumps_plan"])).rules if not rule.left_out)
    assert rule.name == "*_{layer:4}_{epoch}.npy"
