"""What the words of the page mean; shown where they stand and listed at its end."""

from __future__ import annotations

TERMS: dict[str, tuple[str, str]] = {
    "accuracy": ("Accuracy", "Share of items that are answered rightly."),
    "calibration error": (
        "Calibration error",
        "How far a candidate's confidence is from how often it is right, on average. 0 means: of "
        "the answers given with 80 % confidence, 80 % are right.",
    ),
    "confidence": ("Confidence", "The probability that a candidate gives to its own answer."),
    "corrected p": (
        "Corrected p",
        "How likely so large a difference would be if two candidates were equally good, made "
        "stricter because several pairs were compared (Holm's correction). Below 0.05 counts as a "
        "real difference.",
    ),
    "dev": (
        "Dev",
        "Rows held back from training on which choices were made. Scores on them flatter a little, "
        "because the choices were made by them.",
    ),
    "epoch": ("Epoch", "One pass over the training rows."),
    "F1": ("F1", "One number for precision and recall together (their harmonic mean)."),
    "floor": (
        "Floor",
        "What can be had without any language model. Whatever costs more should beat it.",
    ),
    "interval": (
        "Interval",
        "The range in which the true value lies with the stated confidence. The test items are a "
        "sample; other items would have given a slightly different score.",
    ),
    "learning rate": ("Learning rate", "How far one training step moves the weights."),
    "linear probe": (
        "Linear probe",
        "A small linear classifier on top of a language model that is left as it is.",
    ),
    "macro F1": ("Macro F1", "F1 of each label, averaged so that every label counts the same."),
    "margin": (
        "Margin",
        "The smallest difference that matters to you, set in your project (`decision.margin`).",
    ),
    "minimum detectable effect": (
        "Smallest difference it can see",
        "The smallest true difference that a test set of this size finds with the stated power "
        "(minimum detectable effect).",
    ),
    "power": ("Power", "How likely the test is to notice a difference that is really there."),
    "precision": ("Precision", "Of the items answered with a label, the share that has it."),
    "recall": ("Recall", "Of the items that have a label, the share answered with it."),
    "rung": (
        "Rung",
        "A moment of the search at which the recipes are compared. Only the better ones are "
        "trained on to the next.",
    ),
    "seed": (
        "Seed",
        "The starting point of everything random in training. Several seeds show how much of a "
        "score is luck.",
    ),
    "slice": (
        "Slice",
        "The test items that have something in common, such as a label or a length.",
    ),
    "soup": (
        "Weight average",
        "One model whose weights are the average of several seeds' weights ('model soup').",
    ),
    "strategy": (
        "Strategy",
        "Which weights training may change: all of them (full), the upper layers only "
        "(top_layers), or small additions beside them (lora).",
    ),
    "temperature": (
        "Temperature",
        "One number that the model's scores are divided by so that its confidence fits how often "
        "it is right. It changes no answer.",
    ),
    "test set": (
        "Test set",
        "Rows that were sealed away until every choice had been made. Only they count.",
    ),
    "token": ("Token", "A word or a piece of one, as the model reads text."),
    "perplexity": (
        "Perplexity",
        "How surprised a model is by the right answers, for each token: 1 is not at all. Models "
        "that cut texts into other tokens cannot be compared by it.",
    ),
    "unreadable": (
        "Unreadable",
        "Answers that the metric could not make anything of: none at all, or no JSON, no number, "
        "no query that runs, where one was asked for. They count as wrong.",
    ),
    "trained parameters": (
        "Trained parameters",
        "Weights of the language model that were changed.",
    ),
}
"""Key to name and meaning."""

LABELS_ONLY = frozenset(
    {
        "accuracy",
        "calibration error",
        "confidence",
        "F1",
        "linear probe",
        "macro F1",
        "precision",
        "recall",
    }
)
"""Terms that a page about written answers has no use for."""
TEXTS_ONLY = frozenset({"perplexity", "unreadable"})
"""Terms that a page about labels has no use for."""

KINDS: dict[str, tuple[str, str]] = {
    "floor": ("floor", "Needs no language model."),
    "zero_shot": ("zero-shot", "Answers from the names or descriptions of the labels alone."),
    "few_shot": ("few-shot", "Answers from a few examples of each label."),
    "nearest": ("nearest", "Answers like the most similar training rows."),
    "probe": ("probe", "A small linear classifier on a language model that is left as it is."),
    "prompt": ("prompt", "A language model with instructions."),
    "rag": ("retrieval", "A language model that is shown similar examples."),
    "endpoint": ("endpoint", "A model behind an address on the network."),
    "tune": ("fine-tuned", "A language model trained on your rows."),
    "tune_and_rag": ("fine-tuned + retrieval", "A trained model that is shown similar examples."),
}
"""Kind of candidate to its name and meaning."""

TEXT_KINDS: dict[str, tuple[str, str]] = {
    "zero_shot": ("zero-shot", "The language model as it is, with the input alone."),
    "few_shot": ("few-shot", "The language model as it is, shown a few training rows first."),
    "nearest": ("nearest", "Gives the answer of the most similar training row."),
}
"""The same where candidates write, as far as it differs."""
