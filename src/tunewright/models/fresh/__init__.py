"""New models: a tokenizer learned from a person's own texts, and random weights.

`make_model` writes a plain Hugging Face folder that knows nothing yet. Such a model is worth
training where the task is narrow (a command language, a fixed format) and there are thousands of
rows; it is a hundred times smaller than the smallest pretrained one.
"""

from tunewright.models.fresh.build import FreshModel as FreshModel
from tunewright.models.fresh.build import make_model as make_model
from tunewright.models.fresh.config import ARCHITECTURES as ARCHITECTURES
from tunewright.models.fresh.config import SIZES as SIZES
from tunewright.models.fresh.config import FreshModelConfig as FreshModelConfig
