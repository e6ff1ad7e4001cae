"""Recurrences: mixers whose cache is a state of fixed size, however long the sequence.

Each row of a rule counts the recurrence, which is the mathematics; in traced counting a prefill runs in chunks, as the
reference implementations do.
"""

from __future__ import annotations

from bitnet_cost.engine.rows import ACTIVATION, SCAN, Rows, runs_as
from bitnet_cost.engine.terms import TOKENS, activation, chunked_scan
from bitnet_cost.inputs.architecture import (
    DeltaRule,
    GatedRecurrence,
    Layer,
    LightningAttention,
    ShortConvolution,
    StateSpace,
    Wkv,
)
from bitnet_cost.ledger.arrays import PASSES
from bitnet_cost.ledger.operators import Term


def state_entries(layer: Layer, width: int) -> tuple[int, int]:
    """Entries of a sequence's fixed state in one layer: taps of convolutions, and the recurrence's own.

    ``width`` is that of the residual stream.

    >>> from bitnet_cost.inputs.architecture import Layer
    >>> rule = dict(key_heads=2, value_heads=4, key_dim=8, value_dim=16, conv_kernel=4)
    >>> state_entries(Layer.model_validate(dict(repeat=1, delta_rule=rule)), 64)     # (2 x 16 + 64) x 4, 4 x 8 x 16
    (384, 512)
    """
    if ssm := layer.state_space:
        shared = 2 * ssm.groups * ssm.state_size if ssm.heads else 0
        return (ssm.inner_size + shared) * ssm.conv_kernel, ssm.inner_size * ssm.state_size
    if rule := layer.delta_rule:
        convolved = 2 * rule.key_heads * rule.key_dim + rule.value_heads * rule.value_dim
        return convolved * rule.conv_kernel, rule.value_heads * rule.key_dim * rule.value_dim
    if light := layer.lightning:
        return 0, light.heads * light.head_dim**2
    if unit := layer.recurrence:
        return unit.width * unit.conv_kernel, unit.width
    if conv := layer.convolution:
        return width * conv.conv_kernel, 0
    return (0, 5 * layer.wkv.width) if layer.wkv else (0, 0)  # two tokens before, and the rule's three


def causal_convolution(rows: Rows, name: str, channels: int, kernel: int, bias: bool) -> None:
    """A causal convolution of each channel by itself."""
    positions = ("convolved", float(kernel))
    rows.add(name, "state_space", "elsewhere", [
        ("mac", positions, channels * kernel),
        ("reduce", positions, channels * (kernel - 1)),
        ("bias", positions, channels * bias),
        ("inputs", TOKENS, channels), ("outputs", TOKENS, channels),
        ("weights", PASSES, channels * (kernel + bias)),
    ], weights=channels * kernel, bias=channels * bias, traits=SCAN._replace(tensor="plain"))  # fmt: skip


def _held(state: int) -> list[Term]:
    """The state is read and written in every step, in FP32: two entries of a 16-bit cache."""
    return [(way, ("decode_tokens",), 2 * state) for way in ("kv_read", "kv_write")]


def state_space(rows: Rows, ssm: StateSpace) -> None:
    """Gu & Dao, Mamba, 2023, arXiv:2312.00752, section 3; Dao & Gu, 2024, arXiv:2405.21060, section 6."""
    hidden, inner, state = rows.hidden, ssm.inner_size, ssm.state_size
    rank = ssm.dt_rank or 0  # Mamba has one: it is checked where a model is read
    if ssm.heads is None:
        entering, convolved, small = 2 * inner, inner, inner * state + inner
    else:
        shared = 2 * ssm.groups * state
        entering, convolved, small = 2 * inner + shared + ssm.heads, inner + shared, 2 * ssm.heads
    rows.linear("ssm_in_proj", hidden, entering, bias=ssm.bias)
    causal_convolution(rows, "ssm_conv1d", convolved, ssm.conv_kernel, ssm.conv_bias)
    rows.elementwise("activation", activation("silu", convolved, gated=False), traits=ACTIVATION)
    if ssm.heads is None:
        rows.linear("ssm_x_proj", inner, rank + 2 * state)
        for width in (rank, state, state) if ssm.small_norms else ():
            rows.norm("ssm_small_norm", width, kind=ssm.small_norms)
        rows.linear("ssm_dt_proj", rank, inner, bias=True)
    moved = [("inputs", TOKENS, convolved), ("outputs", TOKENS, inner)]
    if ssm.heads is not None and rows.counting == "traced":
        scan = chunked_scan(inner, state, ssm.heads, float(ssm.chunk))
    else:
        scan = [("mac", TOKENS, inner * state), ("reduce", TOKENS, inner * (state - 1))]
    held = _held(inner * state)
    rows.add("ssm_scan", "state_space", "elsewhere", [*scan, *moved, *held], traits=SCAN)
    steps = inner if ssm.heads is None else ssm.heads  # softplus and decay, per channel or per head
    decays = inner * state if ssm.heads is None else ssm.heads
    rows.add("ssm_A_log", "elementwise", "elsewhere", [
        ("exp", TOKENS, 2 * steps + decays), ("add", TOKENS, 2 * steps + inner * state + inner),
        ("mul", TOKENS, decays + 3 * inner * state + inner), ("weights", PASSES, small),
    ], weights=small - (inner if ssm.heads is None else ssm.heads))  # fmt: skip
    rows.add("ssm_D", "elementwise", "elsewhere", [], weights=inner if ssm.heads is None else ssm.heads)
    if ssm.heads is not None:
        rows.add("ssm_dt", "elementwise", "elsewhere", [("add", TOKENS, ssm.heads)], weights=ssm.heads)
        if ssm.gate_norm:
            rows.norm("ssm_norm", inner, kind="rmsnorm")
    rows.elementwise("ssm_gate", activation("silu", inner, gated=True), traits=ACTIVATION)
    rows.linear("ssm_out_proj", inner, hidden, bias=ssm.bias)
    rows.quantisation("ssm", 2, hidden + inner, entering + hidden)


