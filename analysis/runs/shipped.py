"""The runs that ship with PERscope, and the word by which the example among them is opened."""

from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "runs"
EXAMPLE = "example"  # the path that means the dump that ships, in commands and addresses
EXAMPLE_DUMP, EXAMPLE_RUN = SHIPPED / "digits_dying", SHIPPED / "digits_figure2"


def or_example(path: str) -> str | Path:
    """The path, or the example that ships if it is its word and nothing here is called so."""
    return EXAMPLE_DUMP if path == EXAMPLE and not Path(path).exists() else path
