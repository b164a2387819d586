"""Event files of TensorBoard: histograms of both forms against numpy's, checksums, unfinished and hostile files."""

import struct
import subprocess
import sys

import numpy as np
import pytest
from crc32c import crc32c
from tensorboardX import SummaryWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import HistogramProto

from analysis.dumps import ReadingLimits
from analysis.dumps.contents import list_dump
from analysis.dumps.pieces import read_rows
from per_core.errors import PerError
from tests.analysis.dumps.test_fuzz import mutate

LIMITS = ReadingLimits()
RANDOM = np.random.default_rng(3)
VALUES = {(tag, step): RANDOM.normal(step, 2, 500) for tag in ("layers.1", "blocks/2/out") for step in (0, 10)}


def masked(content):
    checksum = crc32c(content)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(content):
    length = struct.pack("<Q", len(content))
    return length + struct.pack("<L", masked(length)) + content + struct.pack("<L", masked(content))


BEGIN = record(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())


def events(path, *contents):
    """An event file with these events, or bytes of them."""
    bodies = [event if isinstance(event, bytes) else event.SerializeToString() for event in contents]
    path.write_bytes(BEGIN + b"".join(map(record, bodies)))
    return path


def histogram(tag, step, limits, counts, low=0.0, high=0.0, num=0.0):
    event = Event(wall_time=1.0, step=step)
    proto = HistogramProto(min=low, max=high, num=num, bucket_limit=limits, bucket=counts)
    event.summary.value.add(tag=tag).histo.CopyFrom(proto)
    return event


def tensor(tag, step, bins, *, plugin="histograms", as_content=True, dtype=2):
    event = Event(wall_time=1.0, step=step)
    value = event.summary.value.add(tag=tag)
    value.metadata.plugin_data.plugin_name = plugin
    value.tensor.dtype = dtype
    for length in np.shape(bins):
        value.tensor.tensor_shape.dim.add(size=length)
    if as_content:
        value.tensor.tensor_content = np.asarray(bins, {1: np.float32, 2: np.float64}[dtype]).tobytes()
    else:
        {1: value.tensor.float_val, 2: value.tensor.double_val}[dtype].extend(np.ravel(bins).tolist())
    return event


def found(path):
    return {entry.key: entry for _, entry in list_dump(path, LIMITS).found}


def bins_of(path, key):
    entry = found(path)[key]
    return read_rows(path, (key,), 0, entry.shape[0], LIMITS)


def written(folder):
    """A file as the library of PyTorch's users writes it."""
    with SummaryWriter(str(folder)) as writer:
        for (tag, step), values in VALUES.items():
            writer.add_histogram(tag, values, step)
            writer.add_scalar("loss", step, step)
        writer.add_text("note", "a run", 0)
    (path,) = folder.iterdir()
    return path


def test_histograms_of_a_writer_are_entries_of_layer_and_epoch(tmp_path):
    path = written(tmp_path)
    entries = found(path)
    assert {(entry.layer, entry.epoch) for entry in entries.values() if entry.dtype == "histogram"} == set(VALUES)
    assert [(entry.key, entry.shape, entry.note) for entry in entries.values() if entry.dtype == "text"] == [
        ("loss", (4,), "a log of scalars"), ("note/text_summary", (1,), "a log of text"),
    ]  # fmt: skip
    for (tag, step), values in VALUES.items():
        left, right, count = bins_of(path, f"{tag}/{step}").T
        assert count.sum() == len(values)
        assert (left[count > 0][0], right[count > 0][-1]) == (values.min(), values.max())
        for low, high, number in zip(left, right, count, strict=True):  # a bin holds its left edge; the last both
            assert ((values >= low) & ((values < high) | (values == high) & (high == values.max()))).sum() == number
    key = "layers.1/10"
    np.testing.assert_array_equal(read_rows(path, (key,), 3, 7, LIMITS), bins_of(path, key)[3:7])


