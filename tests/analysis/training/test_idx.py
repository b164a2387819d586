"""MNIST and Fashion-MNIST: the reader and the download, on small files of the published layout."""

import gzip
import struct
from dataclasses import replace

import numpy as np
import pytest

from analysis.runs.spec import DataSpec, ModelSpec, TrainingSpec
from analysis.training import idx
from analysis.training.data_source import load_samples
from analysis.training.idx import FASHION_MNIST, MNIST
from analysis.training.plan import outline_of
from per_core.errors import InvalidInputError
from tests.analysis.training.published import Server
from tests.analysis.training.workers import work_here

PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx_bytes(values):
    head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.astype(np.uint8).tobytes()


def parts(n=40, test=10, seed=0):
    """The four arrays by the names of their files."""
    rng = np.random.default_rng(seed)
    arrays = []
    for count in (n, test):
        arrays += [rng.integers(256, size=(count, 28, 28)), rng.integers(10, size=count)]
    return dict(zip(PARTS, arrays, strict=True))


def write(folder, *, packed=False, **more):
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in {**parts(), **more}.items():
        content = values if isinstance(values, bytes) else idx_bytes(values)
        (folder / f"{name}.gz").write_bytes(gzip.compress(content)) if packed else (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("below", [False, True])
def test_images_and_labels(tmp_path, packed, name, below):
    place = {"mnist": "MNIST/raw", "fashion_mnist": "FashionMNIST/raw"}[name]
    write(tmp_path / place if below else tmp_path, packed=packed)
    data = load_samples(DataSpec(name, folder=str(tmp_path)))
    expected = parts()
    np.testing.assert_array_equal(data.training_inputs[:, 0], expected[PARTS[0]])
    np.testing.assert_array_equal(data.training_labels, expected[PARTS[1]])
    np.testing.assert_array_equal(data.test_inputs[:, 0], expected[PARTS[2]])
    np.testing.assert_array_equal(data.test_labels, expected[PARTS[3]])
    assert (data.shape, data.classes) == ((1, 28, 28), 10)
    scaled = data.scaled(data.training_inputs)
    assert scaled.mean().item() == pytest.approx(0, abs=1e-5)
    assert scaled.std().item() == pytest.approx(1, abs=1e-3)


def test_the_outline_is_that_of_the_data(tmp_path):
    spec = DataSpec("mnist", folder=str(write(tmp_path)))
    shape, classes, samples = outline_of(spec)
    data = load_samples(spec)
    assert (shape, classes, samples) == (data.shape, data.classes, 60_000)


def test_a_residual_network_learns_them(tmp_path):
    spec = TrainingSpec(
        DataSpec("mnist", folder=str(write(tmp_path / "data"))), ModelSpec("resnet", "relu", width=0.25, blocks=1),
        epochs=1, batch_size=20, probe_size=20, device="cpu",
    )  # fmt: skip
    assert work_here(spec, tmp_path / "run") == 0


def test_a_folder_is_needed():
    with pytest.raises(InvalidInputError, match=r"data\.folder must name the folder of mnist's files"):
        DataSpec("mnist")


def test_files_that_are_not_there(tmp_path):
    write(tmp_path)
    (tmp_path / PARTS[3]).unlink()
    with pytest.raises(InvalidInputError, match=rf"MNIST needs the files .*; there is no {PARTS[3]}\. .*allow the"):
        idx.fetch(MNIST, tmp_path, download=False)


IMAGES, LABELS = parts()[PARTS[0]], parts()[PARTS[1]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (PARTS[0], b"", "IDX file of bytes with 3 axes"),
        (PARTS[0], idx_bytes(IMAGES)[:-1], "IDX file of bytes with 3 axes"),
        (PARTS[0], idx_bytes(IMAGES) + b"x", "IDX file of bytes with 3 axes"),
        (PARTS[0], idx_bytes(LABELS), "IDX file of bytes with 3 axes"),
        (PARTS[0], bytes([0, 0, 13, 3]) + idx_bytes(IMAGES)[4:], "IDX file of bytes with 3 axes"),
        (PARTS[0], bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**31, 2**31) + bytes(9), "IDX file of bytes"),
        (PARTS[0], idx_bytes(IMAGES[:, :, :27]), r"images of 28 x 28 and a label for each; received \(40, 28, 27\)"),
        (PARTS[1], idx_bytes(LABELS[:39]), "and 39 labels"),
        (PARTS[1], idx_bytes(LABELS + 10), "must be below 10; train-labels-idx1-ubyte has"),
    ],
)
def test_files_of_another_layout(tmp_path, name, content, message):
    write(tmp_path, **{name: content})
    with pytest.raises(InvalidInputError, match=message):
        load_samples(DataSpec("mnist", folder=str(tmp_path)))


@pytest.mark.parametrize("content", [b"\x1f\x8b no gzip", b"", gzip.compress(idx_bytes(IMAGES))[:-20]])
def test_damaged_gzip(tmp_path, content):
    write(tmp_path, packed=True)
    (tmp_path / f"{PARTS[0]}.gz").write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"cannot be read|must be an IDX file"):
        load_samples(DataSpec("mnist", folder=str(tmp_path)))


def test_a_gzip_that_swells_is_not_unpacked_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(idx, "MOST_SAMPLES", 50)
    bomb = bytes([0, 0, 8, 3]) + struct.pack(">3I", 51, 28, 28) + bytes(51 * 784)
    write(tmp_path, packed=True, **{PARTS[0]: bomb})
    with pytest.raises(InvalidInputError, match="at most 50 samples; received 39,216 bytes"):
        load_samples(DataSpec("mnist", folder=str(tmp_path)))


@pytest.mark.parametrize("files", [MNIST, FASHION_MNIST])
def test_download(tmp_path, files):
    contents = {f"{name}.gz": gzip.compress(idx_bytes(values)) for name, values in parts().items()}
    lines = []
    with Server(contents) as server:
        own = replace(files, files=tuple(server.published(name, content) for name, content in contents.items()))
        found = idx.fetch(own, tmp_path, download=True, progress=lines.append)
        assert idx.fetch(own, tmp_path, download=True) == found
    assert server.asked == [None] * 4
    images, labels = idx.read(own, *found[:2])
    np.testing.assert_array_equal(images[:, 0], IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    assert all(line.startswith(files.title) for line in lines)


def test_another_file_is_refused(tmp_path):
    contents = {f"{name}.gz": gzip.compress(idx_bytes(values)) for name, values in parts().items()}
    with Server(contents) as server:
        own = replace(MNIST, files=tuple(server.published(name, b"other") for name in contents))
        with pytest.raises(InvalidInputError, match=r"train-images-idx3-ubyte.gz of MNIST must have the MD5 .*deleted"):
            idx.fetch(own, tmp_path, download=True)
    assert list(tmp_path.iterdir()) == []


def test_links_are_not_written_through(tmp_path):
    (tmp_path / f"{PARTS[0]}.gz").symlink_to(tmp_path.parent / "elsewhere")
    with pytest.raises(InvalidInputError, match="is a link"):
        idx.fetch(MNIST, tmp_path, download=True)
