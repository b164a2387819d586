"""The directive `command-help`: the help of the dashboard and of every command, as they print it, a section each."""

import contextlib
import io
import os
from unittest import mock

from docutils.nodes import Node, literal_block, section, title
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from analysis.__main__ import COMMANDS
from app.__main__ import main

WIDTH = "88"  # signs of a line


def help_of(*words: str) -> str:
    """What is printed when a command, or the dashboard, is asked for help."""
    printed = io.StringIO()
    plain = {"COLUMNS": WIDTH, "NO_COLOR": "1"}
    with mock.patch.dict(os.environ, plain), contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([*words, "--help"])
    return printed.getvalue().rstrip()


class CommandHelp(SphinxDirective):
    """A section for the dashboard, and one for each command."""

    def run(self) -> list[Node]:
        """The sections."""
        texts = {"The dashboard": help_of()} | {name: help_of(name) for name in COMMANDS}
        return [
            section(
                "", title(name, name), literal_block(text, text, language="text"), ids=[f"command-{name.split()[-1]}"]
            )
            for name, text in texts.items()
        ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
