"""Good files of every format, mutated: refused with a reason, or read as the format's own library reads them.

No crash, no hang, no memory beyond the limit, and nothing raised but PerError. PERSCOPE_FUZZ_SEED=5 makes other
mutations, PERSCOPE_FUZZ_KEEP=FOLDER keeps those that fail.
"""

import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from analysis.batch import ActivationBatch
from analysis.dumps import Inspection, Member, ReadingLimits, inspect, list_arrays
from analysis.dumps.reader.pool import READER
from per_core.errors import PerError
from tests.analysis.dumps.dump_files import WRITERS, every_array, run_directory, write
from tests.analysis.dumps.independent_readers import stored

pytestmark = pytest.mark.long

SEED = int(os.environ.get("PERSCOPE_FUZZ_SEED", "0"))
RUN = "run directory"
NAMES = [*WRITERS, RUN]
FEW, MANY = 60, 3000
LIMITS = ReadingLimits(
    batch_bytes=2**24, unpacked_bytes=2**24, csv_bytes=2**20, header_bytes=2**20, process_bytes=2**29, seconds=20
)
GROWTH = 2**28  # bytes that this process may grow by over all mutations of a format
LURES = [0, 1, 0x7F, 0x80, 0xFF]


def mutate(content: bytes, random: np.random.Generator) -> bytes:
    """One to four changes: bits, bytes, numbers of 2 to 8 bytes, digits of text, cuts, repeats, swaps."""
    data = bytearray(content)
    for _ in range(random.integers(1, 5)):
        if not data:
            break
        # Headers are where lies are told: every other change is made near the beginning or the end.
        zone = len(data) if random.random() < 0.5 else min(len(data), 400)
        position = int(random.integers(zone))
        position = len(data) - 1 - position if random.random() < 0.4 else position
        match random.integers(8):
            case 0:
                data[position] ^= 1 << random.integers(8)
            case 1:
                data[position] = int(random.choice(LURES))
            case 2:
                width = int(random.choice([2, 4, 8]))
                value = int(random.choice([0, 1, 255, 2**15, 2**31, 2**32 - 1, 2**40, 2**63 - 1])) % 2 ** (8 * width)
                data[position : position + width] = value.to_bytes(width, "little")
            case 3:
                digits = [index for index, byte in enumerate(data[:1000]) if 48 <= byte <= 57]
                if digits:
                    place = int(random.choice(digits))
                    data[place : place + 1] = str(int(random.choice([0, 9, 10**6, 2**63]))).encode()
            case 4:
                del data[position:]
            case 5:
                del data[position : position + int(random.integers(1, 64))]
            case 6:
                data[position:position] = data[position : position + int(random.integers(1, 64))]
            case 7:
                other = int(random.integers(len(data)))
                piece = bytes(data[other : other + 16])
                data[position : position + len(piece)] = piece
    return bytes(data)


def read_everything(path: Path) -> int:
    """Inspect and load all that can be loaded, compare it with the format's own library; the number of members."""
    assert inspect(path, limits=LIMITS).arrays
    found = list_arrays(path, limits=LIMITS)
    inspection = found.with_plan(every_array(found))
    loaded, of_table = 0, next((array.entry.note for array in found.arrays if array.entry.note), "")
    for member in inspection.members:
        assert member.verdict != "refused" or len(member.reason) > 20
        batch, reason = load_or_reason(inspection, member.name)
        if batch is None:
            assert len(reason) > 20
        else:
            assert (batch.n, batch.d) == (member.rows, member.units)
            assert batch.values.nbytes <= LIMITS.batch_bytes
            assert_same(batch, stored(path, member.parts[0].location, member.note or of_table), member)
            loaded += 1
    return loaded


def assert_same(batch: ActivationBatch, array: np.ndarray, member: Member) -> None:
    """The rows and units of an array, NaN and infinite values at the same places."""
    assert member.shape == array.shape
    expected = array.reshape(len(array), -1) if array.ndim < 3 else array.reshape(-1, array.shape[-1])
    if batch.exact is None:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            expected = expected.astype(np.float32)
    np.testing.assert_array_equal(batch.precise, expected)


def load_or_reason(inspection: Inspection, name: str) -> tuple[ActivationBatch | None, str]:
    try:
        return inspection.load(name), ""
    except PerError as error:
        return None, str(error)


def good_file(folder: Path, name: str) -> tuple[Path, list[Path]]:
    """A good dump, and its files that are mutated."""
    if name != RUN:
        path = write(folder, name)
        return path, [path]
    run_directory(folder / "run")
    return folder / "run", sorted(path for path in (folder / "run").rglob("*") if path.is_file())


def fuzz(folder: Path, name: str, count: int) -> None:
    random = np.random.default_rng([SEED, *name.encode()])
    path, files = good_file(folder, name)
    good = {file: file.read_bytes() for file in files}
    whole = read_everything(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for number in range(count):
        changed = files[random.integers(len(files))]
        changed.write_bytes(mutate(good[changed], random))
        try:
            refused += read_everything(path) < whole
        except BaseException:
            kept = Path(os.environ.get("PERSCOPE_FUZZ_KEEP", str(folder))) / f"{number}-{changed.name}"
            shutil.copy(changed, kept)
            raise
        changed.write_bytes(good[changed])
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < GROWTH
    assert refused > 0.2 * count
    assert read_everything(path) == whole  # and whoever reads next is not harmed


@pytest.mark.parametrize("name", NAMES)
def test_mutated_files_are_refused_or_read_as_they_are(tmp_path, name):
    fuzz(tmp_path, name, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_mutated_files_are_refused_or_read_as_they_are(tmp_path, name):
    fuzz(tmp_path, name, MANY)


def test_the_reading_processes_are_bounded_all_the_while(tmp_path):
    """Their memory after they have read all these, as the system counts it."""
    inspect(write(tmp_path, "layers.pt"))
    for pid in READER.pids:
        status = Path(f"/proc/{pid}/status").read_text()
        peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
        assert peak < 2**30
