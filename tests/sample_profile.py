"""A profile as the stage writes it."""

from __future__ import annotations

from typing import Any


def causes(*parts: int) -> dict[str, Any]:
    """What estimated cycles are made of."""
    return {"cycles_by_cause": dict(zip(("issue", "load", "branch", "flash"), parts, strict=True))}


PROFILE: dict[str, Any] = {
    "schema": 2,
    "total": {
        "instructions": 10_000,
        "loads": 900,
        "stores": 80,
        "cycles_estimate": 12_345,
        **causes(9000, 2000, 1000, 345),
        "macs": 2000,
    },
    "layers": [
        {
            **{"index": 0, "operator": "CONV_2D", "functions": ["conv"], "macs": 2000, "arena_bytes": 12_288},
            **{
                "instructions": 6000,
                "loads": 500,
                "stores": 30,
                "cycles_estimate": 7000,
                **causes(5000, 1000, 900, 100),
            },
        },
        {"index": 1, "operator": "RESHAPE", "functions": [], "macs": 0, "arena_bytes": None},
        {
            **{"index": 2, "operator": "ADD", "functions": ["add", "clip"], "macs": 0, "arena_bytes": 16},
            **{"instructions": 3500, "loads": 300, "stores": 40, "cycles_estimate": 5000, **causes(4000, 800, 0, 200)},
        },
    ],
    "other": {"instructions": 500, "loads": 100, "stores": 10, "cycles_estimate": 345, **causes(0, 200, 100, 45)},
    "functions": [
        {"name": "conv", "instructions": 6000, "calls": 1, "share": 0.6},
        {"name": "add", "instructions": 3991, "calls": 2, "share": 0.3991},
        {"name": "edge", "instructions": 5, "calls": 7, "share": 0.0005},
        {"name": "tiny", "instructions": 3, "calls": 1, "share": 0.0003},
        {"name": "tinier", "instructions": 1, "calls": 1, "share": 0.0001},
    ],
}
