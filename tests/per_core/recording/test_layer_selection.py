"""Which modules a Recorder watches by default, and what it says of those that nobody calls."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from per_core import Recorder, open_run
from per_core.recording.layer_selection import select_layers
from tests.per_core.recording.recorded import draw


class FusedAttention(nn.Module):
    """As in GPT: one projection in, scaled_dot_product_attention, one out; a tuple is returned."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.c_attn, self.c_proj = nn.Linear(units, 3 * units), nn.Linear(units, units)

    def forward(self, h: Tensor) -> tuple[Tensor, None]:
        query, key, value = self.c_attn(h).chunk(3, dim=-1)
        return self.c_proj(fn.scaled_dot_product_attention(query, key, value, is_causal=True)), None


class Block(nn.Module):
    """A block with a residual stream, whose output no submodule has."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(units), FusedAttention(units)
        self.ln_2, self.mlp = nn.LayerNorm(units), nn.Sequential(nn.Linear(units, 16), nn.GELU(), nn.Linear(16, units))

    def forward(self, h: Tensor) -> tuple[Tensor]:
        h = h + self.attn(self.ln_1(h))[0]
        return (h + self.mlp(self.ln_2(h)),)


class GPT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wte = nn.Embedding(11, 8)
        self.h = nn.ModuleList([Block(8), Block(8)])
        self.ln_f = nn.LayerNorm(8)

    def forward(self, tokens: Tensor) -> Tensor:
        h = self.wte(tokens)
        for block in self.h:
            (h,) = block(h)
        return self.ln_f(h)


class Basic(nn.Module):
    """The block of a ResNet."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        return h + self.conv2(torch.relu(self.conv1(h)))


def test_attention_and_blocks_of_a_gpt_are_recorded(tmp_path: Path) -> None:
    model = GPT()
    with Recorder(model, tmp_path / "run") as recorder:
        recorder.record(0, inputs=torch.randint(11, (40, 5)))
    layers = open_run(tmp_path / "run").records[0].layers
    parts = ["ln_1", "attn.c_attn", "attn.c_proj", "attn", "ln_2", "mlp.0", "mlp.1", "mlp.2", ""]
    assert list(layers) == ["wte", *(f"h.{i}.{part}".rstrip(".") for i in (0, 1) for part in parts), "ln_f"]
    assert layers["h.1"].d == 5 * 8


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_transformer_of_torch(tmp_path: Path, batch_first: bool) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=batch_first)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    probe = draw(5, 40, 8).transpose(0, 1) if batch_first else draw(5, 40, 8)
    with Recorder(model, tmp_path / "run", layout="position") as recorder:
        recorder.record(0, inputs=probe)
    record = open_run(tmp_path / "run").records[0]
    inner = ("self_attn", "linear1", "linear2", "norm1", "norm2")
    assert set(record.layers) == {f"layers.{i}{part}" for i in (0, 1) for part in ("", *(f".{name}" for name in inner))}
    assert {summary.n for summary in record.layers.values()} == {200}


@pytest.mark.parametrize("model", [nn.MultiheadAttention(4, 2), nn.TransformerEncoderLayer(4, 2, 8)])
def test_time_in_front_is_told(tmp_path: Path, model: nn.Module) -> None:
    probe = draw(7, 40, 4)
    inputs = (probe, probe, probe) if isinstance(model, nn.MultiheadAttention) else probe
    with (
        Recorder(model, tmp_path / "run") as recorder,
        pytest.warns(
            RuntimeWarning, match=r'batch_first=False, .* time would become the rows, 7 here\. Pass layout="po'
        ),
    ):
        recorder.record(0, inputs=inputs)
    with Recorder(model, tmp_path / "rows", layout="position") as recorder:
        recorder.record(0, inputs=inputs)
    assert {one.n for one in open_run(tmp_path / "rows").records[0].layers.values()} == {280}


