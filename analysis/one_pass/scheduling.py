"""The pass over a dump, on Dask: threads of this process, or a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from analysis.dumps.inspection import Inspection, Member, inspect
from analysis.one_pass.partial_statistics import PartialStatistics, PassSpec, merge_in_order
from analysis.one_pass.shards import PIECE_BYTES, Piece, choose_members, cut, take_piece
from analysis.one_thread import one_thread
from analysis.progress import Progress, progress_or_line
from per_core.arguments import require_count
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

CONNECT_SECONDS = 15
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 15  # for a cluster without a worker: one that died may be started again

Take = Callable[[Piece], PartialStatistics]


@dataclass(frozen=True, slots=True, eq=False)
class PassResult:
    """What one pass over a dump found.

    Attributes:
        statistics: of all the rows together.
        members: that were read, in order.
        skipped: that could not be; their `obstacle` says why. Empty if the members were named.
    """

    statistics: PartialStatistics
    members: tuple[Member, ...]
    skipped: tuple[Member, ...]


def run_pass(
    dump: str | Path | Inspection,
    spec: PassSpec | None = None,
    *,
    members: Sequence[str] | None = None,
    scheduler: str | None = None,
    workers: int = 2,
    piece_bytes: int = PIECE_BYTES,
    on_progress: Progress | None = None,
) -> PassResult:
    """Read all shards of a dump once, in pieces, and take their statistics, however large the dump is.

    Parts are merged in a fixed tree in the order of the shards, so that every scheduler rounds alike.

    Args:
        dump: a path of any kind that `analysis.dumps` reads, or an inspection of one.
        spec: what to take; the defaults of `PassSpec` if None.
        members: names of the shards; None for all members that can be read. All have the same units.
        scheduler: address of a Dask scheduler, "tcp://host:8786"; it and its workers have this project on their Python
            path, and the workers see the dump at the same path. None for threads of this process.
        workers: threads, without a scheduler, at least 1. Each holds about 100 MB.
        piece_bytes: of a task, as float32, at least 1.
        on_progress: called with the number of pieces that are done, from 0, and of all of them, in the caller's thread.
            If None, a line in an interactive session or a notebook, see `progress_line`.

    Raises:
        InvalidInputError: If no member can be read, the units differ, a member has changed since, or the scheduler does
            not answer or lost its workers.
        BudgetError: If a member needs more to be read than the limits allow, or the directions take more than 256 MB.

    Example:
        >>> np.save("fc1.npy", np.zeros((1000, 8), dtype=np.float32))
        >>> statistics = run_pass("fc1.npy").statistics
        >>> statistics.n, round(statistics.per, 4)  # collapse: √(2/π)
        (1000, 0.7979)
        >>> distance = statistics.distance()
        >>> distance.lower < 0.797885 < distance.upper
        True
    """
    require_count(workers, "workers")
    require_count(piece_bytes, "piece_bytes")
    inspection = dump if isinstance(dump, Inspection) else inspect(dump)
    chosen = choose_members(inspection, members)
    pieces = cut(inspection, chosen, piece_bytes=piece_bytes)
    skipped = () if members is not None else tuple(m for m in inspection.members if m.obstacle)
    take = partial(take_piece, spec=spec or PassSpec())
    progress = progress_or_line(on_progress, "pieces")
    progress(0, len(pieces))
    if scheduler is None:
        statistics = _on_threads(take, pieces, workers, progress)
    else:
        statistics = _on_cluster(take, pieces, scheduler, progress)
    return PassResult(statistics, chosen, skipped)


def _on_threads(take: Take, pieces: Sequence[Piece], workers: int, on_progress: Progress) -> PartialStatistics:
    from dask.callbacks import Callback  # half a second to import, and other commands do without
    from dask.delayed import delayed

    parts = [delayed(take, pure=False)(piece) for piece in pieces]
    waited = {part.key for part in parts}

    def count(key: str, *_: object) -> None:
        if key in waited:
            waited.discard(key)
            on_progress(len(pieces) - len(waited), len(pieces))

    whole = merge_in_order(parts, delayed(PartialStatistics.merge, pure=False))
    # Tasks run side by side, each in one thread, as on the workers of a cluster, which Dask starts in this way.
    with one_thread(), ThreadPoolExecutor(workers) as pool, Callback(posttask=count):
        statistics: PartialStatistics = whole.compute(scheduler="threads", pool=pool)
    return statistics


def _on_cluster(take: Take, pieces: Sequence[Piece], address: str, on_progress: Progress) -> PartialStatistics:
    from distributed import KilledWorker, as_completed

    with _connected(address) as client:
        try:
            parts = client.map(take, pieces, pure=False)
            whole = merge_in_order(parts, partial(client.submit, PartialStatistics.merge, pure=False))
            finished = as_completed(parts, loop=client.loop)
            del parts  # a worker forgets a part as soon as it is merged and nobody here holds it
            last_seen = time.monotonic()
            while not whole.done():
                if finished.next_batch(block=False):
                    on_progress(len(pieces) - finished.count(), len(pieces))
                if client.nthreads():
                    last_seen = time.monotonic()
                elif time.monotonic() - last_seen > PATIENCE_SECONDS:
                    raise _lost(address, Phrase(N_("it had no worker for {seconds} s"), seconds=PATIENCE_SECONDS))
                time.sleep(POLL_SECONDS)
            statistics: PartialStatistics = whole.result()
            if not finished.is_empty():
                on_progress(len(pieces), len(pieces))
        except KilledWorker as error:
            raise _lost(address, Phrase(N_("several of its workers died of the same piece"))) from error
        except (CancelledError, OSError) as error:
            raise _lost(address, Phrase(N_("it went away: {error!s:.200}"), error=error)) from error
        except (ImportError, RuntimeError) as error:
            raise _lost(address, Phrase(N_("it cannot run this project: {error!s:.200}"), error=error)) from error
    return statistics


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            N_(
                "A scheduler is the address of a running Dask scheduler; {address!r} does not answer: {error!s:.200}."
                " Start one with `dask scheduler` and `dask worker`, or leave it out for threads of this process."
            ),
            address=address,
            error=error,
        ) from error
    with client:
        yield client


def _lost(address: str, what: str) -> InvalidInputError:
    return InvalidInputError(
        N_(
            "A cluster must last until the pass is over; {address}: {what}. Give workers 500 MB a thread and this"
            " project on their Python path, see their logs, and start again."
        ),
        address=address,
        what=what,
    )
