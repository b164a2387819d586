"""What a notebook shows of a run: static HTML in which a name is only ever text."""

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from per_core import InvalidInputError, open_run
from per_core.recording.layer_record import Allowance, LayerDigest
from per_core.recording.run_directory import Run, RunWriter
from per_core.recording.run_files import CLOSED

DIGEST = LayerDigest(Allowance(slices=16, units=4, tracked=1))
ATTACKS = (
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "</style><svg onload=alert(1)>",
    "\x1b[2J\u202e",
)


class Page(HTMLParser):
    """Tags and attributes, after checking that what is opened is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.handle_startendtag(tag, attrs)
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", " ", re.sub("<style>.*?</style>", "", page, flags=re.DOTALL))).split())


def drawn(scale: float = 1.0, n: int = 40, dead: int = 0) -> torch.Tensor:
    h = scale * torch.randn(n, 8, generator=torch.Generator().manual_seed(0))
    h[:, :dead] = 0
    return h


def recorded(path: Path, epochs: list[dict[str, torch.Tensor]], **options: object) -> Run:
    writer = RunWriter(path, allowance=DIGEST.allowance, **options)
    for epoch, layers in enumerate(epochs):
        writer.append(epoch, {name: DIGEST(h) for name, h in layers.items()}, scalars={"loss": 2.0**-epoch})
    writer.close()
    return open_run(path)


@pytest.mark.parametrize(
    ("ending", "said"), [(None, "open: being written, or cut short"), ("interrupted", "interrupted"), ("", "finished")]
)
def test_how_it_ended_is_said(tmp_path: Path, ending: str | None, said: str) -> None:
    """An earlier version closed a run without a word."""
    run = recorded(tmp_path / "run", [{"fc": drawn()}])
    (tmp_path / "run" / CLOSED).unlink()
    if ending is not None:
        (tmp_path / "run" / CLOSED).write_text(ending)
    assert f"state {said} epochs 0 records 1" in text_of(run._repr_html_())


def test_layers_come_worst_first_with_their_numbers(tmp_path: Path) -> None:
    run = recorded(
        tmp_path / "run",
        [{"near": drawn(), "far": drawn(5.0), "few": drawn(1.2, n=400)} for _ in range(3)],
        title="Mine",
        description={"method": "per", "seed": 3},
    )
    # 1.2 N is further from N(0, I) than a smaller sample of it, though its distance is the smaller number.
    assert run.records[-1].layers["few"].sw1 < run.records[-1].layers["near"].sw1
    assert run.worst_first == ("far", "few", "near")
    text = text_of(run._repr_html_())
    assert text.startswith("Mine")
    assert "state finished epochs 0 to 2 records 3 layers 3 method per seed 3" in text
    assert "loss" in text
    assert "0.25" in text
    last = run.records[-1].layers["far"]
    assert f"{last.variance:.3g} " in text
    assert f"{last.sw1:.3g} ± {last.sw1_margin:.2g}" in text
    assert text.index("far") < text.index("few") < text.index("near")


def test_lost_values_and_dead_units_are_said_in_words(tmp_path: Path) -> None:
    broken = drawn()
    broken[3, 2] = float("nan")
    run = recorded(
        tmp_path / "run",
        [{"a": drawn(), "b": drawn(dead=1)}, {"a": broken, "b": drawn(dead=5)}, {"a": broken, "b": drawn(dead=6)}],
    )
    text = text_of(run._repr_html_())
    assert "a: 1 of 320 values are NaN or infinite at epoch 1, the first that has any." in text
    assert "b: 75% of 8 units never change at epoch 2; half or more since epoch 1." in text
    well = recorded(tmp_path / "well", [{"a": drawn(), "b": drawn(dead=5)}, {"a": drawn(), "b": drawn(dead=1)}])
    assert "<li" not in well._repr_html_()


def test_a_layer_without_a_finite_value_is_the_worst(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", [{"big": drawn(1e6), "lost": torch.full((9, 8), float("inf"))}])
    assert run.worst_first == ("lost", "big")
    assert "no finite value" in run._repr_html_()
    assert "no finite value" in run.layer("lost")._repr_html_()


def test_an_empty_run_says_what_to_do(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run", allowance=DIGEST.allowance)
    run = open_run(tmp_path / "run")
    text = text_of(run._repr_html_())
    assert "open: being written, or cut short" in text
    assert "recorder.record(0, inputs=probe) writes the first one; run.refresh() reads it." in text
    assert repr(run) == f"<Run in '{tmp_path / 'run'}': 0 records, 0 layers>"
    writer.append(0.5, {"a": DIGEST(drawn())})
    writer.note_missing(1)
    text = text_of(run.refresh()._repr_html_())
    assert "epochs 0.5 records 1" in text
    assert "Records are missing at epoch 1, as they could not be written." in text


@pytest.mark.parametrize("attack", ATTACKS)
def test_names_are_only_ever_text(tmp_path: Path, attack: str) -> None:
    run = recorded(
        tmp_path / "run",
        [{attack: drawn(dead=8)}],
        title=attack,
        description={"method": attack, "seed": attack},
    )
    for shown in (run, run.layer(attack), run.records[0].layers[attack]):
        page = shown._repr_html_()
        found = Page(page)
        assert not {"script", "img", "a", "link", "iframe"} & found.tags
        assert (
            not {name for name in found.attributes if name.startswith("on")}
            | {"src", "href", "style"} & found.attributes
        )
        assert "\x1b" not in page
        assert "\u202e" not in page
    for shown in (run, run.layer(attack), run.records[0], run.records[0].layers[attack]):
        assert repr(shown).isprintable()


def test_a_line_says_what_a_record_is(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", [{"a": drawn()}, {"a": drawn()}], title="T")
    assert repr(run) == f"<Run 'T' in '{tmp_path / 'run'}': 2 records, epochs 0 to 1, 1 layers>"
    assert repr(run.records[1]) == "<Record 1: epoch 1, 1 layers, loss 0.5>"
    summary = run.layer("a").last
    assert repr(summary).startswith(f"<LayerSummary: 40 × 8, variance {summary.variance:.3g}, SW1 {summary.sw1:.3g} ±")
    assert repr(run.layer("a")) == f"<RecordedLayer 'a': 8 units, 2 epochs (0 to 1), last {summary!r}>"


def test_a_layer_is_followed_over_the_epochs_that_have_it(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", [{"a": drawn()}, {"b": drawn()}, {"a": drawn(2.0)}])
    layer = run.layer("a")
    assert layer.epochs == (0, 2)
    assert layer.summaries == (run.records[0].layers["a"], run.records[2].layers["a"])
    assert "epochs 0 to 2 rows 40 units 8" in text_of(layer._repr_html_())
    with pytest.raises(InvalidInputError, match=r"holds the layers a, b; received 'c'. Choose one of them"):
        run.layer("c")


def test_of_many_layers_the_worst_are_shown(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", [{f"layer {n}": drawn(1 + n, n=9) for n in range(40)}])
    page = run._repr_html_()
    assert page.count('<th scope="row">') == 30
    assert "layer 39" in page
    assert "layer 9<" not in page
    assert "10 more layers" in page
