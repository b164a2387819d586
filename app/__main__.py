"""PERscope: what normalisation and regularisation do to the activations of a neural network.

Without a command the dashboard starts. The commands look at dumps and runs, train and measure without a browser.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib import metadata

from analysis.__main__ import COMMANDS
from analysis.__main__ import main as run_command
from analysis.command_line import PACKAGE, dashboard
from per_core import __version__

OURS = {str(__package__).partition(".")[0], PACKAGE.partition(".")[0], "per_core"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted, or run a command of `analysis`; return the exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return _serve(words) if not words or words[0].startswith("-") else run_command(words)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in OURS:
            raise
        print(
            f"{dashboard()}: {error.name} is not installed, which the dashboard and its commands need. Install them by"
            ' pip install "perscope[app]".',
            file=sys.stderr,
        )
        return 1


def _serve(words: Sequence[str]) -> int:
    # Several visitors share the cores, and two computations of two threads each wait for one another: on two cores
    # that is many times slower than one thread each. Must be set before numpy and torch are loaded.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from analysis.compute import process_count
    from app.hosts import allowed_hosts
    from app.listening import choose_port, open_browser
    from app.session import permissions
    from app.session.heap import bound_heap
    from per_core.errors import InvalidInputError

    parser = _parser()
    options = parser.parse_args(words)
    try:
        hosts = allowed_hosts(options.address, options.hosts)
        process_count()
        if options.for_class:
            os.environ[permissions.CLASS_VARIABLE] = "1"
            print(key_in_words(), flush=True)
        port = choose_port(options.address, options.port)
    except InvalidInputError as error:
        parser.error(str(error))

    # The server ends its connections first and then sends itself the signal again: all that this process has started
    # ends with it, and says so.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    bound_heap()
    from app.server import MAIN, build_server
    from app.session.caches import MOST_COPIED

    if options.browser:
        open_browser(options.address, port)
    sys.argv = [str(MAIN)]  # Streamlit looks for its settings beside what was started, which may be a script elsewhere
    build_server(hosts).run(
        config={
            "server.port": port,
            "server.address": options.address,
            "server.maxCacheDataSize": f"{MOST_COPIED // 2**20}mb",
        }
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    from app.hosts import HOSTS_VARIABLE
    from app.listening import USUAL_PORT
    from app.session import permissions

    described = "\n".join(f"  {name:<10}{line}" for name, (_, line) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog=dashboard(),
        description=__doc__,
        epilog=f"commands, each with its own --help:\n{described}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version_in_words())
    parser.add_argument(
        "--port", type=int, help=f"port to listen on (default: the first free one from {USUAL_PORT} on)"
    )
    parser.add_argument(
        "--address", default="127.0.0.1", help="address to listen on (default %(default)s: this machine only)"
    )
    parser.add_argument(
        "--no-browser", action="store_false", dest="browser", help="do not open the dashboard in a browser"
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
    return parser


def version_in_words() -> str:
    """The version, and those of what the numbers depend on: "PERscope 0.2.0, Python 3.12.4, torch 2.13.0"."""
    return f"PERscope {__version__}, Python {sys.version.split()[0]}, torch {metadata.version('torch')}"


def key_in_words() -> str:
    """The teacher's key, or where it stands."""
    from app.session.permissions import KEY_VARIABLE, teacher_key

    key = teacher_key()
    if os.environ.get(KEY_VARIABLE, "").strip():
        return f"Class mode: the teacher's key is the one in {KEY_VARIABLE}."
    return f"Class mode: the teacher's key is {key}"


if __name__ == "__main__":
    sys.exit(main())
