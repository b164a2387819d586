"""A learner: one network with its method and its seed, and how it is trained for an epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from analysis.runs.spec import MethodSpec, Part, TrainingSpec
from analysis.training.dataset import Batch, DataSet
from analysis.training.layer_methods import compiled, penalties, penalty, put_in
from analysis.training.models import FULL, NARROW, build_network
from analysis.training.recurrent import LanguageModel
from analysis.training.residual import SCALAR_RATE
from analysis.training.sgd import SGD
from per_core.errors import InvalidInputError
from per_core.joint_per import JointPER
from per_core.per import PER
from per_core.text import N_, Phrase, as_json, from_json

METHODS = (1,)  # the spawn key of what methods draw; the order of the data and dropout have none
AUTOCAST = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True)
class Score:
    """The task loss (without what methods add), cross-entropy in nats, and the share classified correctly."""

    loss: float
    accuracy: float


class Learner:
    """One network that learns with one method from one seed.

    All that is random, weights, order, dropout and what methods draw, follows from the seed and the epoch, so an epoch
    can be repeated and no random state has to be kept. Methods draw from a generator of their own: dropout masks are
    the same whatever the method.

    Args:
        spec: the comparison that it is part of.
        method: one of its methods.
        seed: one of its seeds.
        data: what is learnt, on the device where it is learnt.

    Attributes:
        name: of its run, "bn+per-s0".
        network: in evaluation mode between epochs.
        diverged: the epoch in which it stopped being finite, if it did; it is not trained any further.
        reason: why it is said to have diverged.

    Raises:
        InvalidInputError: If the spec cannot be built: no such layer, samples of the wrong shape, settings that a
            method refuses.
    """

    def __init__(self, spec: TrainingSpec, method: MethodSpec, seed: int, data: DataSet) -> None:
        device = data.device
        self.name = f"{method.label}-s{seed}"
        self.method = method
        self.seed = seed
        self.diverged: int | None = None
        self.reason: str = ""
        normalised = any(one.kind == "normaliser" for one in method.methods)
        network = build_network(
            spec.model, data.shape, data.classes, width=width_on(spec, device), seed=seed, normalised=normalised
        )
        self._generator = torch.Generator(device)
        gradients = put_in(network, method, layers=spec.layers, shape=data.shape, generator=self._generator)
        self.network = network.to(device).eval()
        self._spec = spec.of_method(method)
        self._optimizer = SGD(
            [group for group in _groups(self.network) if group["params"]],
            lr=self._spec.learning_rate,
            momentum=self._spec.momentum,
            weight_decay=self._spec.weight_decay,
        )
        self._data = data
        self._forward = compiled(network) if spec.compile else network
        together = [] if spec.compile else [layer for layer in gradients if isinstance(layer, PER) and not layer.slices]
        self._joint = JointPER(together)
        self._penalties = penalties(network)
        self._gradients = [(layer, layer.weight) for layer in gradients if layer not in together]
        self._scaler = torch.amp.GradScaler(device.type, enabled=spec.mixed_precision == "float16")

    @property
    def parameters(self) -> int:
        """How many numbers are learnt."""
        return sum(parameter.numel() for parameter in self.network.parameters() if parameter.requires_grad)

    def learn(self, epoch: int, between_steps: Callable[[], None] = lambda: None) -> Score:
        """Train for one epoch; the score is that of the batches as they were learnt.

        A loss that is not finite, or activations that a method refuses because they are not, set `diverged`.

        Args:
            epoch: its number, from 1; it decides the order of the data.
            between_steps: called before every step; what it raises ends the epoch where it is.
        """
        torch.manual_seed(epoch_seed(self.seed, epoch))
        self._generator.manual_seed(epoch_seed(self.seed, epoch, spawn_key=METHODS))
        for group in self._optimizer.param_groups:
            group["lr"] = group.get("share", 1.0) * learning_rate(self._spec, epoch)
        loss = torch.zeros((), device=self._data.device, dtype=torch.float64)
        correct = torch.zeros_like(loss)
        steps = 0
        self.network.train()
        self._restart()
        try:
            for inputs, labels in self.batches(epoch):
                between_steps()
                task, right = self.step(inputs, labels)
                loss += task
                correct += right
                steps += 1
        except InvalidInputError as error:
            # Every batch has the same shape: what one step took, the next can only refuse for its values.
            if epoch == 1 and steps == 0:
                raise
            self._diverge(epoch, error.phrase)
            loss.fill_(torch.nan)
        finally:
            self.network.eval()
        score = Score(loss.item() / max(1, steps), correct.item() / max(1, steps))
        if self.diverged is None and not np.isfinite(score.loss):
            self._diverge(epoch, Phrase(N_("the training loss is not finite")))
        return score

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Inputs and labels of an epoch in an order that depends on seed and epoch alone; whole batches only."""
        return self._data.batches(self._spec.batch_size, epoch_seed(self.seed, epoch))

    def step(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One step of SGD; the task loss and the share classified correctly before it, as scalars on the device."""
        if self._scaler.is_enabled():
            # What a layer adds to the gradient by itself is not multiplied by the scale, as everything else is.
            for layer, weight in self._gradients:
                layer.weight = weight * self._scaler.get_scale()
        with self._autocast():
            logits = self._forward(inputs)
            task = nn.functional.cross_entropy(logits, labels)
            total = task + penalty(self._penalties) + self._joint.term()
        self._optimizer.zero_grad()
        self._scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        if self._spec.clip:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self._spec.clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return task.detach(), (logits.detach().argmax(dim=1) == labels).double().mean()

    def score(self, part: Part) -> Score:
        """The score on a part of the data that is not learnt, in evaluation mode."""
        return self.evaluate(self._data.held_out(part))

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> Score:
        """The score on some of the data, in evaluation mode."""
        loss = correct = labelled = 0.0
        self._restart()
        for inputs, labels in batches:
            with self._autocast():
                logits = self.network(inputs)
            loss += nn.functional.cross_entropy(logits.float(), labels, reduction="sum").item()
            correct += (logits.argmax(dim=1) == labels).sum().item()
            labelled += len(labels)
        self._restart()
        return Score(loss / labelled, correct / labelled)

    def state_dict(self) -> dict[str, Any]:
        """Everything that training changes."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "diverged": self.diverged,
            "reason": as_json(self.reason),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where `state_dict` was taken."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self.diverged, self.reason = state["diverged"], from_json(state["reason"])

    def _diverge(self, epoch: int, reason: Phrase) -> None:
        self.reason = reason  # first, as another thread may be telling why whatever has diverged did
        self.diverged = epoch

    def _restart(self) -> None:
        """Let a language model forget what it has read."""
        if isinstance(self.network, LanguageModel):
            self.network.restart()

    def _autocast(self) -> torch.autocast:
        precision = self._spec.mixed_precision
        return torch.autocast(self._data.device.type, dtype=AUTOCAST.get(precision), enabled=precision in AUTOCAST)


def _groups(network: nn.Module) -> list[dict[str, Any]]:
    """The parameters, and apart from them the single numbers of Fixup, with their share of the learning rate."""
    scalars = [parameter for parameter in network.parameters() if parameter.ndim == 0]
    others = [parameter for parameter in network.parameters() if parameter.ndim > 0]
    return [{"params": others, "share": 1.0}, {"params": scalars, "share": SCALAR_RATE}]


def epoch_seed(seed: int, epoch: int, *, spawn_key: tuple[int, ...] = ()) -> int:
    """A seed for one epoch of one run; different pairs, and different spawn keys, have unrelated ones."""
    sequence = np.random.SeedSequence([seed, epoch], spawn_key=spawn_key)
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)


def learning_rate(spec: TrainingSpec, epoch: int) -> float:
    """The learning rate in an epoch, counted from 1."""
    if spec.schedule == "constant":
        return spec.learning_rate
    return spec.learning_rate * (1 + math.cos(math.pi * (epoch - 1) / spec.epochs)) / 2


def width_on(spec: TrainingSpec, device: torch.device) -> float:
    """The width of the network: what the spec says, or narrow on a CPU and full on a GPU."""
    return spec.model.width or (FULL if device.type == "cuda" else NARROW)
