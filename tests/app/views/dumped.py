"""A dump for the tests of the Dumps page, and what they read from the page."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

CHARTS = {"dumps_overview", "dumps_histogram", "dumps_distances", "dumps_history_1", "dumps_parts"}
VIEWS = {
    "Layers": CHARTS,
    "Massive activations": {"dumps_overview", "dumps_massive"},
    "Width": {"dumps_overview", "dumps_width"},
    "Precision": {"dumps_overview", "dumps_precision"},
}
LAYERS, EPOCHS = ["layer_1", "layer_2", "layer_3"], [0, 100, 200, 300]


def write_dump(folder: Path, seed: int = 0, layers: list[str] = LAYERS, width: int = 6) -> Path:
    """Three layers at four steps: the second moves away, the third has dead units, and labels that are pickles.

    Tests whose layers may be of any size take this one: Gaussian batches of a size are drawn once for all of them.
    """
    rng = np.random.default_rng(seed)
    for epoch in EPOCHS:
        values = {layer: rng.standard_normal((200, width)).astype(np.float32) for layer in layers}
        if "layer_2" in values:
            values["layer_2"] += epoch / 100
        if "layer_3" in values:
            values["layer_3"][:, :4] = 0
        place = folder / f"step-{epoch}"
        place.mkdir(parents=True)
        save_file(values, place / "activations.safetensors")
    np.save(folder / "labels.npy", np.array([None]))
    return folder


def add_layers(step: Path, values: dict[str, np.ndarray]) -> None:
    """More layers in the file of a step."""
    file = step / "activations.safetensors"
    save_file(load_file(file) | values, file)


def layer_numbers(page: AppTest) -> dict[str, str]:
    """The row of numbers of the layer that is open."""
    return next(table.value for table in page.dataframe if "PER" in table.value).iloc[0].to_dict()


def questions(page: AppTest) -> list[Selectbox]:
    """What the page asks about the plan."""
    return [one for one in page.selectbox if "_ask_" in str(one.key)]


def cells(page: AppTest) -> dict[tuple[str, str], str]:
    """(layer, column) -> what the preview says of the cell."""
    table = next(one.value for one in page.dataframe if str(one.value.columns[0]).startswith("Layer"))
    first = table.columns[0]
    return {(row[first], column): row[column] for _, row in table.iterrows() for column in table.columns[1:]}
