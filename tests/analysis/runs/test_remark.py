import json
from dataclasses import dataclass
from typing import get_args

import pytest

from analysis.runs.folder import ComparisonFolder
from analysis.runs.remark import SENTENCES, Remark, RemarkKind, explain, read_remark
from analysis.runs.status import change_status, read_status
from per_core.errors import BudgetError

FIGURES = {"text": "a text", "signal": "SIGTERM", "seconds": 2.5, "error": "no", "exit": "ended", "words": "the end"}


@dataclass(frozen=True)
class Ended:
    state: str
    epoch: float
    epochs: int | None
    remark: Remark | None


@pytest.mark.parametrize("kind", get_args(RemarkKind))
def test_every_kind_is_said_and_read_back(kind):
    named = {name: value for name, value in FIGURES.items() if f"{{{name}" in SENTENCES[kind]}
    remark = Remark(kind, named)
    assert read_remark(json.loads(json.dumps(remark.as_dict())), "") == remark
    sentence = remark.sentence()
    assert "{" not in sentence
    assert all(f"{value:g}" in sentence if isinstance(value, float) else value in sentence for value in named.values())


def test_a_sentence_is_translated_before_its_figures_stand_in_it():
    remark = Remark("time limit", {"seconds": 3.0})
    assert remark.sentence({SENTENCES["time limit"]: "{seconds:g} Sekunden"}.__getitem__) == "3 Sekunden"


@pytest.mark.parametrize(
    "values",
    [None, "asked", [], {}, {"kind": "of a later version", "figures": {}}, {"kind": [], "figures": {}},
     {"kind": "time limit", "figures": {}}, {"kind": "time limit", "figures": {"seconds": "many"}}],
)  # fmt: skip
def test_what_is_no_remark_leaves_the_message(values):
    assert read_remark(values, "stopped on request") == Remark.told("stopped on request")
    assert read_remark(values, "") is None


def test_an_interrupted_run_says_where_and_why():
    assert explain(Ended("interrupted", 3, 9, Remark("parent gone"))) == (
        "interrupted at epoch 3 of 9: the process that started it has gone"
    )
    assert explain(Ended("interrupted", 3, 9, None)) == "interrupted at epoch 3 of 9"
    assert explain(Ended("failed", 3, 9, Remark.told("no {room}"))) == "no {room}"
    assert explain(Ended("finished", 9, 9, None)) == ""


def test_the_file_has_the_record_and_the_sentence(tmp_path):
    change_status(tmp_path, "stopped", Remark("time limit", {"seconds": 3.0}), epochs=9)
    values = ComparisonFolder(tmp_path).read_status()
    assert values["message"] == "stopped at the limit of 3 seconds"
    assert values["remark"] == {"kind": "time limit", "figures": {"seconds": 3.0}}
    assert read_status(tmp_path).remark == Remark("time limit", {"seconds": 3.0})


def test_what_an_error_said_is_english_in_the_file_and_translated_where_it_is_shown(tmp_path):
    korean = {"Out of memory on {device}.": "메모리 부족({device})."}
    change_status(tmp_path, "failed", Remark.told(BudgetError("Out of memory on {device}.", device="CPU")), epochs=9)
    assert ComparisonFolder(tmp_path).read_status()["message"] == "Out of memory on CPU."
    status = read_status(tmp_path)
    assert explain(status) == "Out of memory on CPU."
    assert explain(status, lambda text: korean.get(text, text)) == "메모리 부족(CPU)."
