"""Charts of a class say what was answered and, once it is shown, what is right."""

from app.charts.chart import _encode, style
from app.charts.class_answers import number_bars, option_bars


def test_the_right_option_stands_out_only_once_it_is_known() -> None:
    options, counts = ["none of <them>", "one", "all"], [3, 0, 12]
    before, after = (option_bars(options, counts, right) for right in (None, 2))
    for figure in (before, after):
        assert figure["data"][0]["x"] == counts
        assert figure["data"][0]["text"] == ["3", "0", "12"]
        assert figure["layout"]["xaxis"]["range"][1] > 12
    assert len(set(before["data"][0]["marker"]["color"])) == 1
    colours = after["data"][0]["marker"]["color"]
    assert colours[0] == colours[1] != colours[2]
    texts = [one["text"] for one in after["layout"]["annotations"]]
    assert texts == ["none of &lt;them&gt;", "one", "<b>✓ all</b>"]
    assert [one["y"] for one in after["layout"]["annotations"]] == sorted(
        one["y"] for one in after["layout"]["annotations"]
    )


def test_rows_do_not_overlap_and_the_first_is_on_top() -> None:
    figure = option_bars(["a", "b"], [0, 0], None)
    bars, low, high = figure["data"][0], *figure["layout"]["yaxis"]["range"]
    ends = [(row + bars["offset"], row + bars["offset"] + bars["width"]) for row in bars["y"]]
    assert low > ends[1][1] > ends[1][0] > ends[0][1] > ends[0][0] > high


def test_numbers_stand_where_they_were_placed() -> None:
    before, after = (number_bars([0.5, 0.8], [2, 5], 0.0, 2.0, right) for right in (None, 0.75))
    assert (before["data"][0]["x"], before["data"][0]["y"]) == ([0.5, 0.8], [2, 5])
    assert "shapes" not in before["layout"]
    assert [(line["x0"], line["x1"]) for line in after["layout"]["shapes"]] == [(0.75, 0.75)]
    assert after["layout"]["xaxis"]["range"][0] < 0 < 2 < after["layout"]["xaxis"]["range"][1]


def test_a_class_without_answers_has_a_chart() -> None:
    for figure in (option_bars(["a", "b"], [0, 0], None), number_bars([], [], 0.0, 1.0, None)):
        assert style(figure, 200)["layout"]["height"] == 200
        assert len(_encode(figure, "learn_class_bars", 200)) < 3000
