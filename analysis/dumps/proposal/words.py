"""Words that people use in names of arrays, by what they say of the number or the text beside them."""

from __future__ import annotations

import re

from analysis.dumps.name_form import NameRole

EPOCH_WORDS = frozenset({"epoch", "epochs", "ep", "e"})
STEP_WORDS = frozenset(
    {"step", "steps", "globalstep", "iter", "iters", "iteration", "iterations", "it", "checkpoint", "ckpt", "update"}
)
PART_WORDS = frozenset(
    {"shard", "shards", "part", "parts", "chunk", "chunks", "piece", "row", "rows", "slice", "offset", "start", "of"}
)
SAMPLE_WORDS = frozenset(
    {
        "sample", "samples", "example", "examples", "instance", "instances", "image", "images", "img", "item", "items",
        "prompt", "prompts", "stimulus", "stimuli", "trial", "trials", "observation", "observations", "obs",
        "sentence", "sentences", "idx", "video", "clip", "utt", "slide", "protein", "document", "doc", "frame",
    }
)  # fmt: skip
SEED_WORDS = frozenset({"seed", "seeds"})
LAYER_WORDS = frozenset(
    {
        "layer", "layers", "block", "blocks", "stage", "stages", "conv", "fc", "linear", "dense", "encoder", "decoder",
        "resid", "mlp", "attn", "attention", "head", "heads", "bn", "norm", "ln", "relu", "elu", "gelu",
        "module", "modules", "transformer", "l", "lstm", "gru", "pool",
        "tanh", "sigmoid", "batchnorm", "layernorm", "mixed", "inception", "res",
    }
)  # fmt: skip
WEAK_LAYER_WORDS = frozenset({"h", "hidden", "states", "state", "features", "feature", "act", "arr", "x", "z", "out"})
"""Words that stand before layers as well as before pieces of one array: shapes decide."""

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

LABELS = re.compile(r"(?:^|[^a-z])(?:labels?|targets?|classes|class|cls|y|gt)(?:$|[^a-z])")
COORDINATES = re.compile(r"(?:^|[^a-z])(?:coords?|coordinates?|positions?|xy|bbox|boxes)(?:$|[^a-z])")
TOKENS = re.compile(r"(?:^|[^a-z])(?:tokens?|input_?ids|token_?ids|ids)(?:$|[^a-z])")
LOGGED = re.compile(r"(?:^|[^a-z])(?:loss|losses|accuracy|acc|lr|learning_rate|epoch|step|time|perplexity)(?:$|[^a-z])")
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
LAYERED = re.compile(r"(?:^|[^a-z])(?:layers|all_layers|layerwise|hidden_?states|all_hidden)(?:$|[^a-z])")
