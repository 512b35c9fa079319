"""More steps of random specs: masks, states, scores and several outputs, layers in layers, channels first.

Like the steps of random_specs: a function of the scope, what is shared and the depth, which gives a step or None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random_specs import Scope

Step = dict[str, Any] | None


def _named(scope: Scope, step: dict[str, Any], *ranks: int) -> dict[str, Any]:
    """The step with a name for each of its outputs."""
    names = [scope.name("s") for _ in ranks]
    for name, rank in zip(names, ranks, strict=True):
        scope.add(name, rank)
    return {**step, "name": names if len(names) > 1 else names[0]}


def _flags(scope: Scope, **chances: float) -> dict[str, Any]:
    return {name: True for name, chance in chances.items() if scope.dice.random() < chance}


def masked(scope: Scope, shared: Any, depth: int) -> Step:
    """Steps that may be left out: a Masking, or what takes a mask of its own."""
    dice, source = scope.dice, scope.pick((3,))
    if source is None:
        return None
    if dice.random() < 0.5:
        return _named(scope, {"Masking": dice.choice([None, {"mask_value": 1.0}]), "from": scope.use(source[0])}, 3)
    masks = [name for name, rank in scope.tensors if rank in (2, 3) and name.startswith("bits")]
    if not masks:
        name = scope.name("bits")
        scope.add(name, 3)
        return {"ops.greater": {"x2": 0.5}, "from": scope.use(source[0]), "name": name}
    cls, args, rank = dice.choice(
        [
            ("LSTM", {"units": 3}, 2),
            ("GRU", {"units": 3, "return_sequences": True}, 3),
            ("Softmax", {}, 3),
            ("BatchNormalization", {}, 3),
            ("GlobalAveragePooling1D", {}, 2),
            ("Bidirectional", {"layer": {"LSTM": 2}}, 2),
            ("TimeDistributed", {"layer": {"Dense": 2}}, 3),
        ]
    )
    first = "sequences" if cls in ("LSTM", "GRU", "Bidirectional") else "inputs"
    taken = {first: scope.use(source[0]), "mask": scope.use(dice.choice(masks))}
    return _named(scope, {cls: args, "from": taken}, rank)


def scores(scope: Scope, shared: Any, depth: int) -> Step:
    """Attention that gives its scores, takes masks or looks back only."""
    dice, query = scope.dice, scope.pick((3, 3, 3, 4))
    if query is None:
        return None
    value = query if dice.random() < 0.7 else scope.pick((query[1],))
    assert value is not None
    call = _flags(scope, return_attention_scores=0.5, use_causal_mask=0.3, training=0.1)
    args, heads = {"num_heads": 2, "key_dim": 3, **_flags(scope, use_gate=0.2)}, query[1] == 3 or dice.random() < 0.8
    names = [scope.use(query[0]), scope.use(value[0])]
    if dice.random() < 0.3:
        args |= {"output_shape": dice.choice([6, [2, 3]])}
    if query[1] == 4 and dice.random() < 0.5:
        args |= {"attention_axes": dice.choice([1, [1, 2], 2])}
    extra = 1 if args.get("output_shape") == [2, 3] else 0
    ranks = [query[1] + extra]
    step: dict[str, Any] = {"MultiHeadAttention": args, "from": dict(zip(("query", "value"), names, strict=True))}
    if not heads or dice.random() < 0.4:
        step = {dice.choice(["Attention", "AdditiveAttention"]): _flags(scope, use_scale=0.3), "from": names}
        ranks = [query[1]]
    if call:
        step["call"] = call
    return _named(scope, step, *ranks, *([query[1]] if "return_attention_scores" in call else []))


def both_ways(scope: Scope, shared: Any, depth: int) -> Step:
    """A Bidirectional of every kind: unmerged, with states in and out, over cells, with a layer for the way back."""
    dice, source = scope.dice, scope.pick((3,))
    if source is None:
        return None
    cls, states = dice.choice([("LSTM", 2), ("GRU", 1), ("SimpleRNN", 1), ("RNN", 2)])
    args: dict[str, Any] = {"cell": {"LSTMCell": 3}} if cls == "RNN" else {"units": 3}
    args |= _flags(scope, return_sequences=0.5, return_state=0.5)
    if dice.random() < 0.1:
        args["trainable"] = False
    given: dict[str, Any] = {"layer": {cls: args}}
    if dice.random() < 0.4:
        given["merge_mode"] = dice.choice([None, None, "sum", "ave"])
    if dice.random() < 0.2:
        given["backward_layer"] = {cls: {**args, "go_backwards": True}}
    rank = 3 if args.get("return_sequences") else 2
    ranks = [rank] * (2 if given.get("merge_mode", "") is None else 1)
    if args.get("return_state"):
        ranks += [2] * (2 * states)
    taken: Any = scope.use(source[0])
    flat = [name for name, size in scope.tensors if size == 2]
    if flat and dice.random() < 0.25:
        chosen = [scope.use(dice.choice(flat)) for _ in range(2 * states)]
        taken = {"sequences": taken, "initial_state": chosen}
    return _named(scope, {"Bidirectional": given, "from": taken}, *ranks)


def wrapped(scope: Scope, shared: Any, depth: int) -> Step:
    """Layers in layers."""
    dice, source = scope.dice, scope.pick((3, 4, 5))
    if source is None:
        return None
    frozen = {"trainable": False} if dice.random() < 0.2 else {}
    steps = [{"Bidirectional": {"layer": {"GRU": {"units": 2, "return_sequences": True, **frozen}}}}]
    steps += [{"LSTM": {"units": 2, "return_sequences": True, **frozen}}]
    inner: Any = dice.choice(
        [
            *(steps if source[1] == 4 else []),
            {"Dense": {"units": 2, **frozen}},
            {"SpectralNormalization": {"layer": {"Dense": {"units": 3, **frozen}}}},
            {"BatchNormalization": {**frozen}},
            *([{"TimeDistributed": {"layer": {"Dense": {"units": 2, **frozen}}}}] if source[1] > 3 else []),
            *([{"Conv1D": {"filters": 2, "kernel_size": 2, "padding": "same", **frozen}}] if source[1] == 4 else []),
            {"LayerNormalization": {"axis": dice.choice([-1, 1, [1]]), **frozen}},
            {"EinsumDense": {"equation": "...x,xy->...y", "output_shape": [*[None] * (source[1] - 3), 4], **frozen}},
        ]
    )
    cls = "TimeDistributed" if dice.random() < 0.9 else "SpectralNormalization"
    args = {"layer": inner, **({"trainable": False} if dice.random() < 0.1 else {})}
    return _named(scope, {cls: args, "from": scope.use(source[0])}, source[1])


def cells(scope: Scope, shared: Any, depth: int) -> Step:
    """An RNN over one cell or a stack of them, with its states."""
    dice, source = scope.dice, scope.pick((3,))
    if source is None:
        return None
    cell, count = dice.choice(
        [
            ({"LSTMCell": {"units": 3, "trainable": False}}, 2),
            ([{"GRUCell": 2}, {"SimpleRNNCell": 3}], 2),
            ({"StackedRNNCells": {"cells": [{"LSTMCell": 2}, {"GRUCell": {"units": 3, "reset_after": False}}]}}, 3),
            ({"GRUCell": {"units": 2, "use_bias": False}}, 1),
        ]
    )
    args = {"cell": cell, **_flags(scope, return_sequences=0.4, return_state=0.5)}
    ranks = [3 if "return_sequences" in args else 2, *([2] * count if "return_state" in args else [])]
    return _named(scope, {"RNN": args, "from": scope.use(source[0])}, *ranks)


def first(scope: Scope, shared: Any, depth: int) -> Step:
    """Channels in front of the sizes."""
    dice, source = scope.dice, scope.pick((3, 4, 5))
    if source is None:
        return None
    space = source[1] - 2
    cls, args = dice.choice(
        [
            (f"MaxPooling{space}D", {"pool_size": 2, "strides": dice.choice([None, 1, 3])}),
            (f"AveragePooling{space}D", {"pool_size": 2, "padding": "same"}),
            (f"Conv{space}DTranspose", {"filters": 3, "kernel_size": 2, "strides": 2, "output_padding": 1}),
            (f"Conv{space}D", {"filters": 4, "kernel_size": 2, "padding": "same", "strides": 2}),
            (f"ZeroPadding{space}D", {"padding": 1}),
            ("Flatten", {}),
            (f"GlobalMaxPooling{space}D", {"keepdims": True}),
            (f"AdaptiveAveragePooling{space}D", {"output_size": 2}),
        ]
    )
    rank = 2 if cls == "Flatten" else source[1]
    return _named(scope, {cls: {**args, "data_format": "channels_first"}, "from": scope.use(source[0])}, rank)


def mixed(scope: Scope, shared: Any, depth: int) -> Step:
    """Layers that answer in their own way about dtypes, or about their weights."""
    dice, source = scope.dice, scope.pick((2, 3, 4))
    if source is None:
        return None
    rank, mode = source[1], dice.choice(["one_hot", "count", "multi_hot"])
    cls, args, gives = dice.choice(
        [
            ("Identity", {"dtype": "float16", "autocast": False}, rank),
            ("Reshape", {"target_shape": [-1], "dtype": "bfloat16"}, 2),
            ("CategoryEncoding", {"num_tokens": 5, "output_mode": mode}, rank),
            ("Discretization", {"bin_boundaries": [0.0, 1.0], "output_mode": dice.choice(["int", "one_hot"])}, rank),
            ("Hashing", {"num_bins": 5}, rank),
            ("Normalization", {"axis": dice.choice([-1, 1, None])}, rank),
            ("Rescaling", {"scale": 2.0, "dtype": "mixed_bfloat16"}, rank),
            ("LayerNormalization", {"axis": list(range(1, rank)), "trainable": False}, rank),
            ("Dense", {"units": 3, "lora_rank": 2}, rank),
            ("BatchNormalization", {"trainable": False, "renorm": True}, rank),
            ("ReversibleEmbedding", {"input_dim": 7, "output_dim": 3, "tie_weights": dice.random() < 0.5}, rank + 1),
            ("GroupNormalization", {"groups": -1, "axis": 1}, rank),
            ("PReLU", {"shared_axes": [1]}, rank),
        ]
    )
    return _named(scope, {cls: args, "from": scope.use(source[0])}, gives)


MORE = (masked, scores, both_ways, wrapped, cells, first, mixed)
ODDS = (6, 6, 5, 6, 3, 5, 7)
