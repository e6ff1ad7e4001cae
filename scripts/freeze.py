"""Freeze the numbers of the commands, and compare them after the inside was rebuilt: equal to the bit, or named.

    python -m scripts.freeze write build/before          # at the commit before
    python -m scripts.freeze compare build/before        # now; exit 1 where a number differs

Scenarios are drawn over the whole catalogue with a fixed seed and asked of the command line, whose JSON and CSV outlive
any rebuild of the inside. Numbers are kept as hexadecimal floats. Words (reasons, notes, descriptions) are left out,
but for those that say what was priced or what binds. A refusal is kept as its exit code.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gzip
import io
import json
import random
import shlex
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path
from typing import Any

WORDS = {"bound", "baseline", "precision", "model", "hardware", "runtime", "op", "component", "phase", "group", "axis"}
LEFT_OUT = {"version", "not_counted", "inputs", "steps", "constants", "formula", "conventions", "sources"}
PRECISIONS = (
    "fp32", "fp16", "bf16", "fp8", "int8", "int4", "bitnet", "bitnet-b1.58", "bitnet-b1.58-tl2", "bitnet-a4.8",
    "w4a8kv8", "w2a8", "w3a16", "w1a8", "w1.58a8kv4", "w8a16",
)  # fmt: skip
CELLS = (
    "energy_j", "energy_low_j", "latency_s", "decode_s", "mac", "mul", "add", "special", "footprint_bytes", "saving",
    "saving_low", "energy_per_token_j", "power_w", "kv_cache_bytes", "peak_activation_bytes", "tokens_per_s",
)  # fmt: skip


def scenarios(count: int) -> list[tuple[str, ...]]:
    """Command lines over the whole catalogue.  [count]"""
    from bitnet_cost.readers import catalog

    draw = random.Random(20261128)
    models, names = catalog.names("model"), catalog.names("hardware")
    kinds = {name: catalog.hardware(name) for name in names}

    def command_of(verb: str, number: int) -> tuple[str, ...]:
        name = draw.choice(names)
        model = models[number % len(models)] if draw.random() < 0.95 else draw.choice(["175B", "7B", "1.3B", "30B"])
        device = kinds[name].kind == "device"
        words = [verb, model, "-H", name]
        for precision in draw.sample(PRECISIONS, 1 if verb == "explain" else 2):
            words += ["-p", precision]
        words += ["--batch", str(draw.choice([1, 1, 2, 7, 8, 32, 100]))]
        words += ["--prompt", str(draw.choice([1, 17, 128, 512, 512, 2000, 5000]))]
        words += ["--generate", str(draw.choice([1, 2, 20, 128, 128, 700]))] if draw.random() < 0.8 else []
        if verb == "fit":
            return tuple(words)
        words += ["--baseline", draw.choice(["fp16", "fp32", "int8"])] if draw.random() < 0.5 else []
        scopes = (
            ["memory", "device", "facility", "compute", "arithmetic"] if device else ["arithmetic", "compute", "memory"]
        )
        words += ["--scope", draw.choice(scopes)] if draw.random() < 0.6 else []
        words += ["--accumulator", "int32"] if draw.random() < 0.2 else []
        words += ["--counting", "traced"] if draw.random() < 0.15 else []
        words += ["--logits", draw.choice(["all", "none"])] if draw.random() < 0.2 else []
        words += ["--attention", "full"] if draw.random() < 0.1 else []
        if device:
            link = kinds[name].interconnect
            if link is not None and draw.random() < 0.35:
                many = draw.choice([n for n in (2, 3, 4, 8) if n <= link.devices] or [1])
                words += ["--devices", str(many), "--parallel", draw.choice(["tensor", "pipeline"])]
            if draw.random() < 0.25:
                words += ["--runtime", draw.choice(sorted(catalog.names("runtime")))]
            if draw.random() < 0.3:
                words += ["--carbon", draw.choice(["deu", "world", "300"]), "--price", "0.2", "--pue", "1.3"]
                words += ["--embodied", "120", "--device-hour", "2.5", "--requests-per-day", "100000"]
        if verb == "estimate" and draw.random() < 0.1:
            words += ["--draws", "50"]
        if verb == "estimate" and draw.random() < 0.08:
            words += ["--sensitivity"]
        if verb == "explain":
            words += ["--cell", draw.choice(CELLS)]
        return tuple(words)

    shares = {"estimate": 0.6, "layers": 0.1, "fit": 0.05, "explain": 0.25}
    found = [command_of(verb, i) for verb, share in shares.items() for i in range(round(share * count))]
    for i in range(max(1, count // 100)):
        few = draw.sample(models, 2)
        found.append(
            ("compare", *few, "-H", draw.choice(names), "-H", draw.choice(names), "--batch", str(1 + 7 * (i % 3)))
        )
        found.append(("break-even", draw.choice(models), "-H", draw.choice(names), "--draws", "50"))
        found.append((
            "sweep", "-m", few[0], "-m", few[1], "-H", draw.choice(names), "-H", draw.choice(names),
            "-p", draw.choice(PRECISIONS), "-p", draw.choice(PRECISIONS), "--batch", "1:200:5:log", "--prompt",
            "1,17,512,3000", "--generate", "1,2,128", "--workers", "1",
        ))  # fmt: skip
    found.append(("sweep", "-m", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "fp16", "-p", "bitnet-b1.58", "--batch",
                  "1,8,64", "--vary", "hierarchy.hbm.bandwidth=1 TB/s:4 TB/s:5", "--vary",
                  "power.static=60 W:120 W:3", "--workers", "1"))  # fmt: skip
    found.append(("validate", "--measured"))
    found += [("validate", study) for study in sorted(catalog.names("study"))]
    return found


def numbers(value: Any, name: str = "") -> Any:
    """A document's numbers, exact, with the words that say what they are."""
    if isinstance(value, dict):
        return {key: numbers(item, key) for key, item in value.items() if key not in LEFT_OUT}
    if isinstance(value, list):
        return [numbers(item, name) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return float(value).hex()
    return value if name in WORDS else "..."


def output_of(words: tuple[str, ...]) -> tuple[str, str]:
    """A command line and the numbers that it leaves, as JSON."""
    from bitnet_cost import cli

    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "out.csv")
        sys.argv = ["bitnet-cost", *words, *(["-o", str(file)] if words[0] == "sweep" else ["-f", "json"])]
        code = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            try:
                cli.main()
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 1
        found: Any = {"code": code}
        if file.exists():
            with file.open() as lines:
                found["rows"] = list(csv.reader(lines))
        elif out.getvalue():
            found["document"] = numbers(json.loads(out.getvalue()))
    return shlex.join(words), json.dumps(found)