def test_a_first_bucket_without_end_begins_at_the_smallest_value(tmp_path):
    largest = np.finfo(np.float64).max
    path = events(
        tmp_path / "events.out.tfevents.1.host",
        histogram("told", 1, [-1.0, 2.0, largest], [5, 6, 7], low=-3.0, high=9.0, num=18),
        histogram("untold", 1, [-1.0, 2.0, largest], [5, 6, 7]),
        histogram("wrong", 1, [-1.0, 2.0, largest], [5, 6, 7], low=5.0, high=6.0),
        histogram("beyond", 1, [-1.0, 2.0], [5, 6], low=-3.0, high=9.0, num=13),
    )
    np.testing.assert_array_equal(bins_of(path, "told/1"), [[-3, -1, 5], [-1, 2, 6], [2, 9, 7]])
    for key in ("untold/1", "wrong/1"):
        np.testing.assert_array_equal(bins_of(path, key), [[-np.inf, -1, 5], [-1, 2, 6], [2, largest, 7]])
    assert found(path)["beyond/1"].note == "2 of 13 values are in no bin: NaN, infinite or beyond the bins"


@pytest.mark.parametrize("as_content", [True, False])
@pytest.mark.parametrize("dtype", [1, 2])
def test_tensors_of_the_histogram_plugin(tmp_path, as_content, dtype):
    bins = np.array([[-1.5, 0, 3], [0, 0.5, 4], [0.5, 8, 0]])
    more = bins + np.array([0, 0, 1])
    later = tensor("a", 2, more, as_content=as_content, dtype=dtype)
    later.summary.value[0].ClearField("metadata")  # writers name the plugin with the first value only
    first = tensor("a", 1, bins, as_content=as_content, dtype=dtype)
    path = events(tmp_path / "events.out.tfevents.1.host", first, later, tensor("s", 1, 0.5, plugin="scalars"))
    np.testing.assert_array_equal(bins_of(path, "a/1"), bins)
    np.testing.assert_array_equal(bins_of(path, "a/2"), more)
    assert found(path)["s"].note == "a log of scalars"


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (histogram("a", 1, [1.0, 2.0], [1.0]), "2 limits and 1 counts"),
        (histogram("a", 1, [2.0, 1.0], [1.0, 1.0]), "do not ascend"),
        (histogram("a", 1, [1.0, np.nan], [1.0, 1.0]), "do not ascend"),
        (histogram("a", 1, [1.0, 2.0], [1.0, -1.0]), "of at least 0"),
        (histogram("a", 1, [1.0, 2.0], [0.0, 0.0]), "must hold a value"),
        (histogram("a", 1, [], []), "must hold a value"),
        (histogram("a", 1, [1.0, 2.0], [1.0, np.inf]), "of at least 0"),
        (tensor("a", 1, [[1.0, 2.0]]), "(bins, 3)"),
        (tensor("a", 1, [[2.0, 1.0, 1.0]]), "do not ascend"),
        (tensor("a", 1, [[0.0, 1.0, 1.0], [0.5, 2.0, 1.0]]), "do not ascend"),
    ],
)
def test_histograms_that_are_none_are_refused_alone(tmp_path, event, reason):
    path = events(tmp_path / "events.out.tfevents.1.host", event, histogram("good", 1, [1.0, 2.0], [0, 3]))
    entries = found(path)
    assert reason in entries["a/1"].refusal
    assert not entries["good/1"].refusal
    with pytest.raises(PerError):
        read_rows(path, ("a/1",), 0, 1, LIMITS)


def test_a_tensor_that_declares_more_than_it_holds(tmp_path):
    event = tensor("a", 1, [[0.0, 1.0, 1.0]])
    event.summary.value[0].tensor.tensor_shape.dim[0].size = 2**40
    assert "has 3 values" in found(events(tmp_path / "x.tfevents", event))["a/1"].refusal


def test_a_file_that_is_being_written_is_read_as_far_as_it_is(tmp_path):
    path = written(tmp_path)
    content = path.read_bytes()
    whole = found(path)
    for cut in (1, 5, 400):
        path.write_bytes(content[:-cut])
        entries = found(path)
        assert set(entries) <= set(whole)
        assert len(entries) >= len(whole) - 2
        assert "the last record is not whole" in list(entries.values())[-1].note
        assert not any(entry.refusal for entry in entries.values())
    path.write_bytes(content)
    assert found(path) == whole


def test_a_step_that_was_recorded_again_counts_last(tmp_path):
    again = [histogram("a", 1, [1.0, 2.0], [0, 3]), histogram("a", 1, [1.0, 2.0, 3.0], [0, 3, 4])]
    path = events(tmp_path / "events.out.tfevents.1.host", *again)
    assert found(path)["a/1"].note == "recorded more than once, the last counts"
    np.testing.assert_array_equal(bins_of(path, "a/1")[:, 2], [0, 3, 4])


