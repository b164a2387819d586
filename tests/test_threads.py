"""Libraries compute with one thread in the tests: nothing has loaded them before it was said how many."""

import numpy  # noqa: F401  the library that is asked about
import threadpoolctl


def test_linear_algebra_has_one_thread() -> None:
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    assert pools
    assert {pool["num_threads"] for pool in pools} == {1}
