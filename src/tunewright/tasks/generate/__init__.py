"""The `generate` task: one renderer from what a row says to the tokens that a model is given.

`config.py` what a person may choose; `sandbox.py` and `template.py` run a chat template of unknown
origin; `named.py` the templates of our own; `trace.py` finds where each turn begins and ends;
`tokens.py` carries that over to tokens; `renderer.py` puts it together; `fit.py` cuts to a length.
"""
