"""The Recorder: watches the activations of a model while it trains, from any PyTorch training script."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.utils.hooks import RemovableHandle

from per_core.arguments import require_count
from per_core.errors import InvalidInputError, StorageError
from per_core.per import RowLayout
from per_core.recording.background import Background
from per_core.recording.epoch import as_epoch
from per_core.recording.gates import gate_modules
from per_core.recording.layer_reader import LayerReader, LayerRows
from per_core.recording.layer_record import Allowance, LayerArrays, LayerDigest, LayerSummary
from per_core.recording.layer_selection import callable_around, is_compiled, select_layers, some_of, unwrapped
from per_core.recording.model_state import modules_as_written, preserved_state
from per_core.recording.probe import pass_through, require_probe
from per_core.recording.rows import Rows
from per_core.recording.run_directory import RunWriter, Sampling, open_run
from per_core.recording.run_files import is_run
from per_core.recording.step_sample import StepSample
from per_core.text import N_

OnWriteError = Literal["warn", "raise"]
OnRepeatedEpoch = Literal["raise", "replace"]


COPIED = 2**22  # values of a record that are copied, to be digested in the background; what is more is digested at once


@dataclass(slots=True)
class Digested:
    """The layers of one record.

    Attributes:
        layers: name -> what finds summary and arrays.
        rows: what their rows are.
        copied: values that are held for it.
    """

    layers: dict[str, Callable[[], tuple[LayerSummary, LayerArrays]]] = field(default_factory=dict)
    rows: dict[str, Rows] = field(default_factory=dict)
    copied: int = 0


class Recorder:
    """Writes what the layers of a model do, epoch by epoch, into a run directory that the dashboard follows live.

    Record epoch 0 before training, then after every epoch. `record` passes a fixed set of inputs, the probe, through
    the model as it is at that moment. It leaves no trace in the training: modes, buffers (running statistics),
    gradients and random states are afterwards what they were before. A state that a recurrent model keeps from call to
    call in an attribute of its own is not: set it to zeros before `record`, and again after it.

    A layer is recorded as its module returns it, before any later operation can overwrite it. Of tuples, mappings and
    dataclasses the first floating tensor of at least two dimensions counts. A module called several times gives the
    layers "name", "name (call 2)", up to call 16. NaN and infinite values are counted and stored.

    A row of a recurrent layer is one time step of one sequence, whatever `layout` says: nn.LSTM, nn.GRU and nn.RNN of
    (n, t, d), with either axis first, unbatched or packed, give n·t rows of d units, packed ones without the padding;
    a cell that is called in a loop gives one layer of all its calls. In a model with recurrent modules and without
    convolutions the same holds for every layer that returns (n, t, d), the embedding for example. `Record.rows` says
    what the rows of each layer are.

    What cannot be recorded warns once and never ends a training: a layer that the forward pass does not call, and a
    run directory that can no longer be written, on a full disk for example. Later records are tried all the same.

    Under DistributedDataParallel make the Recorder on every rank, after the process group: rank 0 records, on the
    others `record` returns at once. A compiled model is recorded as written, without its compiled code.

    Args:
        model: the model that is trained, or a wrapper of it: DistributedDataParallel, DataParallel, torch.compile.
        run_dir: the folder to write, one for each training.
        layers: a regular expression that matches whole module names, or a list of names, see model.named_modules();
            the whole model goes by the name of its class. If None, every module without submodules that computes
            something, every attention module, recurrent module and block, see `select_layers`.
        layout: "sample" makes everything of one sample one row; "position" makes every location a row of channels, so
            that (n, t, d) has n·t rows and (n, c, h, w) has n·h·w with d = c. Of no meaning for recurrent layers.
        slices, units, tracked, budget, seed, compact: what is kept of a layer in a record, see `Allowance`; 2 MB at
            most. A compact one takes about a quarter of the disk where the budget holds all rows; where it does not,
            it keeps more rows instead.
        steps: time steps of sequences, from 0 or, if negative, from the end of each: steps=(0, -1) records the layers
            "lstm (step 0)" and "lstm (step -1)", whose rows are the sequences, so that steps can be compared. If None,
            the rows of all steps are one layer.
        gates: record, of nn.LSTM, nn.GRU, nn.RNN and their cells, each gate after its non-linearity, the cell state
            and the hidden states that the module does not return, of every stacked layer and direction, as layers of
            their own: "lstm layer 1 forget gate". They are computed from the module's weights when a probe passes,
            never in training steps, without the dropout between stacked layers. Of a recurrent module of another class
            its submodules of these names are recorded.
        training: the probe passes in training mode: batch statistics, dropout.
        sample_every: besides, look at every so many forward passes of the training itself; `record` without inputs
            then writes what they held, "mixed over the epoch": the model changed from one to the next.
        title, description: for those who look at the run; description is JSON, added to the model's class, number of
            parameters, device and torch version.
        on_write_error: what becomes of a record that cannot be written, on a full disk say. "warn" warns once, the
            training goes on and the run says which epochs are missing (`Run.missing`); "raise" raises `StorageError`.
        on_repeated_epoch: what becomes of a second record of the last epoch. "raise" refuses it, `InvalidInputError`;
            "replace" lets it stand for the first.
        resume: go on with the run in `run_dir`, if there is one.
        last_epoch: with `resume`, drop the records of later epochs: the checkpoint's epoch.
        background: a thread that digests and writes while the training goes on; `record` itself if None. With it
            `record` takes the time of a forward pass, and raises, with `on_write_error="raise"`, what became of the
            record before. Records are written in their order, and a checkpoint that is written by the same thread comes
            after them.

    Raises:
        InvalidInputError: layers that do not exist or cannot call hooks, a folder that holds a run, an argument out
            of range.
        StorageError: the folder cannot be written.
        BudgetError: a budget too small for so many slices and units.

    Example:
        >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> inputs = torch.randn(256, 8)
        >>> with Recorder(model, "runs/first", layers=["1"]) as recorder:
        ...     recorder.record(0, inputs=inputs)  # before training
        ...     for epoch in range(1, 4):
        ...         loss = model(inputs).square().mean()
        ...         optimizer.zero_grad()
        ...         loss.backward()
        ...         optimizer.step()
        ...         recorder.record(epoch, inputs=inputs, loss=loss)
        >>> [record.epoch for record in open_run("runs/first").records]
        [0, 1, 2, 3]
    """

    def __init__(
        self,
        model: nn.Module,
        run_dir: str | Path,
        *,
        layers: str | Sequence[str] | None = None,
        layout: RowLayout = "sample",
        slices: int = 64,
        units: int = 64,
        tracked: int = 4,
        budget: int = 2_000_000,
        seed: int = 0,
        compact: bool = False,
        steps: Sequence[int] | None = None,
        gates: bool = False,
        training: bool = False,
        sample_every: int | None = None,
        title: str = "",
        description: Mapping[str, Any] | None = None,
        on_write_error: OnWriteError = "warn",
        on_repeated_epoch: OnRepeatedEpoch = "raise",
        resume: bool = False,
        last_epoch: float | None = None,
        background: Background | None = None,
    ) -> None:
        if on_write_error not in ("warn", "raise"):
            raise InvalidInputError(
                N_(
                    'on_write_error must be "warn" or "raise"; received {on_write_error!r}. With "warn" the training'
                    " goes on where a record cannot be written."
                ),
                on_write_error=on_write_error,
            )
        if on_repeated_epoch not in ("raise", "replace"):
            raise InvalidInputError(
                N_(
                    'on_repeated_epoch must be "raise" or "replace"; received {on_repeated_epoch!r}. With "replace"'
                    " the later record of an epoch counts."
                ),
                on_repeated_epoch=on_repeated_epoch,
            )
        if layout not in ("sample", "position"):
            raise InvalidInputError(
                N_(
                    'layout must be "sample" or "position"; received {layout!r}. For convolutions "position" makes'
                    " every location a row of channels."
                ),
                layout=layout,
            )
        self._model = unwrapped(model)
        self._layers = select_layers(self._model, layers)
        self._probed = self._layers | (gate_modules(self._layers) if gates else {})
        self._training = training
        self._digest = LayerDigest(Allowance(slices, units, tracked, budget, seed, compact))
        self._on_write_error = on_write_error
        self._on_repeated_epoch = on_repeated_epoch
        self._told: set[str] = set()
        self._background = background
        self._pending: Future[None] | None = None
        reader = partial(LayerReader, self._model, layout=layout, steps=steps, warn=self._warn_once)
        self._reader = reader(self._probed, gates=gates)
        self._sample: StepSample | None = None
        self._writer: RunWriter | None = None
        _require_recordable(self._model, training)
        if sample_every is not None:
            require_count(sample_every, "sample_every")
            _require_not_compiled(model)
        if _rank() == 0:
            if resume and layout == "sample":
                _require_same_rows(Path(run_dir), self._layers)
            self._writer = RunWriter(
                run_dir,
                allowance=self._digest.allowance,
                layout=layout,
                title=title,
                description={**_describe(self._model), **(description or {})},
                resume=resume,
                last_epoch=None if last_epoch is None else as_epoch(last_epoch, "last_epoch"),
            )
            if sample_every is not None:
                self._sample = StepSample(self._model, self._layers, sample_every, reader(self._layers, gates=False))

    def record(self, epoch: float | Tensor, inputs: object = None, **scalars: float | Tensor) -> None:
        """Append one record.

        Args:
            epoch: 0 before training, 1 after the first epoch, 0.25 within it; beyond the last one recorded. A number
                of Python, NumPy or torch, rounded to six decimals; steps will do as well.
            inputs: the probe, on the model's device, the same at every epoch: a tensor; a tuple of positional
                arguments; a mapping of keyword arguments; anything else is the one argument. It passes through the
                model at once, without gradients. If None, what the training steps since the last record held
                (`sample_every`).
            scalars: numbers to record beside it, loss=..., accuracy=...; NaN and infinite ones too.

        Raises:
            InvalidInputError: epoch or a scalar is no number; epoch is before the last one, or the last one itself
                (`on_repeated_epoch`); inputs is None without `sample_every`.
            StorageError: the record cannot be written, with `on_write_error="raise"`.
            Exception: what the model itself raises for these inputs.
        """
        values = {name: _as_number(name, value) for name, value in scalars.items()}
        epoch = as_epoch(epoch)
        if self._writer is None:
            return
        self._settle()
        _require_order(epoch, self._writer.last_epoch, self._on_repeated_epoch)
        start = time.perf_counter()
        sampling: Sampling = "probe"
        if inputs is not None:
            require_probe(self._model, inputs)
            digested = self._pass_through(inputs)
        elif self._sample is not None:
            digested, sampling = self._digest_steps(self._sample), "mixed over the epoch"
        else:
            raise InvalidInputError(
                N_(
                    "record needs the probe, inputs=..., a fixed batch of the model's inputs; received None. Without"
                    " a probe, make the Recorder with sample_every=10 to look at training steps."
                )
            )
        cost = time.perf_counter() - start
        training = self._training if sampling == "probe" else True
        write = partial(
            self._write,
            self._writer,
            epoch,
            digested.layers,
            scalars=values,
            sampling=sampling,
            training=training,
            cost=cost,
            rows=digested.rows,
        )
        if self._background is None:
            write()
        else:
            self._pending = self._background.submit(write)

    @property
    def last_epoch(self) -> float | None:
        """Of the last record; None before the first, and on every rank but 0."""
        return None if self._writer is None else self._writer.last_epoch

    def close(self, *, interrupted: bool = False) -> None:
        """Take the hooks of `sample_every` off the model, wait for the last record, and say that the run has ended.

        Leaving a with block does it, after an exception too. `record` opens the run again.

        Args:
            interrupted: an exception has ended the training.

        Raises:
            StorageError: the last record could not be written in the background, with `on_write_error="raise"`.
        """
        if self._sample is not None:
            self._sample.close()
        try:
            self._settle()
        finally:
            if self._writer is not None:
                self._writer.close("interrupted" if interrupted else "finished")

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(interrupted=kind is not None)

    def _settle(self) -> None:
        """Wait for the record before, if it is not written yet."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()

    def _write(
        self,
        writer: RunWriter,
        epoch: float,
        layers: Mapping[str, Callable[[], tuple[LayerSummary, LayerArrays]]],
        **about: Any,
    ) -> None:
        try:
            writer.append(epoch, {name: digest() for name, digest in layers.items()}, **about)
        except StorageError as error:
            if self._on_write_error == "raise":
                raise
            if epoch == writer.last_epoch:
                lost = f"epoch {epoch} keeps its earlier record"
            else:
                writer.note_missing(epoch)
                lost = f"epoch {epoch} is missing in the run"
            self._warn_once(
                "disk",
                f"{error} The training goes on, and {lost}. Later epochs are tried again; this is said once.",
            )

    def _pass_through(self, inputs: object) -> Digested:
        digested = Digested()
        reader = self._reader
        reader.begin()

        def hook_of(name: str) -> Callable[[nn.Module, Any, dict[str, Any], object], None]:
            def hook(module: nn.Module, args: Any, keywords: dict[str, Any], output: object) -> None:
                self._add(digested, reader.read(name, module, args, keywords, output))

            return hook

        handles: list[RemovableHandle] = []
        paused = self._sample.paused() if self._sample is not None else nullcontext()
        with paused, preserved_state(self._model, training=self._training), modules_as_written(), torch.no_grad():
            try:
                handles += [
                    module.register_forward_hook(hook_of(name), with_kwargs=True)
                    for name, module in self._probed.items()
                ]
                pass_through(self._model, inputs)
                self._add(digested, reader.finish())
            finally:
                for handle in handles:
                    handle.remove()
        self._warn_of_missed(self._probed, reader.calls, "The forward pass of the probe does")
        return digested

    def _digest_steps(self, sample: StepSample) -> Digested:
        digested, called = Digested(), sample.called
        self._add(digested, sample.take())
        if not digested.layers:
            self._warn_once(
                "no steps",
                "No training step reached the layers since the last record, which is empty. Hooks are called in"
                " training mode only, and not by compiled code: pass a probe instead, record(epoch, inputs=probe).",
            )
        else:
            self._warn_of_missed(self._layers, called, "The training steps do")
        return digested

    def _add(self, digested: Digested, layers: Iterable[LayerRows]) -> None:
        for name, values, rows in layers:
            if self._background is not None and digested.copied + values.numel() <= COPIED:
                digested.copied += values.numel()
                digested.layers[name] = partial(self._digest, values.clone())
            else:
                digested.layers[name] = partial(_given, self._digest(values))
            if rows is not None:
                digested.rows[name] = rows

    def _warn_of_missed(self, layers: Collection[str], called: Collection[str], who: str) -> None:
        missed = [name for name in layers if name not in called]
        if missed:
            around = list(dict.fromkeys(callable_around(self._model, name) for name in missed))
            self._warn_once(
                "not called",
                f"{who} not call {some_of(missed)}: nothing to record there. Others use their weights directly, or"
                f" their outputs are not needed. Name what contains them ({some_of(around)}), or modules that are"
                " called as module(inputs).",
            )

    def _warn_once(self, topic: str, message: str) -> None:
        if topic not in self._told:
            self._told.add(topic)
            warnings.warn(f"PERscope recorder: {message}", RuntimeWarning, stacklevel=4)