def delta_rule(rows: Rows, rule: DeltaRule) -> None:
    """Gated delta rule: S = a (I - b k k^T) S + b k v^T, o = S^T q.

    Yang et al., Gated Delta Networks, 2024, arXiv:2412.06464, eq. 10. A step reads S for k, adds the outer product of
    k and what v lacks, and reads S for q: three products of key by value width, and the decay of S.
    """
    hidden, heads, state = rows.hidden, rule.value_heads, rule.value_heads * rule.key_dim * rule.value_dim
    keys, values, rank = rule.key_heads * rule.key_dim, heads * rule.value_dim, rule.gate_rank
    convolved, decays = 2 * keys + values, heads * rule.key_dim if rank else heads
    rows.linear("delta_qkv", hidden, convolved)
    if rank:
        for name, width in (("delta_decay", decays), ("delta_gate", values)):
            rows.linear(f"{name}_a", hidden, rank)
            rows.linear(f"{name}_b", rank, width)
    else:
        rows.linear("delta_gate", hidden, values)
    rows.linear("delta_ba", hidden, heads * (1 if rank else 2))
    causal_convolution(rows, "delta_conv1d", convolved, rule.conv_kernel, False)
    rows.elementwise("activation", activation("silu", convolved, gated=False), traits=ACTIVATION)
    rows.norm("delta_qk_norm", rule.key_dim, 2 * rule.key_heads, kind="no_weights", groups=2, split=True)
    # softplus of the step, its decay, and the sigmoid of b
    rows.add("delta_A_log", "elementwise", "elsewhere", [
        ("exp", TOKENS, 2 * decays + heads), ("add", TOKENS, 2 * decays + heads), ("div", TOKENS, heads),
        ("mul", TOKENS, decays), ("weights", PASSES, decays + heads),
    ], weights=decays + heads)  # fmt: skip
    chunk = float(rule.chunk)
    if rows.counting == "traced":  # k k^T, q k^T and its product with v in chunks (their solver is not seen); states
        scan: list[Term] = [
            ("mac", ("chunk_pairs", chunk), heads * (2 * rule.key_dim + rule.value_dim)),
            ("mac", ("chunk_tokens", chunk), 3 * state),
        ]
    else:
        scan = [
            ("mac", TOKENS, 3 * state),
            ("reduce", TOKENS, 3 * state - 2 * values),
            ("mul", TOKENS, state + values),
        ]
    moved = [("inputs", TOKENS, convolved), ("outputs", TOKENS, values)]
    rows.add("delta_rule", "state_space", "elsewhere", [*scan, *moved, *_held(state)], traits=SCAN)
    rows.norm("delta_norm", rule.value_dim, heads, kind="rmsnorm", groups=1, split=True)
    rows.elementwise("delta_output_gate", activation("silu", values, gated=True), traits=ACTIVATION)
    rows.linear("delta_out", values, hidden)
    rows.quantisation("delta", 2, hidden + values, convolved + values + hidden)


def lightning(rows: Rows, light: LightningAttention) -> None:
    """Linear attention with a decay per head: S = g S + k v^T, o = S^T q.

    Qin et al., Lightning Attention-2, 2024, arXiv:2401.04658, eq. 5; as MiniMax-01 uses it, 2025, arXiv:2501.08313,
    section 2.2: after SiLU, with a norm and a sigmoid gate on the result.
    """
    hidden, width, state = rows.hidden, light.heads * light.head_dim, light.heads * light.head_dim**2
    rows.linear("lightning_qkv", hidden, 3 * width)
    rows.elementwise("activation", activation("silu", 3 * width, gated=False), traits=ACTIVATION)
    if rows.counting == "traced":
        scan: list[Term] = [
            ("mac", ("block_pairs", float(light.chunk)), 2 * width),
            ("mac", TOKENS, 2 * state),
        ]
    else:
        scan = [("mac", TOKENS, 2 * state), ("reduce", TOKENS, 2 * state - width), ("mul", TOKENS, state)]
    moved = [("inputs", TOKENS, 3 * width), ("outputs", TOKENS, width)]
    rows.add("lightning_rule", "state_space", "elsewhere", [*scan, *moved, *_held(state)], traits=SCAN)
    rows.norm("lightning_norm", width, kind="rmsnorm")
    rows.linear("lightning_gate", hidden, width)
    rows.elementwise("lightning_output_gate", activation("silu", width, gated=True), traits=ACTIVATION)
    rows.linear("lightning_out", width, hidden)
    rows.quantisation("lightning", 2, hidden + width, 4 * width + hidden)


