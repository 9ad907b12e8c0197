"""What a candidate costs to make and to run, from measured seconds."""

from __future__ import annotations

from typing import Any


def untrained_cost(
    released: dict[str, Any],
    *,
    fit_tokens: int,
    test_tokens: int,
    test_items: int,
    encode_seconds_per_token: float,
    threads: int,
) -> dict[str, Any]:
    """Cost of a candidate that trains no language model.

    The base model's vectors are computed once for all candidates; each is charged what encoding
    costs on its own, at the rate measured on this machine.

    Args:
        released: result of `ReleaseCandidate`.
        fit_tokens: tokens of the rows it learned from.
        test_tokens: tokens of the test inputs.
        test_items: number of test inputs.
        encode_seconds_per_token: wall seconds of the calibration.
        threads: processor threads at work while encoding.
    """
    encodes = bool(released["needs_vectors"])
    make_encode = encode_seconds_per_token * fit_tokens if encodes else 0.0
    run_encode = encode_seconds_per_token * test_tokens if encodes else 0.0
    made, answered = released["made"], released["answered"]
    scale = 1000 / max(1, test_items)
    return {
        "make_seconds": made["wall_seconds"] + make_encode,
        "make_cpu_seconds": made["cpu_seconds"] + make_encode * threads,
        "run_seconds_per_1000": (answered["wall_seconds"] + run_encode) * scale,
        "run_cpu_seconds_per_1000": (answered["cpu_seconds"] + run_encode * threads) * scale,
        "peak_memory_bytes": max(made["peak_memory_bytes"], answered["peak_memory_bytes"]),
        "parameters": released["parameters"],
        "trained_parameters": 0,
    }


def tuned_cost(
    *,
    search: dict[str, float],
    training: dict[str, float],
    released: dict[str, Any],
    test_tokens: int,
    test_items: int,
    encode_seconds_per_token: float,
    threads: int,
) -> dict[str, Any]:
    """Cost of the tuned model: the search for its recipe, its training, its answers.

    Its network is the base model's with one more layer, so an answer is charged at the same rate as
    that of a candidate on frozen vectors. Two measurements, minutes apart on a machine that does
    other things too, would put them in an order by chance.

    Args:
        search: `cpu_seconds` and `wall_seconds` of all trials of the search.
        training: the same, and `peak_memory_bytes`, of the final training.
        released: result of `ReleaseTuned`.
        test_tokens: tokens of the test inputs.
        test_items: number of test inputs.
        encode_seconds_per_token: wall seconds of the calibration.
        threads: processor threads at work while answering.
    """
    run_seconds = encode_seconds_per_token * test_tokens * 1000 / max(1, test_items)
    return {
        "make_seconds": search["wall_seconds"] + training["wall_seconds"],
        "make_cpu_seconds": search["cpu_seconds"] + training["cpu_seconds"],
        "search_seconds": search["wall_seconds"],
        "training_seconds": training["wall_seconds"],
        "run_seconds_per_1000": run_seconds,
        "run_cpu_seconds_per_1000": run_seconds * threads,
        "peak_memory_bytes": training["peak_memory_bytes"],
        "parameters": released["all_parameters"],
        "trained_parameters": released["parameters"],
    }
