"""What is usual for a model and its rows."""

from __future__ import annotations

from tunewright.experiment.config import TrainingConfig
from tunewright.experiment.usual import usual_training


def names(quantized: bool = False, **values: object) -> list[str]:
    sizes = {"random_weights": False, "rows": 1000, "depth": 12, "parameters": 10**8}
    found = usual_training(TrainingConfig(), quantized=quantized, **{**sizes, **values})  # type: ignore[arg-type]
    return [spec.label for spec in found.search.strategy]


def test_small_models_are_also_tuned_in_full() -> None:
    assert names() == ["lora", "lora(layers=4)", "full"]
    assert names(parameters=10**10) == ["lora", "lora(layers=4)"]
    assert names(random_weights=True) == ["full"]


def test_weights_in_few_bits_are_never_moved() -> None:
    assert names(quantized=True) == ["lora", "lora(layers=4)"]
    assert names(quantized=True, random_weights=True) == ["lora"]


def test_what_the_person_says_stays() -> None:
    given = TrainingConfig(search={"learning_rate": [0.5], "strategy": ["full"]})  # type: ignore[arg-type]
    found = usual_training(given, random_weights=False, rows=10, depth=2, parameters=9)
    assert found.search.learning_rate == [0.5]
    assert [spec.name for spec in found.search.strategy] == ["full"]
