"""The directive `command-help`: the help of a command, as the command line prints it."""

import contextlib
import io
import os
from unittest import mock

from docutils.nodes import Node, literal_block
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from app.__main__ import main

WIDTH = "88"  # signs of a line


def help_of(*words: str) -> str:
    """What a command prints when it is asked for help."""
    printed = io.StringIO()
    plain = {"COLUMNS": WIDTH, "NO_COLOR": "1"}
    with mock.patch.dict(os.environ, plain), contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([*words, "--help"])
    return printed.getvalue().rstrip()


class CommandHelp(SphinxDirective):
    """The help of the command whose name is the argument, or of the dashboard without one."""

    optional_arguments = 1

    def run(self) -> list[Node]:
        """A block of text."""
        text = help_of(*self.arguments)
        return [literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
