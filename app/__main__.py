"""`python -m app` starts the dashboard."""

import argparse
import os
import signal
import sys


def main() -> None:
    """Read the command line and serve until interrupted."""
    # Several visitors share the cores, and two computations of two threads each wait for one another: on two cores
    # that is many times slower than one thread each. Must be set before numpy and torch are loaded.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from analysis.compute import process_count
    from app.hosts import HOSTS_VARIABLE, allowed_hosts
    from app.session import permissions
    from app.session.heap import bound_heap
    from per_core.errors import InvalidInputError

    parser = argparse.ArgumentParser(prog="python -m app", description="PERscope, the activation dashboard.")
    parser.add_argument("--port", type=int, default=8501, help="port to listen on (default %(default)s)")
    parser.add_argument(
        "--address", default="127.0.0.1", help="address to listen on (default %(default)s: this machine only)"
    )
    parser.add_argument(
        "--hosts",
        default=os.environ.get(HOSTS_VARIABLE, ""),
        metavar="NAMES",
        help="host names to answer to besides this machine's own, separated by commas: those of a proxy, or * for any"
        f" (default: {HOSTS_VARIABLE} of the environment)",
    )
    parser.add_argument(
        "--class",
        action="store_true",
        dest="for_class",
        default=permissions.class_mode(),
        help="for a class: visitors train presets, change no runs and name no paths; who has the teacher's key, which"
        f" is printed, may do all (default: {permissions.CLASS_VARIABLE} of the environment)",
    )
    arguments = parser.parse_args()
    try:
        hosts = allowed_hosts(arguments.address, arguments.hosts)
        process_count()
        if arguments.for_class:
            os.environ[permissions.CLASS_VARIABLE] = "1"
            print(key_in_words(), flush=True)
    except InvalidInputError as error:
        parser.error(str(error))

    # The server ends its connections first and then sends itself the signal again: all that this process has started
    # ends with it, and says so.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    bound_heap()
    from app.server import build_server
    from app.session.caches import MOST_COPIED

    build_server(hosts).run(
        config={
            "server.port": arguments.port,
            "server.address": arguments.address,
            "server.maxCacheDataSize": f"{MOST_COPIED // 2**20}mb",
        }
    )


def key_in_words() -> str:
    """The teacher's key, or where it stands."""
    from app.session.permissions import KEY_VARIABLE, teacher_key

    key = teacher_key()
    if os.environ.get(KEY_VARIABLE, "").strip():
        return f"Class mode: the teacher's key is the one in {KEY_VARIABLE}."
    return f"Class mode: the teacher's key is {key}"


if __name__ == "__main__":
    main()
