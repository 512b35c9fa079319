"""Of a running text: an output that is to say what comes next at each step, and sees it."""

from __future__ import annotations

from netspec.diagnostics import Path, Report
from netspec.graph.ahead import ahead
from netspec.graph.checks.survey import place
from netspec.graph.ir import Training, TypedGraph

_CURES = {
    "Bidirectional": "use the layer inside alone, which goes forwards",
    **dict.fromkeys(
        ("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention"),
        "add `call: {use_causal_mask: true}`",
    ),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), "let it go forwards, and give `return_sequences: true`"),
    "Conv1D": "say `padding: causal`",
}
_OTHERS = "let each step see itself and those before it alone: recurrent layers, `Conv1D` with `padding: causal`, "
_OTHERS += "attention with `use_causal_mask: true`"


def check_ahead(typed: TypedGraph, plan: Training, report: Report) -> None:
    """NS537 for each call by which the steps of an output look ahead."""
    told: set[Path] = set()
    for output, calls in ahead(typed).items():
        for call in calls if plan.losses.get(output) is not None else ():
            path, key = place(call)
            if path not in told:
                told.add(path)
                said = f"each step of output `{output}` is to say the next token, and sees it"
                report.add(
                    "NS537",
                    path,
                    f"{said}: `{call.layer.cls}` looks ahead",
                    key=key,
                    help=_CURES.get(call.layer.cls, _OTHERS),
                )
