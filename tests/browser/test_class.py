"""A class in two browsers: what one does comes to the other by itself, and a reload loses nothing."""

from pathlib import Path

from playwright.sync_api import expect

from app.views.learn.class_section import qr_code
from tests.browser.conftest import NewPage
from tests.browser.pages import assert_fits, drawn_chart, look_at_both_themes, wait_until_idle

ANSWERED = """([key, place]) => {
    const plot = document.querySelector(`[data-chart="${key}"]`)
    return plot?.data?.[0].x[place] === 1
}"""
BARS = "learn_class_bars"


def test_a_student_joins_by_the_link_of_the_picture_and_each_sees_what_the_other_does(
    new_page: NewPage, server: str
) -> None:
    teacher, student = new_page(), new_page()
    teacher.goto(f"{server}/learn?learn_class=true")
    teacher.get_by_role("button", name="Open a class").click()
    link = teacher.get_by_test_id("stCode").inner_text().strip()
    assert link.startswith(f"{server}/learn?class=")
    picture = teacher.get_by_role("img", name="QR code of the link to the class")
    assert picture.evaluate("image => fetch(image.src).then(answer => answer.text())") == qr_code(link)
    expect(teacher.get_by_text("Nobody has joined yet.")).to_be_visible()

    student.set_viewport_size({"width": 390, "height": 844})  # a phone
    student.goto(link)
    expect(teacher.get_by_text("0 of 1 answered.")).to_be_visible()
    student.get_by_test_id("stRadio").get_by_text("one", exact=True).click()
    student.get_by_role("button", name="Check").click()
    expect(student.get_by_text("The teacher shows the answer when all have predicted.")).to_be_visible()
    expect(teacher.get_by_text("1 of 1 answered.")).to_be_visible()
    teacher.wait_for_function(ANSWERED, arg=[BARS, 1])
    assert_fits(student)

    student.reload()
    expect(student.get_by_text("You predicted: one. The teacher shows")).to_be_visible()
    place = student.url
    assert "seat=" in place

    teacher.get_by_role("button", name="Show the answer").click()
    expect(student.get_by_text("You predicted: one. The numbers say: none of them.")).to_be_visible()
    expect(teacher.get_by_text("0 of 1 answer was right")).to_be_visible()
    teacher.reload()
    teacher.wait_for_function(ANSWERED, arg=[BARS, 1])
    drawn_chart(teacher, BARS)
    wait_until_idle(teacher)
    assert_fits(teacher)
    look_at_both_themes(teacher, "class")
    student.close()
    again = new_page()  # the link of the seat, after a dead battery
    again.goto(place)
    expect(again.get_by_text("You predicted: one. The numbers say: none of them.")).to_be_visible()

    with teacher.expect_download() as counts:
        teacher.get_by_role("button", name="Counts as CSV").click()
    assert Path(counts.value.path()).read_text() == "step,answer,count,answered,right\nclouds,one,1,1,0\n"
    teacher.get_by_role("button", name="Close the class").click()
    teacher.get_by_role("button", name="Close and delete").click()
    expect(teacher.get_by_text("Your class")).to_have_count(0)
    again.reload()
    expect(again.get_by_text("There is no class")).to_be_visible()
