"""One layer of a run over its epochs."""

from __future__ import annotations

from dataclasses import dataclass

from per_core.recording.layer_record import LayerSummary


@dataclass(frozen=True, slots=True)
class RecordedLayer:
    """What a run says about one layer. In a notebook it shows its quantities over the epochs.

    Attributes:
        name: of the layer.
        epochs: of the records that have it, ascending; one at least.
        summaries: one of each epoch.

    Example:
        >>> with Recorder(nn.ReLU(), "runs/collapsed") as recorder:
        ...     recorder.record(0, inputs=torch.zeros(10, 3))
        >>> layer = open_run("runs/collapsed").layer("ReLU")
        >>> [round(summary.sw1, 4) for summary in layer.summaries]
        [0.7979]
    """

    name: str
    epochs: tuple[float, ...]
    summaries: tuple[LayerSummary, ...]

    @property
    def last(self) -> LayerSummary:
        """The summary of the last epoch."""
        return self.summaries[-1]

    @property
    def distance(self) -> float:
        """The largest √n · SW1 of all epochs, which compares layers of any number of rows n.

        It is about 1.28 for N(0, I). Infinite if a record has no finite row.
        """
        return max(one.sw1 * one.sw1_rows**0.5 if one.n_finite else float("inf") for one in self.summaries)

    def __repr__(self) -> str:
        return (
            f"<RecordedLayer {self.name!r}: {self.last.d} units, {len(self.epochs)} epochs"
            f" ({self.epochs[0]} to {self.epochs[-1]}), last {self.last!r}>"
        )

    def _repr_html_(self) -> str:
        """The layer in a notebook."""
        from per_core.recording.notebook import layer_html

        return layer_html(self)