def recurrence(rows: Rows, unit: GatedRecurrence) -> None:
    """RG-LRU between two linear branches: h = a h + sqrt(1 - a^2) (i x), a = exp(-c softplus(l) r).

    De et al., Griffin, 2024, arXiv:2402.19427, section 2.4, eq. 1-4; gates of block-diagonal matrices.
    """
    hidden, width = rows.hidden, unit.width
    rows.linear("lru_y", hidden, width, bias=True)
    rows.linear("lru_x", hidden, width, bias=True)
    rows.elementwise("activation", activation("gelu_tanh", width, gated=False), traits=ACTIVATION)
    causal_convolution(rows, "lru_conv1d", width, unit.conv_kernel, True)
    block = width // unit.blocks
    rows.add("lru_gates", "linear", "elsewhere", [
        ("mac", TOKENS, 2 * width * block), ("reduce", TOKENS, 2 * width * (block - 1)), ("bias", TOKENS, 2 * width),
        ("inputs", TOKENS, width), ("outputs", TOKENS, 2 * width), ("weights", PASSES, 2 * width * (block + 1)),
    ], weights=2 * width * block, bias=2 * width, traits=SCAN._replace(tensor="plain"))  # fmt: skip
    rows.add("lru_rule", "elementwise", "elsewhere", [
        ("exp", TOKENS, 5 * width), ("div", TOKENS, 2 * width), ("sqrt", TOKENS, width), ("add", TOKENS, 5 * width),
        ("mul", TOKENS, 6 * width), ("inputs", TOKENS, 3 * width), ("outputs", TOKENS, width),
        ("weights", PASSES, width), *_held(width),
    ], weights=width, traits=runs_as("elementwise", split=True))  # fmt: skip
    rows.elementwise("lru_output_gate", [
        ("mul", TOKENS, width), ("inputs", TOKENS, 2 * width), ("outputs", TOKENS, width),
    ])  # fmt: skip
    rows.linear("lru_out", width, hidden, bias=True)
    rows.quantisation("lru", 2, hidden + width, 2 * width + hidden)


def wkv(rows: Rows, mixing: Wkv) -> None:
    """Time mixing of RWKV-4: a weighted mean of values with weights exp(k) that decay, behind a receptance.

    Peng et al., RWKV, 2023, arXiv:2305.13048, eq. 11-15, in the numerically safe form of appendix D.
    """
    hidden, width = rows.hidden, mixing.width
    rows.add("wkv_shift", "elementwise", "elsewhere", [
        ("mul", TOKENS, 6 * hidden), ("add", TOKENS, 6 * hidden), ("inputs", TOKENS, hidden),
        ("outputs", TOKENS, 3 * hidden), ("weights", PASSES, 3 * hidden),
    ], weights=3 * hidden)  # fmt: skip
    for name in ("wkv_key", "wkv_value", "wkv_receptance"):
        rows.linear(name, hidden, width)
    rows.add("wkv_rule", "elementwise", "elsewhere", [
        ("exp", TOKENS, 5 * width), ("div", TOKENS, 2 * width), ("add", TOKENS, 9 * width), ("mul", TOKENS, 7 * width),
        ("inputs", TOKENS, 3 * width), ("outputs", TOKENS, width), ("weights", PASSES, 2 * width), *_held(3 * width),
    ], weights=2 * width, traits=runs_as("elementwise", split=True))  # fmt: skip
    rows.linear("wkv_output", width, hidden)
    rows.quantisation("wkv", 2, hidden + width, 3 * width + hidden)


def convolution(rows: Rows, conv: ShortConvolution) -> None:
    """Gated short convolution: C * conv(B * x), between two projections.

    Liquid AI, LFM2 Technical Report, 2025, arXiv:2511.23404, section 2.
    """
    hidden = rows.hidden
    rows.linear("conv_in", hidden, 3 * hidden, bias=conv.bias)
    causal_convolution(rows, "conv_taps", hidden, conv.conv_kernel, conv.bias)
    rows.elementwise("conv_gates", [
        ("mul", TOKENS, 2 * hidden), ("inputs", TOKENS, 4 * hidden), ("outputs", TOKENS, 2 * hidden),
    ])  # fmt: skip
    rows.linear("conv_out", hidden, hidden, bias=conv.bias)
    rows.quantisation("conv", 2, 2 * hidden, 4 * hidden)