def test_checksums_lengths_and_what_is_no_event(tmp_path):
    good = record(histogram("good", 1, [1.0, 2.0], [0, 3]).SerializeToString())
    path = tmp_path / "events.out.tfevents.1.host"
    flipped = bytearray(good)
    flipped[30] ^= 1
    path.write_bytes(BEGIN + bytes(flipped) + record(b"\xff\xff\xff") + good)
    reasons = [entry.refusal for entry in found(path).values()]
    assert "does not fit its checksum" in reasons[0]
    assert "a record is no event" in reasons[1]
    assert reasons[2:] == [""]
    path.write_bytes(BEGIN + good + b"\x01" + good)
    reasons = [entry.refusal for entry in found(path).values()]
    assert (reasons[0], "nothing behind it is read" in reasons[1]) == ("", True)
    length = struct.pack("<Q", 2**62)
    path.write_bytes(BEGIN + good + length + struct.pack("<L", masked(length)) + good)
    assert [entry.refusal for entry in found(path).values()] == [""]


def test_files_without_a_summary_and_with_too_many(tmp_path):
    path = events(tmp_path / "events.out.tfevents.1.host")
    assert "holds none yet" in next(iter(found(path).values()), list_dump(path, LIMITS).found[0][1]).refusal
    path = events(path, *(histogram("a", step, [1.0, 2.0], [0, 3]) for step in range(30)))
    entries = [entry for _, entry in list_dump(path, ReadingLimits(members=20)).found]
    assert len(entries) == 21
    assert "20 members" in entries[-1].refusal


def test_names_and_contents_that_disagree(tmp_path):
    (tmp_path / "events.out.tfevents.1.host").write_bytes(b"x" * 100)
    assert "begins with the bytes" in list_dump(tmp_path / "events.out.tfevents.1.host", LIMITS).found[0][1].refusal
    np.savez(tmp_path / "of.tfevents.npz", a=np.ones((2, 2)))
    assert list_dump(tmp_path / "of.tfevents.npz", LIMITS).found[0][1].shape == (2, 2)
    events(tmp_path / "x.npy", histogram("a", 1, [1.0, 2.0], [0, 3]))
    assert "Rename it to .tfevents" in list_dump(tmp_path / "x.npy", LIMITS).found[0][1].refusal


def test_changed_files_are_refused_or_read_as_they_were(tmp_path):
    """A record is read only if its checksum fits: what is read of a mutated file is what was written."""
    random = np.random.default_rng(11)
    path = written(tmp_path)
    content = path.read_bytes()
    good = {f"{tag}/{step}": bins_of(path, f"{tag}/{step}") for tag, step in VALUES}
    refused = 0
    for _ in range(150):
        path.write_bytes(mutate(content, random))
        for location, entry in list_dump(path, LIMITS).found:
            refused += bool(entry.refusal)
            if entry.dtype == "histogram" and not entry.refusal:
                np.testing.assert_array_equal(read_rows(path, location, 0, entry.shape[0], LIMITS), good[entry.key])
    assert refused > 50


def test_hostile_events_with_good_checksums_do_no_harm(tmp_path):
    """The bytes of an event mutated, their checksum made anew: refused, or bins that are some."""
    random = np.random.default_rng(12)
    path = tmp_path / "events.out.tfevents.1.host"
    contents = [
        histogram("a", 1, [-1.0, 2.0, 5.0], [5, 6, 7], low=-3.0, high=9.0, num=18).SerializeToString(),
        tensor("b", 1, [[0.0, 1.0, 1.0], [1.0, 2.0, 5.0]]).SerializeToString(),
    ]
    for number in range(300):
        events(path, mutate(contents[number % 2], random))
        for location, entry in list_dump(path, LIMITS).found:
            if entry.dtype == "histogram" and not entry.refusal:
                bins = read_rows(path, location, 0, entry.shape[0], LIMITS)
                assert bins.shape == entry.shape
                assert (bins[:, 0] <= bins[:, 1]).all()
                assert (bins[:, 2] >= 0).all()


def test_reading_needs_no_tensorflow():
    code = (
        "import sys; import analysis.dumps.formats.tensorboard_format, tensorboardX.proto.event_pb2;"
        " sys.exit(any(name.split('.')[0] in ('tensorflow', 'tensorboard') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
