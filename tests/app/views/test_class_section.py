"""A class in the lesson: its teacher and its students see what the others do, and a reload loses nothing."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from app.session import permissions, services
from app.session.class_store import Answer
from app.text.plain import escaped
from app.views.learn.class_section import link_to_class, qr_code
from app.views.learn.steps import STEPS
from tests.app.conftest import OpenPage, shown
from tests.app.views.test_pages import all_text, sent_charts

pytestmark = pytest.mark.long

STEP = STEPS[0]
OpenClass = Callable[[str], AppTest]


def address(page: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[-1] for name, value in page.query_params.items()}


def keys(page: AppTest) -> set[str]:
    return {str(button.key) for button in page.button}


def press(page: AppTest, key: str) -> AppTest:
    return page.button(key=key).click().run()


def well(page: AppTest) -> AppTest:
    assert [*page.exception, *page.error] == []
    return page


def options(page: AppTest) -> list[str]:
    """Texts of what can be answered at the first step."""
    return page.radio(key=f"learn_{STEP.key}_answer").options


def predict(page: AppTest, option: int) -> AppTest:
    radio = page.radio(key=f"learn_{STEP.key}_answer")
    radio.set_value(radio.options[option])
    return well(press(page.run(), "learn_check"))


def answered(page: AppTest) -> str:
    """How many have answered, as the teacher reads it."""
    return next(one.value for one in page.markdown if "answered." in one.value or "joined" in one.value)


def counts(page: AppTest) -> list[int]:
    return sent_charts(page)["learn_class_bars"].figure["data"][0]["x"]


@pytest.fixture
def open_class(open_page: OpenPage) -> OpenClass:
    """The page of a teacher who has opened a class in which answers are revealed by somebody."""

    def run(reveal: str) -> AppTest:
        page = open_page("learn", learn_class="true")
        page.radio(key="learn_class_reveal").set_value(reveal)
        return well(press(page.run(), "learn_open").run())

    return run


def test_teacher_and_students_see_each_other(open_page: OpenPage, open_class: OpenClass) -> None:
    teacher = open_class("teacher")
    code = address(teacher)["class"]
    assert [(one.label, one.value) for one in teacher.metric] == [("Code", code)]
    assert answered(teacher) == "Nobody has joined yet."
    assert counts(teacher) == [0] * len(options(open_page("learn")))
    first, second = (well(open_page("learn", **{"class": code})) for _ in range(2))
    assert address(first)["seat"] != address(second)["seat"]
    assert f"Class **{code}**." in all_text(first)
    first, second = predict(first, 1), predict(second, 0)
    assert "The teacher shows the answer when all have predicted." in shown(first.info[0].value)
    assert options(open_page("learn"))[1] in shown(first.info[0].value)
    teacher = well(teacher.run())
    assert answered(teacher) == "**2 of 2** answered."
    assert counts(teacher)[:2] == [1, 1]
    first = press(first, "learn_change").run()
    first = predict(first, 0)
    teacher = press(teacher.run(), "learn_reveal")
    assert counts(well(teacher.run()))[:2] == [2, 0]
    assert "The answer at these settings" in teacher.info[0].value
    assert "were right at the settings on their screens" in all_text(teacher)
    for student in (first, second):
        student = well(student.run())
        assert not [one for one in student.info if "The teacher shows" in one.value]
        assert "learn_again" in keys(student)
    late = predict(press(first, "learn_again"), 1)
    assert "learn_again" in keys(late)
    assert counts(well(teacher.run()))[:2] == [2, 0], "what is said after the reveal is no prediction"


def test_where_students_reveal_nobody_waits(open_page: OpenPage, open_class: OpenClass) -> None:
    teacher = open_class("student")
    student = predict(open_page("learn", **{"class": address(teacher)["class"]}), 0)
    assert "learn_again" in keys(student)
    assert counts(well(teacher.run()))[0] == 1
    assert "learn_check" not in keys(teacher)
    teacher = well(press(teacher, "learn_reveal").run())
    assert "learn_reveal" not in keys(teacher)
    assert "The answer at these settings" in teacher.info[0].value
    key = f"learn_class_reveal_{address(teacher)['class']}"
    well(teacher.radio(key=key).set_value("teacher").run())
    assert services.classes().find(address(teacher)["class"]).reveal == "teacher"


def test_a_new_session_has_its_seat_and_its_answers(open_page: OpenPage, open_class: OpenClass) -> None:
    teacher = open_class("student")
    student = predict(open_page("learn", **{"class": address(teacher)["class"]}), 2)
    place = {name: address(student)[name] for name in ("class", "seat")}
    again = well(open_page("learn", **place))
    assert "learn_again" in keys(again)
    assert address(again)["seat"] == place["seat"]
    assert answered(well(teacher.run())) == "**1 of 1** answered."
    reopened = well(open_page("learn", **{name: address(teacher)[name] for name in ("class", "teacher")}))
    assert answered(reopened) == answered(teacher)
    assert counts(reopened) == counts(teacher)


def test_a_seat_survives_the_other_pages(open_page: OpenPage, open_class: OpenClass) -> None:
    code = address(open_class("teacher"))["class"]
    student = open_page("learn", **{"class": code})
    seat = address(student)["seat"]
    for name in ("bound", "train", "learn"):
        student.query_params.clear()  # as a click on the navigation does
        student = well(student.switch_page(f"views/{name}/{name}.py").run())
        assert {"class": code, "seat": seat}.items() <= address(student).items()
    assert services.classes().tally(code).joined == 1


def test_a_new_seat_begins_without_answers(open_page: OpenPage, open_class: OpenClass) -> None:
    alone = predict(open_page("learn", learn_class="true"), 0)
    alone.text_input(key="learn_class_code").set_value(f" {address(open_class('teacher'))['class'].lower()} ")
    student = well(press(alone.run(), "learn_join").run())
    assert "seat" in address(student)
    assert "learn_check" in keys(student)


def test_who_leaves_goes_on_alone_and_the_answers_stay(open_page: OpenPage, open_class: OpenClass) -> None:
    teacher = open_class("student")
    student = predict(open_page("learn", **{"class": address(teacher)["class"]}), 0)
    student = well(press(student, "learn_leave"))
    assert not {"class", "seat"} & address(student).keys()
    assert "learn_again" in keys(student)
    assert counts(well(teacher.run()))[0] == 1


@pytest.mark.parametrize("code", ["BCDX", "nothing", "<b>x</b>", "x" * 100, "'; --", "💥"])
def test_an_unknown_class_is_said_and_the_lesson_goes_on(open_page: OpenPage, code: str) -> None:
    page = well(open_page("learn", **{"class": code, "seat": "hand-made", "teacher": "hand-made"}))
    assert "There is no class" in page.warning[0].value
    assert escaped(code) in page.warning[0].value
    page = predict(page, 0)
    assert "learn_again" in keys(page)
    page = well(press(page, "learn_alone"))
    assert not page.warning or "There is no class" not in page.warning[0].value
    assert "class" not in address(page)
    assert all(one not in all_text(well(open_page("bound", **{"class": code}))) for one in ("There is no class",))


def test_a_code_that_is_mistyped_is_said(open_page: OpenPage) -> None:
    page = open_page("learn", learn_class="true")
    page.text_input(key="learn_class_code").set_value("[x](y)")
    page = well(press(page.run(), "learn_join"))
    assert "There is no class" in page.warning[0].value
    assert "Check the code with the teacher." in page.warning[0].value
    assert "class" not in address(page)


def test_a_hand_made_seat_or_teacher_is_a_student_s_seat(open_page: OpenPage, open_class: OpenClass) -> None:
    code = address(open_class("teacher"))["class"]
    for name in ("seat", "teacher"):
        page = well(open_page("learn", **{"class": code, name: "hand-made"}))
        assert address(page)["seat"] != "hand-made"
        assert not {"learn_reveal", "learn_close"} & keys(page)


def test_a_class_that_is_closed_is_gone_for_all(open_page: OpenPage, open_class: OpenClass) -> None:
    teacher = open_class("teacher")
    code = address(teacher)["class"]
    student = predict(open_page("learn", **{"class": code}), 0)
    teacher = well(press(teacher, "learn_close"))
    assert not {"class", "teacher"} & address(teacher).keys()
    student = well(student.run())
    assert f"There is no class {code}" in student.warning[0].value
    assert "learn_again" in keys(student), "what was predicted is shown to who goes on alone"


def test_an_answer_that_cannot_be_kept_is_said(
    open_page: OpenPage, open_class: OpenClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = open_page("learn", **{"class": address(open_class("teacher"))["class"]})

    def refuse(*_: object) -> None:
        from per_core.errors import StorageError

        raise StorageError("The disk is full.")

    monkeypatch.setattr(services.classes(), "answer", refuse)
    radio = student.radio(key=f"learn_{STEP.key}_answer")
    radio.set_value(radio.options[0])
    student = press(student.run(), "learn_check")
    assert "The disk is full" in shown(student.error[0].value)


def test_students_read_where_the_teacher_is(open_page: OpenPage, open_class: OpenClass) -> None:
    teacher = open_class("teacher")
    code, token = address(teacher)["class"], address(teacher)["teacher"]
    services.classes().show_step(code, token, STEPS[-1].key)
    text = all_text(open_page("learn", **{"class": code}))
    assert (f"The teacher is at step {len(STEPS)}." in text) == (len(STEPS) > 1)


def test_in_class_mode_a_class_is_opened_with_the_key(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(permissions.CLASS_VARIABLE, "1")
    monkeypatch.setenv(permissions.KEY_VARIABLE, "a key of a teacher")
    permissions.teacher_key.cache_clear()
    page = well(open_page("learn", learn_class="true"))
    assert "learn_open" not in keys(page)
    page.text_input(key="learn_class_key").set_value("another key")
    page = well(press(page.run(), "learn_key"))
    assert "This is not the teacher's key." in page.warning[0].value
    page.text_input(key="learn_class_key").set_value("a key of a teacher")
    page = well(press(page.run(), "learn_key").run())
    page = well(press(page, "learn_open").run())
    assert "teacher" in address(page)
    permissions.teacher_key.cache_clear()


def test_the_link_is_where_the_teacher_is_and_the_picture_says_it(open_page: OpenPage, open_class: OpenClass) -> None:
    code = address(open_class("teacher"))["class"]
    link = link_to_class("http://perscope.example.org:8501/learn", code)
    assert link == f"http://perscope.example.org:8501/learn?class={code}&lang=en"
    student = well(open_page("learn", **{"class": code, "lang": "en"}))
    assert "seat" in address(student)
    assert qr_code(link).startswith("<svg")
    services.classes().answer(code, address(student)["seat"], STEP.key, Answer("x", False))


@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
def test_every_step_is_answered_in_a_class(open_page: OpenPage, number: int) -> None:
    step = STEPS[number - 1]
    code, token = services.classes().open_class("teacher")
    student = well(open_page("learn", **{"class": code, "step": str(number)}))
    question = f"learn_{step.key}_answer"
    for radio in [one for one in student.radio if one.key == question]:
        radio.set_value(radio.options[0])
    student = well(press(student.run(), "learn_check"))
    assert services.classes().tally(code).answered(step.key) == 1
    teacher = well(open_page("learn", **{"class": code, "teacher": token, "step": str(number)}))
    assert answered(teacher) == "**1 of 1** answered."
    bars = sent_charts(teacher)["learn_class_bars"].figure["data"][0]
    assert sum(bars["x" if bars.get("orientation") == "h" else "y"]) == 1
    teacher = well(press(teacher, "learn_reveal").run())
    assert "learn_again" in keys(well(student.run()))
    assert services.classes().find(code).revealed == {step.key}