def answers(count: int, workers: int) -> Iterator[tuple[str, str]]:
    """Every scenario with its numbers, in order."""
    with Pool(workers) as pool:
        yield from pool.imap(output_of, scenarios(count), chunksize=8)


def differences(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """Where two documents differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            if key not in before or key not in after:
                yield f"{place}.{key} {'appeared' if key in after else 'disappeared'}"
            else:
                yield from differences(before[key], after[key], f"{place}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{place}[{i}]")
    elif isinstance(before, list) and isinstance(after, list):
        yield f"{place}: {len(before)} rows -> {len(after)} rows"
    elif before != after:
        yield f"{place}: {before} -> {after}{_relative(before, after)}"


def _relative(before: Any, after: Any) -> str:
    try:
        one, other = float.fromhex(before), float.fromhex(after)
    except (TypeError, ValueError):
        return ""
    return f" ({(other - one) / one:+.2e})" if one else ""


def main() -> None:
    """Write or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["write", "compare"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--show", type=int, default=3, help="differences shown of each answer")
    parser.add_argument("--only", default="", help="commands that begin so")
    asked = parser.parse_args()
    file = asked.folder / f"answers-{asked.count}.jsonl.gz"
    if asked.what == "write":
        asked.folder.mkdir(parents=True, exist_ok=True)
        with gzip.open(file, "wt") as out:
            for line in answers(asked.count, asked.workers):
                out.write(json.dumps(line) + "\n")
        return
    with gzip.open(file, "rt") as lines:
        frozen = dict(json.loads(line) for line in lines)
    wanted = [tuple(shlex.split(words)) for words in frozen if words.startswith(asked.only)]
    changed = 0
    with Pool(asked.workers) as pool:
        for words, found in pool.imap(output_of, wanted, chunksize=8):
            if found != frozen[words]:
                changed += 1
                print(words)
                for i, text in enumerate(differences(json.loads(frozen[words]), json.loads(found))):
                    if i == asked.show:
                        print("    ...")
                        break
                    print(f"    {text}")
    print(f"{len(wanted) - changed} of {len(wanted)} answers are equal to the bit")
    sys.exit(bool(changed))


if __name__ == "__main__":
    main()
