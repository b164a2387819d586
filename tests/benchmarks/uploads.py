"""What the server holds of files that visitors upload and look at, and how much of it is left when they are gone."""

import asyncio
import io
from contextlib import AsyncExitStack
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.dashboard import Dashboard, Memory
from tests.benchmarks.visitor import visiting

UPLOAD_BYTES = 20_000_000
UNITS = 512
AT_ONCE = 4  # visitors who upload at the same time
PLACE = "dumps_files"
SETTLING = 10.0  # seconds in which a server that has just been started loads what it needs later


@dataclass(frozen=True, slots=True)
class Held:
    """Memory before the visitors, at most while they are there, when they have left, and some time later."""

    before: Memory
    most: Memory
    left: Memory
    later: Memory


async def uploads_and_leaving(dashboard: Dashboard, count: int, wait: float) -> Held:
    """Visitors come to Dumps, each with a file of its own, and stay until all have seen theirs; then they leave."""
    await asyncio.sleep(SETTLING)
    await dashboard.rest()
    before = dashboard.memory()
    held = [before]
    watch = asyncio.create_task(dashboard.watch(held))
    places = asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:

        async def come(number: int) -> None:
            async with places:
                visitor = await stack.enter_async_context(visiting(dashboard.port))
                await visitor.open("dumps")
                await visitor.upload(PLACE, f"layer{number}.npy", layer(number))

        await asyncio.gather(*map(come, range(count)))
    watch.cancel()
    left = dashboard.memory()
    await asyncio.sleep(wait)
    return Held(before, max(held, key=sum), left, dashboard.memory())


def layer(seed: int) -> bytes:
    """A file of one layer."""
    file = io.BytesIO()
    rows = UPLOAD_BYTES // (4 * UNITS)
    np.save(file, np.random.default_rng(seed).normal(size=(rows, UNITS)).astype(np.float32))
    return file.getvalue()
