"""Settings of the whole suite."""

import os

# One thread a computation, as in the dashboard: tests run side by side, and the browser needs a core as well.
# This file is loaded before numpy and torch are.
os.environ.setdefault("OMP_NUM_THREADS", "1")