class TimeFirst(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.mixer = nn.Conv1d(4, 6, 1), nn.MultiheadAttention(6, 2)

    def forward(self, h: Tensor) -> Tensor:
        tokens = self.conv(h).permute(2, 0, 1)
        return self.mixer(tokens, tokens, tokens)[0]


def test_the_layer_whose_time_is_in_front_is_named(tmp_path: Path) -> None:
    with (
        Recorder(TimeFirst(), tmp_path / "run") as recorder,
        pytest.warns(RuntimeWarning, match=r"Layer 'mixer' has batch_first=False, .* rows, 7 here") as told,
    ):
        recorder.record(0, inputs=draw(40, 4, 7))
    assert len(told) == 1


def test_attention_is_known_by_its_projections() -> None:
    mixer = nn.ModuleDict({name: nn.Linear(4, 4) for name in ("q_proj", "k_proj", "v_proj")})
    assert "0" in select_layers(nn.Sequential(mixer), None)


def test_blocks_of_a_resnet_are_recorded_and_plain_sequences_stay_as_they_are() -> None:
    resnet = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Sequential(Basic(), Basic()), nn.Flatten())
    found = [f"1.{i}{part}" for i in (0, 1) for part in ("", ".conv1", ".conv2")]
    assert list(select_layers(resnet, None)) == ["0", *found]
    vgg = nn.Sequential(nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()), nn.Sequential(nn.Conv2d(2, 2, 3), nn.ReLU()))
    assert list(select_layers(vgg, None)) == ["0.0", "0.1", "1.0", "1.1"]


class LlamaFlashAttention2(FusedAttention):
    """A class whose name ends in something else."""


class AttentionNetwork(nn.Module):
    """Blocks as attributes; the name of the whole says attention too."""

    def __init__(self) -> None:
        super().__init__()
        self.block1, self.block2, self.pool = Basic(), Basic(), Wrapped()

    def forward(self, h: Tensor) -> Tensor:
        return self.pool(self.block2(self.block1(h)))


class Wrapped(nn.Module):
    """One of its kind: no block."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, h: Tensor) -> Tensor:
        return self.relu(h)


def test_attention_is_known_by_its_class_and_blocks_by_their_siblings() -> None:
    holder = nn.ModuleDict({"self_attn": LlamaFlashAttention2(4)})
    assert list(select_layers(holder, None)) == ["self_attn", "self_attn.c_attn", "self_attn.c_proj"]
    found = [f"block{i}{part}" for i in (1, 2) for part in ("", ".conv1", ".conv2")]
    assert list(select_layers(AttentionNetwork(), None)) == [*found, "pool.relu"]


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.heads = nn.Linear(4, 4), nn.ModuleList(nn.Linear(4, 4) for _ in range(40))

    def forward(self, h: Tensor) -> Tensor:
        return self.fc(h)


def test_many_modules_that_nobody_calls_are_named_in_few_words(tmp_path: Path) -> None:
    with (
        Recorder(Unused(), tmp_path / "run") as recorder,
        pytest.warns(RuntimeWarning, match=r"heads\.11 and 28 more: .* contains them \(Unused\), or"),
    ):
        recorder.record(0, inputs=draw(5, 4))


def test_modules_that_no_training_step_calls_are_named(tmp_path: Path) -> None:
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    with Recorder(model, tmp_path / "run", layers=["self_attn.out_proj", "linear1"], sample_every=1) as recorder:
        model(draw(4, 5, 8)).sum().backward()
        with pytest.warns(RuntimeWarning, match=r"The training steps do not call self_attn\.out_proj: .*\(self_attn\)"):
            recorder.record(1)
    assert list(open_run(tmp_path / "run").layers) == ["linear1"]


@pytest.mark.parametrize("layers", [["self_attn.out_proj", "linear1"], "self_attn.out_proj"])
def test_a_chosen_module_that_nobody_calls_is_named(tmp_path: Path, layers: str | list[str]) -> None:
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    with (
        Recorder(model, tmp_path / "run", layers=layers) as recorder,
        pytest.warns(
            RuntimeWarning, match=r"does not call self_attn\.out_proj: .* Name what contains them \(self_attn\)"
        ),
    ):
        recorder.record(0, inputs=draw(40, 5, 8))
