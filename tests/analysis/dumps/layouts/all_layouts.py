"""Every layout by its name, and one of them written."""

import zlib
from pathlib import Path

import numpy as np

from tests.analysis.dumps.layouts import hdf5_files, numpy_files, run_folders, sample_files, table_files, torch_files
from tests.analysis.dumps.layouts.layout import Builder, Layout

FAMILIES = (numpy_files, torch_files, hdf5_files, table_files, sample_files, run_folders)
BUILDERS: dict[str, Builder] = {builder.__name__: builder for family in FAMILIES for builder in family.LAYOUTS}


def write(name: str, folder: Path) -> Layout:
    """A dump of that name in an empty folder; the same numbers every time."""
    return BUILDERS[name](folder, np.random.default_rng(zlib.crc32(name.encode())))
