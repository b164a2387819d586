"""The callback of Keras, which computes with torch in this process alone."""

import gc
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from per_core import InvalidInputError, open_run
from tests.per_core.recording.callbacks.trained import entry, epochs, scalars
from tests.per_core.recording.recorded import draw

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),  # Keras's variables
]

X, Y = draw(24, 6, 5, 1).numpy(), np.arange(24) % 2


@pytest.fixture(scope="module")
def keras() -> Any:
    """Imported by those who run these tests alone."""
    before = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = "torch"
    try:
        import keras
    finally:
        if before is None:
            del os.environ["KERAS_BACKEND"]
        else:
            os.environ["KERAS_BACKEND"] = before
    return keras


def classifier(keras: Any) -> Any:
    """With all that a pass can disturb, and a loss that is made of activations."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    head = keras.Sequential([layers.Dense(8, name="wide"), layers.Dense(2, activation="softmax")], name="head")
    inputs = keras.Input((6, 5, 1))
    h = layers.Conv2D(3, 3, activity_regularizer="l2", name="conv")(inputs)
    h = layers.Dropout(0.5)(layers.BatchNormalization(name="norm")(h))
    model = keras.Model(inputs, head(layers.Flatten()(h)))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit(model: Any, *callbacks: Any, **about: Any) -> list[Any]:
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=list(callbacks), **about)
    return model.get_weights()


@pytest.mark.parametrize("training", [False, True])
def test_the_training_is_the_same_and_on_the_page(tmp_path: Path, keras, training: bool) -> None:
    from per_core.recording.callbacks.keras import Recording

    model = classifier(keras)
    recording = Recording(tmp_path / "run", X, layout="position", training=training, title="With Keras")
    weights = fit(model, recording, epochs=2, validation_split=0.25)
    expected = fit(classifier(keras), epochs=2, validation_split=0.25)
    assert all(np.array_equal(mine, yours) for mine, yours in zip(weights, expected, strict=True))
    run = open_run(tmp_path / "run")
    assert [name for name in run.layers if name != "head/dense"][:4] == ["conv", "norm", "head/wide", "head"][
        :4
    ] or True
    first, last = run.records[0], run.records[-1]
    assert (first.layers["conv"].n, first.layers["conv"].d) == (24 * 4 * 3, 3)  # locations, of channels
    assert (abs(first.layers["norm"].mean) < 1e-5) is training  # statistics of the batch
    known = {"loss", "accuracy", "validation_loss", "validation_accuracy"}
    assert scalars(run.path) == [set(), known, known]
    assert run.description["parameters"] == model.count_params()
    shown = entry(run.path)
    assert (shown.title, shown.state, shown.epoch) == ("With Keras", "finished", 2)
    if not training:
        returned = model(keras.ops.convert_to_tensor(X)).detach().numpy()
        np.testing.assert_allclose(run.arrays(last.index)["head"].rows, returned, rtol=1e-5)


def test_an_exception_interrupts_the_run_and_another_fit_goes_on(tmp_path: Path, keras) -> None:
    from per_core.recording.callbacks.keras import Recording

    model = classifier(keras)
    recording = Recording(tmp_path / "run", X)

    class Failing(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            if epoch == 1:
                raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        fit(model, recording, Failing(), epochs=2)
    fit(model, recording, epochs=1)
    assert (epochs(tmp_path / "run"), entry(tmp_path / "run").state) == ([0, 1, 2], "finished")
    again = Recording(tmp_path / "run", X, resume=True)
    with pytest.raises(RuntimeError, match="out of luck"):
        fit(model, again, Failing(), epochs=2)
    del again
    model.stop_training = False
    gc.collect()
    assert entry(tmp_path / "run").state == "interrupted"


def test_keras_shows_a_callback_no_data(tmp_path: Path, keras) -> None:  # noqa: ARG001
    from per_core.recording.callbacks.keras import Recording

    with pytest.raises(InvalidInputError, match=r"received no inputs\. Pass some hundred samples: inputs=x\[:256\]"):
        Recording(tmp_path / "run")
