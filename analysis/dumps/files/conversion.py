"""Conversion: three lines of Python by which a user makes a file readable, where it was made and is trusted.

The lines end in semicolons, so that they can be pasted from a message that shows them as one.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from analysis.dumps.files.byte_range import ByteRange, FileRange, InflatedRange

NAMED = "data.items() if isinstance(data, dict) else enumerate(data if isinstance(data, (list, tuple)) else [data])"
"""Names and arrays of what was loaded: those of a dict, the places in a list, one array alone."""

SAVE_NAMED = f"{{str(name): np.asarray(array) for name, array in ({NAMED})}}"


def of_pickle(name: str, head: bytes) -> str:
    """The lines for a pickle of this name that begins with these bytes."""
    opened = f"gzip.open({_quoted(name)})" if head.startswith(b"\x1f\x8b") else f"open({_quoted(name)}, 'rb')"
    if b"joblib" in head or name.lower().endswith(".joblib"):
        library, load = "joblib", f"joblib.load({_quoted(name)})"
    elif opened.startswith("gzip"):
        library, load = "gzip, pickle", f"pickle.load({opened})"
    else:
        library, load = "pickle", f"pickle.load({opened})"
    if b"torch" in head:
        return _lines(f"import {library}, torch", f"data = {load}", f"torch.save(data, {_renamed(name, '.pt')})")
    return _lines(
        f"import {library}, numpy as np", f"data = {load}", f"np.savez({_renamed(name, '.npz')}, **{SAVE_NAMED})"
    )


def of_torch(name: str) -> str:
    """The lines for a file of torch.save with numpy arrays in it."""
    load = f"torch.load({_quoted(name)}, weights_only=False, map_location='cpu')"
    return _lines("import numpy as np, torch", f"data = {load}", f"np.savez({_renamed(name, '.npz')}, **{SAVE_NAMED})")


def of_object_array(name: str, data: ByteRange, axes: int) -> str:
    """The lines for an object array of so many axes: one is a list of arrays or of numbers, none is a dict."""
    target = _renamed(name, ".npz")
    load = f"data = {_load_array(name, data, 'allow_pickle=True')}"
    if axes == 0:
        return _lines("import numpy as np", f"{load}.item()", f"np.savez({target}, **{SAVE_NAMED})")
    if axes == 1:
        parts = "{str(i): np.asarray(part) for i, part in enumerate(data)}"
        alone = "{'array': data.astype(type(data[0]))}"
        return _lines("import numpy as np", load, f"np.savez({target}, **({parts} if np.ndim(data[0]) else {alone}))")
    return _lines("import numpy as np", load, f"np.savez({target}, array=data.astype(float))")


def of_float8(name: str, data: ByteRange) -> str:
    """The lines for an array of single bytes that numpy has no type for; the user knows which of torch's it was."""
    return _lines(
        "import numpy as np, torch",
        f"data = torch.from_numpy(np.atleast_1d({_load_array(name, data)}).view(np.uint8)).view(torch.float8_e4m3fn)",
        f"np.savez({_renamed(name, '.npz')}, array=data.float().numpy())",
    )


def of_matlab_variable(name: str, key: str, kind: str) -> str:
    """The lines for a struct or cell of a MATLAB file: what is in it becomes variables of a file of its own."""
    load = f"scipy.io.loadmat({_quoted(name)}, simplify_cells=True)[{key!r}]"
    return _lines(
        "import numpy as np, scipy.io",
        f"data = list({load})" if kind == "cell" else f"data = {load}",
        f"np.savez({_quoted(PurePosixPath(name).stem + '-' + key + '.npz')}, **{SAVE_NAMED})",
    )


def _load_array(name: str, data: ByteRange, *options: str) -> str:
    """The call that loads an array from its own file, or from the archive that it is in."""
    if isinstance(data, FileRange) and data.is_whole:
        return f"np.load({', '.join([_quoted(name), *options])})"
    archive = (
        data.deflated.path if isinstance(data, InflatedRange) else data.path if isinstance(data, FileRange) else name
    )
    return f"np.load({', '.join([_quoted(str(archive)), *options])})[{name.removesuffix('.npy')!r}]"


def _lines(*statements: str) -> str:
    return ";\n".join(statements)


def _quoted(name: str) -> str:
    return repr(PurePosixPath(name).name)


def _renamed(name: str, suffix: str) -> str:
    """The name of the new file: that of the old one without its suffixes that say how it was packed."""
    path = PurePosixPath(name)
    return repr((path.with_suffix("") if path.suffix == ".gz" else path).stem + suffix)
