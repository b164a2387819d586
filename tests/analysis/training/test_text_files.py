"""Penn Treebank and WikiText-2: the reader and the download, on small files of the published layout."""

import io
import zipfile
from dataclasses import replace

import pytest

from analysis.runs.spec import DataSpec
from analysis.training import text_files
from analysis.training.corpus import load_corpus
from analysis.training.text_files import PENN_TREEBANK, WIKITEXT2
from analysis.training.tokens import END, UNKNOWN
from per_core.errors import InvalidInputError
from tests.analysis.training.published import Server

FILES = {"ptb": PENN_TREEBANK, "wikitext2": WIKITEXT2}
PENN = (
    " aer banknote <unk> N years old \n mr. <unk> is chairman \n mr. <unk> is N \n",
    " mr. <unk> is old \n",
    " the <unk> is N years \n",
)
WIKI = (" \n = Valkyria Chronicles = \n \n It 's a <unk> game , @,@ Senjō . \n", " \n It 's . \n", " = a game = \n")
TEXTS = {"ptb": PENN, "wikitext2": WIKI}


def contents(name):
    """The three files by their names."""
    return {file: text.encode() for file, text in zip(FILES[name].names, TEXTS[name], strict=True)}


def write(folder, name, **more):
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in (contents(name) | more).items():
        (folder / file).write_bytes(content)
    return folder


def archive(folder, files):
    """A .zip archive of files in a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(f"{folder}/{name}", content)
    return buffer.getvalue()


def said(corpus, part):
    """A part in words."""
    return " ".join(corpus.vocabulary[number] for number in getattr(corpus, part))


@pytest.mark.parametrize("below", ["", "PennTreebank"])
def test_words_of_penn_treebank(tmp_path, below):
    write(tmp_path / below, "ptb")
    corpus = load_corpus(DataSpec("ptb", folder=str(tmp_path), words=0))
    assert corpus.title == ("Penn Treebank: 17 words for training, 5 for validation, 6 for testing; 10 different ones")
    assert said(corpus, "training") == (
        "aer banknote <unk> N years old <eos> mr. <unk> is chairman <eos> mr. <unk> is N <eos>"
    )
    assert said(corpus, "validation") == "mr. <unk> is old <eos>"
    assert said(corpus, "test") == "<unk> <unk> is N years <eos>"
    assert corpus.vocabulary == (UNKNOWN, END, "N", "is", "mr.", "aer", "banknote", "chairman", "old", "years")


@pytest.mark.parametrize("below", ["", "wikitext-2"])
def test_words_of_wikitext(tmp_path, below):
    write(tmp_path / below, "wikitext2")
    corpus = load_corpus(DataSpec("wikitext2", folder=str(tmp_path), words=50))
    assert said(corpus, "training") == (
        "<eos> = Valkyria Chronicles = <eos> <eos> It 's a <unk> game , @,@ Senjō . <eos>"
    )
    assert said(corpus, "validation") == "<eos> It 's . <eos>"
    assert said(corpus, "test") == "= a game = <eos>"
    small = load_corpus(DataSpec("wikitext2", folder=str(tmp_path), words=3))
    assert said(small, "test") == "= <unk> <unk> = <eos>"


@pytest.mark.parametrize("name", FILES)
def test_a_folder_is_needed(name):
    with pytest.raises(InvalidInputError, match=rf"data\.folder must name the folder of {name}'s files"):
        DataSpec(name)


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_not_there(tmp_path, name):
    write(tmp_path, name)
    missing = FILES[name].names[2]
    (tmp_path / missing).unlink()
    with pytest.raises(InvalidInputError, match=rf"needs the files .*; there is no {missing}\. .*allow the download"):
        load_corpus(DataSpec(name, folder=str(tmp_path)))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "of 1 to 50,000,000 bytes; it has 0. Fetch"), (b"caf\xe9 \n", "cannot be read: 'utf-8'")],
)
def test_files_of_another_layout(tmp_path, content, message):
    write(tmp_path, "ptb", **{"ptb.valid.txt": content})
    with pytest.raises(InvalidInputError, match=message):
        load_corpus(DataSpec("ptb", folder=str(tmp_path)))


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(text_files, "MOST_BYTES", 60)
    write(tmp_path, "ptb")
    with pytest.raises(InvalidInputError, match=r"ptb\.train\.txt of Penn Treebank must be a text of 1 to 60 bytes"):
        load_corpus(DataSpec("ptb", folder=str(tmp_path)))


def test_download_of_files(tmp_path):
    lines, files = [], contents("ptb")
    with Server(files) as server:
        own = replace(PENN_TREEBANK, published=tuple(server.published(name, text) for name, text in files.items()))
        place = text_files.fetch(own, tmp_path, download=True, progress=lines.append)
        assert text_files.fetch(own, tmp_path, download=True) == place == tmp_path
    assert server.asked == [None] * 3
    assert text_files.read(own, place).test == ["the", UNKNOWN, "is", "N", "years", END]
    assert all(line.startswith("Penn Treebank") for line in lines)


def test_download_of_an_archive_goes_on_where_it_stopped(tmp_path):
    lines, packed = [], archive("wikitext-2", contents("wikitext2"))
    with Server(packed, breaks_off_after=40) as server:
        own = replace(WIKITEXT2, published=(server.published("wikitext-2-v1.zip", packed),))
        with pytest.raises(InvalidInputError, match="it goes on where it stopped"):
            text_files.fetch(own, tmp_path, download=True)
        place = text_files.fetch(own, tmp_path, download=True, progress=lines.append)
        assert text_files.fetch(own, tmp_path, download=False) == place == tmp_path / "wikitext-2"
    assert server.asked == [None, "bytes=40-"]
    assert server.askers == {"PERscope"}  # not the name of a library, which that server refuses
    assert text_files.read(own, place).validation == [END, "It", "'s", ".", END]
    assert lines[-1] == f"WikiText-2: unpacked into {place}"


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (archive("wikitext-2", {"wiki.train.tokens": b"a \n"}), "must hold wikitext-2/wiki.valid.tokens, and does not"),
        (b"no archive", "WikiText-2 could not be unpacked from .*: File is not a zip file"),
    ],
)
def test_archives_of_something_else(tmp_path, packed, message):
    with Server(packed) as server:
        own = replace(WIKITEXT2, published=(server.published("wikitext-2-v1.zip", packed),))
        with pytest.raises(InvalidInputError, match=message):
            text_files.fetch(own, tmp_path, download=True)


def test_another_file_is_refused(tmp_path):
    files = contents("ptb")
    with Server(files) as server:
        own = replace(PENN_TREEBANK, published=tuple(server.published(name, b"other") for name in files))
        with pytest.raises(InvalidInputError, match=r"ptb.train.txt of Penn Treebank must have the MD5 .*deleted"):
            text_files.fetch(own, tmp_path, download=True)
    assert list(tmp_path.iterdir()) == []


def test_links_are_not_written_through(tmp_path):
    (tmp_path / "wikitext-2").symlink_to(tmp_path.parent / "elsewhere")
    with pytest.raises(InvalidInputError, match="is a link"):
        text_files.fetch(WIKITEXT2, tmp_path, download=True)
