"""Ratios measured side by side in one run, and peak memory: python -m tests.benchmarks [--quick] [SECTION ...]."""

import argparse
from importlib.metadata import version

import torch

from analysis.distances.cost import machine
from analysis.one_pass import PassSpec
from analysis.one_thread import one_thread
from analysis.runs.spec import VANILLA, ModelName
from analysis.training.models import MODELS
from analysis.training.presets import PRESETS
from per_core import list_methods
from tests.benchmarks import one_pass as p
from tests.benchmarks import presets
from tests.benchmarks import recorder as r
from tests.benchmarks import workloads as w
from tests.benchmarks.memory import peak_of
from tests.benchmarks.timing import Seconds, Spread, interleave, ratio
from tests.benchmarks.training import step_times
from tests.benchmarks.watching import BUSY, IDLE, UNWATCHED, WATCHED, watch_times

SECTIONS = ("distance", "gradient", "memory", "methods", "training", "recording", "one-pass", "watching", "presets")
STEP_METHODS = ("per", "l1", "l2", "bn")  # of models other than the paper's, which is measured with every method
PER_STEP: dict[ModelName, float] = {"cnn11": 1.1, "lstm": 1.05}  # what a step with exact PER may cost, over one without


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Speed and memory of per_core.")
    parser.add_argument("--quick", action="store_true", help="a smaller batch and fewer rounds, without the presets")
    parser.add_argument("--gigabytes", type=float, metavar="N", help="of the shards of (g); default 0.5; full size: 8")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"all, or some of {', '.join(SECTIONS)}")
    options = parser.parse_args()
    chosen = options.sections or [name for name in SECTIONS if not (options.quick and name == "presets")]
    if not set(chosen) <= set(SECTIONS):
        parser.error(f"a section is one of {', '.join(SECTIONS)}; received {', '.join(chosen)}")
    quick = options.quick
    print(hardware())
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        if "distance" in chosen:
            distance(device, quick)
            equal_error(device, quick)
        if "gradient" in chosen:
            for narrow_or_wide in (w.NARROW_GRADIENT, w.GRADIENT):
                gradient(narrow_or_wide, device, quick)
        if "memory" in chosen:
            memory(device, quick)
        if "methods" in chosen:
            for size in w.METHODS:
                methods(size, device, quick)
        if "training" in chosen:
            for model in MODELS:
                training(model, device, quick)
        if "recording" in chosen:
            for longer in (1, 10):
                recording(longer, device, quick)
    if "one-pass" in chosen:
        for d in (256, 1024):
            one_pass(d, options.gigabytes or (0.25 if quick else 0.5), quick)
    if "watching" in chosen:
        watching(quick)
    if "presets" in chosen:
        claims()


