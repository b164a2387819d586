"""Words that people use in names of arrays, by what they say of the number or the text beside them."""

from __future__ import annotations

import re
from functools import lru_cache

from analysis.dumps.plan.name_form import NameRole

EPOCH_WORDS = frozenset({"epoch", "epochs", "ep", "e", "round", "rounds", "episode", "generation"})
STEP_WORDS = frozenset(
    {
        "step", "steps", "globalstep", "iter", "iters", "iteration", "iterations", "it", "checkpoint", "ckpt", "update",
    }
)  # fmt: skip
PART_WORDS = frozenset(
    {
        "shard", "shards", "part", "parts", "chunk", "chunks", "piece", "row", "rows", "slice", "offset", "start", "of",
        "rank", "worker", "process", "gpu",
    }
)  # fmt: skip
BATCH_WORDS = frozenset({"batch", "batches", "minibatch"})
"""Parts if the numbers follow one another; batch_100, batch_200 are moments of a training."""

SAMPLE_WORDS = frozenset(
    {
        "sample", "samples", "example", "examples", "instance", "instances", "image", "images", "img", "item", "items",
        "prompt", "prompts", "stimulus", "stimuli", "observation", "observations", "obs", "sentence", "sentences",
        "idx", "video", "clip", "utt", "utterance", "slide", "protein", "document", "doc", "frame", "question",
    }
)  # fmt: skip
SEED_WORDS = frozenset(
    {
        "seed", "seeds", "run", "fold", "split", "exp", "experiment", "version", "client", "task", "replicate", "rep",
    }
)  # fmt: skip
"""What numbers trainings that are to be kept apart."""

LAYER_WORDS = frozenset(
    {
        "layer", "layers", "block", "blocks", "stage", "stages", "conv", "fc", "linear", "dense", "encoder", "decoder",
        "resid", "mlp", "attn", "attention", "head", "heads", "bn", "norm", "ln", "relu", "elu", "gelu",
        "module", "modules", "transformer", "l", "lstm", "gru", "pool",
        "tanh", "sigmoid", "batchnorm", "layernorm", "mixed", "inception", "res",
    }
)  # fmt: skip
LAYER_ENDINGS = ("layer", "block", "stage")  # denseblock, sublayer
WEAK_LAYER_WORDS = frozenset({"h", "hs", "hidden", "states", "state", "features", "feature", "x", "z", "out", "arr"})
"""Words that stand before layers as well as before pieces of one array: apart unless somebody says otherwise."""

NOISE = frozenset(
    {"activations", "activation", "acts", "act", "output", "outputs", "data", "values", "array", "arr", "tensor"}
)
"""Words that say nothing of the layer."""

SPLITS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval", "holdout"})
MORE_SPLITS = frozenset(
    {
        "base", "novel", "query", "support", "ood", "id", "calib", "calibration", "seen", "unseen", "clean", "adv",
        "heldout", "retain", "forget", "public", "private",
    }
)  # fmt: skip
"""Words that are splits beside another one."""

NUMBER_WORDS: dict[NameRole, frozenset[str]] = {
    "epoch": EPOCH_WORDS | STEP_WORDS,
    "part": PART_WORDS,
    "sample": SAMPLE_WORDS,
    "seed": SEED_WORDS,
    "layer": LAYER_WORDS,
}
COUNTING = BATCH_WORDS.union(*(words for role, words in NUMBER_WORDS.items() if role != "layer"))
"""Words that belong to the number behind them, and are no part of a layer's name."""

PARENTS = COUNTING - {"of", "e", "it", "split", "run", "test"} | {"layer", "layers", "block", "blocks"}
"""Folders and groups whose bare numbers are what they are called."""


@lru_cache(maxsize=4096)
def role_of_word(word: str) -> NameRole | None:
    """What a word says of the number behind it; None if it says nothing."""
    if word.endswith(LAYER_ENDINGS):
        return "layer"
    return next((role for role, known in NUMBER_WORDS.items() if word in known), None)


LABELS = re.compile(r"(?:^|[^a-z])(?:labels?|targets?|classes|class|cls|y|gt)(?:$|[^a-z])")
FLOAT_LABELS = re.compile(r"(?:^|[^a-z])(?:labels?|targets?)[^a-z]*$|(?:^|/)y(?:_[a-z]+)?$")
COORDINATES = re.compile(r"(?:^|[^a-z])(?:coords?|coordinates?|positions?|xy|bbox|boxes)(?:$|[^a-z])")
TOKENS = re.compile(r"(?:^|[^a-z])(?:tokens?|input_?ids|token_?ids)(?:$|[^a-z])")
LOGGED = re.compile(
    r"(?:^|[^a-z])(?:loss|losses|accuracy|accuracies|acc|lr|learning_rate|epochs?|steps?|time|perplexity)"
    r"(?:[_.-]history)?$"
)
WEIGHTS = re.compile(
    r"(?:^|[./])(?:weight|bias|running_mean|running_var|num_batches_tracked|in_proj_weight|in_proj_bias|weight_[vg]"
    r"|exp_avg|exp_avg_sq|momentum_buffer|kernel|gamma|beta|moving_mean|moving_variance)$"
)
WEIGHT_FOLDERS = re.compile(
    r"(?:^|[./])(?:state_dict|model_state_dict|model_weights|optimizer|optimizer_state_dict|optimizer_states"
    r"|optimizer_weights|ema|params)(?:$|[./])|/vars/\d+$"
)
ATTENTION = re.compile(
    r"(?:^|[^a-z])(?:hook_pattern|pattern|hook_attn_scores|attn_scores|attentions?|attn|attention_(?:weights|probs"
    r"|maps?|scores)|attn_(?:weights|probs|maps?)|cross_attentions)(?:$|[^a-z])"
)
QUERIES = re.compile(
    r"(?:^|[^a-z])(?:q|k|v|z|query|key|value|hook_q|hook_k|hook_v|hook_z|rot_q|rot_k|heads?)(?:$|[^a-z])"
)
LAYERED = re.compile(r"(?:^|[^a-z])(?:layers|all_layers|layerwise|all_hidden)(?:$|[^a-z])")
HIDDEN_STATES = re.compile(r"(?:^|[^a-z])hidden_?states(?:$|[^a-z])")
ONE_TOKEN = re.compile(r"(?:^|[^a-z])(?:last_?tok(?:en)?|cls(?:_?token)?|pooled|mean_?pool(?:ed)?)(?:$|[^a-z])")
