"""The reader and the download, on small files of the official layout and a server of the test's own."""

import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from analysis.runs.spec import DataSpec
from analysis.training.cifar import CIFAR10, CIFAR100, PIXELS, fetch, read_test, read_training
from analysis.training.data_source import load_samples
from per_core.errors import InvalidInputError
from tests.analysis.training.published import Server, published


def records(files, n, *, seed):
    """n records, and the images and labels that they hold."""
    rng = np.random.default_rng(seed)
    images = rng.integers(256, size=(n, 3, 32, 32), dtype=np.uint8)
    labels = rng.integers(files.classes, size=n)
    head = [labels] if files.label_bytes == 1 else [labels // 5, labels]
    rows = [bytes([*(column[i] for column in head)]) + images[i].tobytes() for i in range(n)]
    return b"".join(rows), images, labels


def write(files, folder):
    folder.mkdir(parents=True, exist_ok=True)
    contents = {name: records(files, 4, seed=seed)[0] for seed, name in enumerate(files.names)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return contents


def archive_of(contents):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def archive():
    return archive_of(
        {f"{CIFAR10.folder}/{name}": records(CIFAR10, 4, seed=i)[0] for i, name in enumerate(CIFAR10.names)}
    )


@pytest.mark.parametrize("files", [CIFAR10, CIFAR100])
def test_images_and_labels(files, tmp_path):
    write(files, tmp_path)
    images, labels = read_training(files, tmp_path)
    expected = [records(files, 4, seed=i) for i in range(len(files.training))]
    np.testing.assert_array_equal(images, np.concatenate([part[1] for part in expected]))
    np.testing.assert_array_equal(labels, np.concatenate([part[2] for part in expected]))
    test_images, test_labels = read_test(files, tmp_path)
    _, images, labels = records(files, 4, seed=len(files.training))
    np.testing.assert_array_equal(test_images, images)
    np.testing.assert_array_equal(test_labels, labels)


def test_files_in_the_folder_of_the_archive(tmp_path):
    write(CIFAR100, tmp_path / CIFAR100.folder)
    assert fetch(CIFAR100, tmp_path, download=False) == tmp_path / CIFAR100.folder


def test_inputs_of_a_network_are_scaled_by_channel(tmp_path):
    write(CIFAR10, tmp_path)
    data = load_samples(DataSpec("cifar10", folder=str(tmp_path), limit=7))
    assert data.shape == (3, 32, 32)
    assert (len(data.training_labels), len(data.test_labels), data.classes) == (7, 4, 10)
    whole = load_samples(DataSpec("cifar10", folder=str(tmp_path)))
    scaled = whole.scaled(whole.training_inputs)
    np.testing.assert_allclose(scaled.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std((0, 2, 3)), 1, atol=1e-4)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(InvalidInputError, match=r"CIFAR-10 needs the files data_batch_1.bin, .*allow the download"):
        fetch(CIFAR10, tmp_path, download=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"whole records of 3073 bytes; received 0 bytes"),
        (b"\x00" * PIXELS, r"whole records of 3073 bytes; received 3072 bytes"),
        (b"\x0a" + b"\x00" * PIXELS, "must be below 10; test_batch.bin has 10"),
    ],
)
def test_files_of_another_layout(tmp_path, content, message):
    (tmp_path / CIFAR10.test).write_bytes(content)
    with pytest.raises(InvalidInputError, match=message):
        read_test(CIFAR10, tmp_path)


def test_download(tmp_path, archive):
    lines = []
    with Server(archive) as server:
        files = replace(CIFAR10, archive=server.published("binary.tar.gz", archive))
        place = fetch(files, tmp_path / "new", download=True, progress=lines.append)
        assert fetch(files, tmp_path / "new", download=True) == place
    assert server.asked == [None]
    assert (place / "data_batch_3.bin").read_bytes() == records(CIFAR10, 4, seed=2)[0]
    assert "(100 %)" in lines[-2]
    assert "unpacked" in lines[-1]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_breaks_off_goes_on(tmp_path, archive, ranges):
    with Server(archive, breaks_off_after=1000, ranges=ranges) as server:
        files = replace(CIFAR10, archive=server.published("binary.tar.gz", archive))
        with pytest.raises(InvalidInputError, match=r"broke off after 1000 of \d+ bytes.*goes on where it stopped"):
            fetch(files, tmp_path, download=True)
        assert (tmp_path / "binary.tar.gz.part").stat().st_size == 1000
        place = fetch(files, tmp_path, download=True)
    assert server.asked == [None, "bytes=1000-"]
    assert (place / "test_batch.bin").read_bytes() == records(CIFAR10, 4, seed=5)[0]


def test_a_download_that_was_whole_but_not_moved(tmp_path, archive):
    (tmp_path / "binary.tar.gz.part").write_bytes(archive)
    with Server(archive) as server:
        fetch(replace(CIFAR10, archive=server.published("binary.tar.gz", archive)), tmp_path, download=True)
    assert server.asked == [f"bytes={len(archive)}-"]


def test_another_archive_is_never_unpacked(tmp_path, archive):
    other = archive[:-20] + bytes(20)
    with Server(other) as server:
        files = replace(CIFAR10, archive=server.published("binary.tar.gz", archive))
        with pytest.raises(InvalidInputError, match=r"must have the MD5 checksum .*It was deleted"):
            fetch(files, tmp_path, download=True)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_without_the_files_and_one_that_reaches_outside(tmp_path):
    for name, message in [("readme", "must hold .*/data_batch_1.bin"), (f"{CIFAR10.folder}/../../x", "must hold")]:
        bad = archive_of({name: b"x"})
        (tmp_path / "binary.tar.gz").write_bytes(bad)
        with pytest.raises(InvalidInputError, match=message):
            fetch(replace(CIFAR10, archive=published("http://127.0.0.1:9/binary.tar.gz", bad)), tmp_path,
                  download=True)  # fmt: skip
    assert not (tmp_path.parent / "x").exists()


def test_links_out_of_the_folder_are_refused(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo(f"{CIFAR10.folder}/data_batch_1.bin")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(member)
    bad = buffer.getvalue()
    (tmp_path / "binary.tar.gz").write_bytes(bad)
    with pytest.raises(InvalidInputError, match=r"could not be unpacked .*link to an absolute path"):
        fetch(replace(CIFAR10, archive=published("http://127.0.0.1:9/binary.tar.gz", bad)), tmp_path,
              download=True)  # fmt: skip


def test_a_server_that_is_not_there(tmp_path):
    with pytest.raises(InvalidInputError, match=r"could not be fetched from http://127.0.0.1:9/x.tar.gz.*refused"):
        fetch(replace(CIFAR10, archive=published("http://127.0.0.1:9/x.tar.gz", b"")), tmp_path, download=True)
