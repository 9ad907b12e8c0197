"""Which trials to run: search, learning curve, final training."""
