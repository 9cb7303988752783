"""Floor 4: the paper's evaluation, from data folders to one page with its numbers beside ours; see `run.reproduce`."""