def _given(value: tuple[LayerSummary, LayerArrays]) -> tuple[LayerSummary, LayerArrays]:
    return value


def _describe(model: nn.Module) -> dict[str, Any]:
    first = next(model.parameters(), None)
    return {
        "model": type(model).__name__,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "device": "cpu" if first is None else str(first.device),
        "torch": torch.__version__,
    }


def _as_number(name: str, value: object) -> float:
    try:
        return float(value.detach() if isinstance(value, Tensor) else value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidInputError(
            N_("Scalars must be single numbers; {name} is {value!r:.80}. Pass its mean, {name}={name}.mean()."),
            name=name,
            value=value,
        ) from error


def _require_order(epoch: float, last: float | None, on_repeated_epoch: OnRepeatedEpoch) -> None:
    if last is not None and epoch < last:
        raise InvalidInputError(
            N_(
                "epoch must not be before the last one recorded, {last}; received {epoch}. After a checkpoint make"
                " the Recorder with resume=True and last_epoch, the checkpoint's epoch, which drops the later"
                " records."
            ),
            last=last,
            epoch=epoch,
        )
    if epoch == last and on_repeated_epoch == "raise":
        raise InvalidInputError(
            N_(
                "A run has one record of an epoch; received epoch {epoch} again (epochs are kept to six decimals)."
                ' Record it once, or make the Recorder with on_repeated_epoch="replace": then the later record'
                " counts."
            ),
            epoch=epoch,
        )


def _require_same_rows(run: Path, layers: Mapping[str, nn.Module]) -> None:
    """Refuse to go on with a run of before a row of a recurrent layer was a time step."""
    last = open_run(run).records[-1:] if is_run(run) else ()
    changed = [
        name
        for record in last
        for name, module in layers.items()
        if isinstance(module, nn.RNNBase) and name in record.layers and name not in record.rows
    ]
    if changed:
        raise InvalidInputError(
            N_(
                "A run goes on as it began; in {run} a row of {changed} is all time steps of a sample, and now it is"
                " one time step. Choose another folder, or record with the version that began the run."
            ),
            run=run,
            changed=some_of(changed),
        )


def _require_recordable(model: nn.Module, training: bool) -> None:
    """Refuse what a pass on one rank alone would break or block."""
    if any(isinstance(parameter, UninitializedParameter) for parameter in model.parameters()):
        raise InvalidInputError(
            N_(
                "The model's parameters must exist, and those of lazy modules do not before the first forward pass."
                " Pass a batch through the model, then make the Recorder."
            )
        )
    several = torch.distributed.is_available() and torch.distributed.is_initialized()
    several = several and torch.distributed.get_world_size() > 1
    if several and training and any(isinstance(module, nn.SyncBatchNorm) for module in model.modules()):
        raise InvalidInputError(
            N_(
                "In training mode SyncBatchNorm waits for all ranks, and rank 0 alone passes the probe through the"
                " model. Record in evaluation mode, training=False."
            )
        )
    sharded = {type(part).__name__ for part in (*model.modules(), *model.parameters())}
    if sharded & {"FullyShardedDataParallel", "DTensor"}:
        raise InvalidInputError(
            N_(
                "Every rank must hold the whole model; this one is sharded over ranks (FSDP, tensor parallelism)."
                " Record with DistributedDataParallel, or on one device."
            )
        )


def _require_not_compiled(model: nn.Module) -> None:
    if any(is_compiled(module) for module in model.modules()):
        raise InvalidInputError(
            N_(
                "sample_every needs hooks, and compiled code does not call them; the model was compiled with"
                " torch.compile. Leave sample_every out and pass a probe, record(epoch, inputs=probe), or train the"
                " original module."
            )
        )


def _rank() -> int:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    return 0
