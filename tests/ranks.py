"""Two processes that train together, as torch starts them; what they work on is importable and gets rank and folder."""

import os
from collections.abc import Callable
from pathlib import Path

import torch.distributed
import torch.multiprocessing

RANKS = 2


def train_together(work: Callable[[int, Path], None], folder: Path) -> None:
    """Run `work(rank, folder)` in every rank; an exception in one of them is raised here."""
    torch.multiprocessing.spawn(_take_part, args=(work, folder), nprocs=RANKS)


def _take_part(rank: int, work: Callable[[int, Path], None], folder: Path) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=RANKS)
    work(rank, folder)
    torch.distributed.barrier()
    os._exit(0)  # gloo's threads may hold tensors while Python ends, which then aborts: seen on a busy machine
