"""Floor 2: occlusion made, not found (paper section 3). Only `stream` and `torch_cut` know torch."""
