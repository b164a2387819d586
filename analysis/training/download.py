"""Files that are fetched from where they are published: resumed where they broke off, and never used unverified."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

Announce = Callable[[str], None]

NAME = "PERscope"  # some servers answer only those who say one
BLOCK = 2**20
TIMEOUT = 30.0  # seconds without a byte


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file as it is published.

    Attributes:
        url: where.
        md5: its checksum, in hexadecimal.
    """

    url: str
    md5: str

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]


def fetch_file(file: PublishedFile, folder: Path, title: str, report: Announce) -> Path:
    """A file in a folder, fetched if it is not there, and verified.

    A download that breaks off is kept and goes on where it stopped.

    Args:
        file: which.
        folder: where it goes, made if it is not there.
        title: of the data set, for messages.
        report: called with a line of text now and then.

    Raises:
        InvalidInputError: If the server cannot be reached or breaks off, or what came is not the file that was
            published, or the folder holds a link in its place.
    """
    require_no_links(title, folder, file.name, f"{file.name}.part")
    place = folder / file.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not place.is_file():
            _download(file, place, title, report)
        _verify(file, place, title)
    except (OSError, http.client.HTTPException) as error:
        raise InvalidInputError(
            N_(
                "{title} could not be fetched from {url} into {folder}: {error}. Try again, it goes on where it"
                " stopped; or put the files there yourself."
            ),
            title=title,
            url=file.url,
            folder=folder,
            error=error,
        ) from error
    return place


def require_no_links(title: str, folder: Path, *names: str) -> None:
    """Refuse to write through a link, which may lead out of the folder.

    Raises:
        InvalidInputError: If one of the names is a link in the folder.
    """
    for name in names:
        if (folder / name).is_symlink():
            raise InvalidInputError(
                N_(
                    "{title} is fetched into a folder of plain files; {name} in it is a link. Remove the link, or"
                    " name another folder."
                ),
                title=title,
                name=name,
            )


def _download(file: PublishedFile, place: Path, title: str, report: Announce) -> None:
    """Fetch a file beside its place, from where an earlier download stopped, then move it there."""
    part = place.with_name(place.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": NAME} | ({"Range": f"bytes={have}-"} if have else {})
    request = urllib.request.Request(file.url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            if answer.status != http.client.PARTIAL_CONTENT:
                have = 0  # the server sends all of it
            _receive(answer, part, have, title, report)
    except urllib.error.HTTPError as error:
        with error:
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise  # else all of it had come already
    part.replace(place)


def _receive(answer: http.client.HTTPResponse, part: Path, have: int, title: str, report: Announce) -> None:
    length = answer.headers.get("Content-Length")
    total = have + int(length) if length else 0
    reported = -1
    with part.open("ab" if have else "wb") as file:
        while block := answer.read(BLOCK):
            file.write(block)
            have += len(block)
            if total and (percent := 100 * have // total) > reported:
                report(f"{title}: {have / 1e6:.1f} of {total / 1e6:.1f} MB ({percent} %)")
                reported = percent
    if have < total:
        raise OSError(Phrase(N_("the connection broke off after {have} of {total} bytes"), have=have, total=total))


def _verify(file: PublishedFile, place: Path, title: str) -> None:
    with place.open("rb") as opened:
        found = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != file.md5:
        place.unlink()
        raise InvalidInputError(
            N_(
                "{name} of {title} must have the MD5 checksum {md5}; it has {found}. It was deleted: try again, or"
                " put the files there yourself."
            ),
            name=place.name,
            title=title,
            md5=file.md5,
            found=found,
        )
