"""Floor 2: records in, numbers out; every figure with its protocol. `evaluate.evaluate` is the way in."""
