"""Floor 0: values and rules. Nothing here knows a file format, a network or a metric."""