def hardware() -> str:
    parts = [machine(), *(f"{package} {version(package)}" for package in ("torch", "numpy", "POT"))]
    parts += [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    return ", ".join(parts)


def distance(device: str, quick: bool) -> None:
    size = w.QUICK_DISTANCE if quick else w.DISTANCE
    functions = w.distance_workloads(size, device)
    slow = {name: functions.pop(name) for name in (w.POT_TORCH, w.POT_NUMPY) if name in functions}
    fast = interleave(functions, rounds=5 if quick else 15, turn=0.5, device=device)
    beside_pot = interleave({w.OURS: functions[w.OURS], **slow}, rounds=3 if quick else 5, turn=1.0, device=device)
    print(f"\n(a) sliced W1, {device}, {size}, float32, the same directions for all")
    times(fast | {name: beside_pot[name] for name in slow})
    for name in slow:
        compare(f"{name} / sliced_w1", ratio(beside_pot, name, w.OURS), at_least=40)
    compare("sliced_w1 / its floor", ratio(fast, w.OURS, w.FLOOR), at_most=2)
    compare("forward and backward / forward", ratio(fast, w.BACKWARD, w.OURS))


def equal_error(device: str, quick: bool) -> None:
    """POT's plain mean needs as many times the slices as its variance over directions is that of `sliced_w1`."""
    functions = w.distance_workloads(w.LAYER, device, w.elu_layer)
    chosen = {name: functions[name] for name in (w.OURS, w.PLAIN, w.POT_TORCH, w.POT_NUMPY) if name in functions}
    seconds = interleave(chosen, rounds=3 if quick else 7, turn=0.3, device=device)
    ours, plain = (float(functions[name]().standard_error) for name in (w.OURS, w.PLAIN))
    slices = (plain / ours) ** 2
    print(f"\n(a) the same of an ELU layer, {device}, {w.LAYER}; standard error {ours:.2g}, plain {plain:.2g}")
    times(seconds)
    compare("slices of the plain mean at equal error", Spread(slices, slices, slices), at_least=5)
    for name in (name for name in chosen if name.startswith("POT")):
        equal = ratio(seconds, name, w.OURS)
        compare(f"{name} / sliced_w1, equal slices", equal)
        compare(f"{name} / sliced_w1, equal error", equal.times(slices), at_least=200)


def gradient(size: w.Size, device: str, quick: bool) -> None:
    functions = w.gradient_workloads(size, device)
    seconds = interleave(functions, rounds=31 if quick else 201, turn=0.003, device=device)
    print(f"\n(b) PER gradient, {device}, {size}, float32")
    times(seconds)
    wide = size == w.GRADIENT  # where arithmetic and memory take the time, not calls
    compare("Algorithm 1 / exact", ratio(seconds, w.ALGORITHM_1, w.EXACT), at_least=30 if wide else None)
    compare("Algorithm 1, directions given / exact", ratio(seconds, w.GIVEN, w.EXACT), at_least=30 if wide else None)
    compare("exact / copy of the batch", ratio(seconds, w.EXACT, w.COPY), at_most=4 if wide else None)


def memory(device: str, quick: bool) -> None:
    size = w.QUICK_DISTANCE if quick else w.DISTANCE
    print(f"\n(c) peak memory beyond the inputs, {device}: sliced W1 at {size}, gradient at {w.GRADIENT}")
    for name in (*w.distance_workloads(w.Size(1, 1, 1), device), *w.gradient_workloads(w.Size(1, 1, 1), device)):
        print(f"    {name:<40} {peak_of(name, device, quick=quick):10.1f} MiB")


def methods(size: w.Size, device: str, quick: bool) -> None:
    seconds = interleave(w.method_workloads(size, device), rounds=3 if quick else 15, turn=0.02, device=device)
    print(f"\n(d) every method of the registry, forward and backward, {device}, {size}, float32")
    times(seconds)
    for method in list_methods():
        compare(f"{method.key} / {w.BATCH_NORM}", ratio(seconds, method.key, w.BATCH_NORM))


def training(model: ModelName, device: str, quick: bool) -> None:
    """In one thread, as trainings have, and PER's step in as many as torch takes by itself."""
    keys = [method.key for method in list_methods()] if model == "cnn11" else STEP_METHODS
    with one_thread():
        seconds = step_times(model, keys, device, quick=quick)
    print(f"\n(e) one training step of {model}, {device}, one thread, by what its hidden layers have")
    times(seconds)
    for key in seconds:
        if key != VANILLA:
            aim = PER_STEP.get(model) if key == "per" else None
            compare(f"{key} / vanilla", ratio(seconds, key, VANILLA), at_most=aim)
    if device == "cpu" and torch.get_num_threads() > 1:
        wide = step_times(model, ["per"], device, quick=quick)
        name = f"per / vanilla, {torch.get_num_threads()} threads"
        compare(name, ratio(wide, "per", VANILLA), at_most=PER_STEP.get(model))


def recording(longer: int, device: str, quick: bool) -> None:
    seconds = r.record_times(longer, device, quick=quick)
    own = " of the training's own thread" if device == "cpu" else ""
    print(
        f"\n(f) watching: a record of {r.PROBE} images after an epoch of digits {longer} times over, the CNN, {device}"
    )
    times(seconds)
    most = 1.1 if longer == 1 else 1.03
    compare(f"(epoch + record) / epoch{own}", ratio(seconds, r.RECORDED, r.PLAIN), at_most=most)
    compare("(epoch + record at once) / epoch", ratio(seconds, r.AT_ONCE, r.PLAIN))
    compare("(epoch + copies of every step) / epoch", ratio(seconds, r.COPIED, r.PLAIN))
    compare("record at once / epoch", ratio(seconds, r.RECORD, r.PLAIN))
    compare("forward pass of the record / epoch", ratio(seconds, r.PASS, r.PLAIN))


def one_pass(d: int, gigabytes: float, quick: bool) -> None:
    spec, workers = PassSpec(), 2
    with p.shards(gigabytes, d) as folder:
        seconds = p.pass_times(folder, spec, d, workers, rounds=1 if gigabytes > 2 else 3 if quick else 7)
        found, peak = p.measured_in_a_process(folder, spec, workers)
    size = f"{found['bytes'] / 1e9:.2f} GB of shards, n={found['rows']} d={d} s={spec.slices}, {workers} threads"
    print(
        f"\n(g) one pass over {size}, float32; SW1 between {found['sw1']['lower']:.4g} and {found['sw1']['upper']:.4g}"
    )
    times(seconds)
    compare("speed of the pass / of its floor", ratio(seconds, p.FLOOR, p.PASS), at_least=0.6)
    met = "met" if peak <= 1000 else "not met"
    print(f"  {'peak memory of all its processes':<42} {peak:10.0f} MB   aim <= 1000: {met}")
    for layer in () if quick else p.LAYERS:
        width, aim = p.interval_width(layer, d, spec), 1e-3 if layer == "Gaussian" else 1e-4
        name = f"width of the interval, {layer}, n={p.LAYER_ROWS * p.LAYER_BATCHES}"
        print(f"  {name:<42} {width:10.2e}      aim <= {aim:g}: {'met' if width <= aim else 'not met'}")


def watching(quick: bool) -> None:
    epochs, pages = watch_times(quick=quick)
    print("\n(h) the Train page drawn every second beside a training of the default preset, cpu")
    times(epochs | pages)
    compare("epoch watched / unwatched", ratio(epochs, WATCHED, UNWATCHED), at_most=1.05)
    compare("page beside a training / without", ratio(pages, BUSY, IDLE))


def claims() -> None:
    print("\n(i) what the presets claim, cpu")
    for key in PRESETS:
        with presets.trained(key) as comparison:
            for scores in presets.scores(comparison):
                for method, values in scores.values.items():
                    own = ", ".join(f"{value:.4g}" for value in values.values())
                    lost = f"; diverged: seeds {scores.diverged[method]}" if scores.diverged[method] else ""
                    print(f"    {key}: {scores.part} {scores.measure}, {method:<28} {own}{lost}")
            for layer in presets.LAYERS[1:] if key == "hard" else ():
                for title, values in presets.collapse(comparison, layer).items():
                    print(f"    {layer}, PER network, {title:<26} {', '.join(f'{value:.4f}' for value in values)}")
            for layer in presets.LAYERS if key == "figure2" else ():
                variances = Spread.of(presets.variance_ratios(comparison, layer))
                compare(f"{layer}, final variance, vanilla / PER", variances, at_least=1)
                moves = presets.movements(comparison, layer)
                pairs = zip(moves["vanilla"], moves["per"], moves["bn"], strict=True)
                still = Spread.of([min(v.mean(), p.mean()) / b.mean() for v, p, b in pairs])
                compare(f"{layer}, movement, the less of the two / BN", still, at_least=1)


def times(seconds: Seconds) -> None:
    for name, values in seconds.items():
        spread = Spread.of(values)
        print(f"    {name:<40} {spread.median * 1e3:10.3f} ms   ({spread.low * 1e3:.3f} to {spread.high * 1e3:.3f})")


def compare(name: str, measured: Spread, *, at_least: float | None = None, at_most: float | None = None) -> None:
    line = f"  {name:<42} {measured.median:10.2f} x    ({measured.low:.2f} to {measured.high:.2f})"
    if at_least is not None:
        line += f"   aim >= {at_least:g}: {'met' if measured.median >= at_least else 'not met'}"
    if at_most is not None:
        line += f"   aim <= {at_most:g}: {'met' if measured.median <= at_most else 'not met'}"
    print(line)


if __name__ == "__main__":
    main()
