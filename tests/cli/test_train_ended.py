"""A training that is told to end, as by a job's time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")


@pytest.mark.parametrize("whole_group", [False, True])  # as `kill` does, and as `timeout` and batch systems do
def test_sigterm_is_an_interruption(root: Path, tmp_path: Path, whole_group: bool) -> None:
    recipe = (root / "recipes" / "smoke.yaml").read_text()
    (tmp_path / "r.yaml").write_text(recipe)
    words = ["--recipe", str(tmp_path / "r.yaml"), "--output", str(tmp_path / "run"), "--workers", "2"]
    words += ["--modal.steps", "100000", "--checkpoint_every", "2"]
    run = subprocess.Popen(
        [sys.executable, "-m", "amodal", "train", *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 120
        while not (tmp_path / "run" / "modal" / "checkpoint.pt").exists():
            assert run.poll() is None and time.monotonic() < until
            time.sleep(0.1)
        (os.killpg if whole_group else os.kill)(run.pid, signal.SIGTERM)
        _, told = run.communicate(timeout=60)
    finally:
        if run.poll() is None:
            run.kill()
    assert run.returncode == 130 and told.rstrip().endswith("amodal: interrupted; go on with --resume")
    assert "Traceback" not in told
