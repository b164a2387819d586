"""The lesson's sheets: every question with its computed answer, escaped, in the visitor's language."""

from html.parser import HTMLParser

from app.views.learn.sheet import entry_of, write_sheet
from app.views.learn.steps import STEPS
from tests.app.conftest import OpenPage

MINUTES = 45  # of a lesson, with the plays


class Text(HTMLParser):
    """Collects what a page says, and which options are ticked."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.ticked = 0
        self.feed(html)

    def handle_starttag(self, _tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.ticked += ("class", "right") in attributes

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def test_the_students_sheet_asks_and_the_teachers_answers() -> None:
    student, teacher = (Text(write_sheet(STEPS, for_teacher=teacher)) for teacher in (False, True))
    entries = [entry_of(step) for step in STEPS]
    for entry in entries:
        for text in (entry.title, entry.question, *entry.options):
            assert any(text in said for said in student.said), text
            assert any(text in said for said in teacher.said), text
        assert any(entry.because in said for said in teacher.said)
        assert not any(entry.because in said for said in student.said), "the answer is not given away"
    assert student.ticked == 0
    assert teacher.ticked == sum(bool(entry.options) for entry in entries), "one right option each"


def test_the_lesson_fits_into_an_hour_of_school() -> None:
    assert sum(step.minutes for step in STEPS) <= MINUTES


def test_sheets_are_offered_on_request(open_page: OpenPage) -> None:
    page = open_page("learn", learn_sheets="true")
    assert len(page.get("download_button")) == 2
