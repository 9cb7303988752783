"""Whole jobs on real files: one process, a killed one, two ranks, and two workers of Ray give the same records."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from amodal.core.errors import AmodalError
from amodal.inference.bulk import Job, ShardPredictor, read_shards, run_on_ray
from amodal.inference.bulk.job import read_album

PICTURES = 12


@pytest.fixture(scope="module")
def toy() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "tiny_networks.py")))


@pytest.fixture(scope="module")
def job(toy: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Twelve pictures of one size, two objects each, in six shards."""
    folder = tmp_path_factory.mktemp("job")
    images, annotations = [], []
    (folder / "images").mkdir()
    for i in range(PICTURES):
        Image.fromarray(toy.red_picture(60, 40, (10 + i, 5, 35 + i, 25))).save(folder / "images" / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": 60, "height": 40})
        for k, box in enumerate(([12 + i, 8, 15, 14], [2, 25, 9, 9])):
            annotations.append({"id": 10 * i + k, "image_id": i, "category_id": 3, "bbox": box})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 3, "name": "thing"}]}
    (folder / "annotations.json").write_text(json.dumps(content))
    return Job(
        images=str(folder / "images"),
        annotations=str(folder / "annotations.json"),
        output=str(folder / "out"),
        shards=6,
        weights=str(toy.write_weights(folder / "weights")),
        threads=1,
    )


@pytest.fixture(scope="module")
def wanted(job: Job) -> list[dict[str, Any]]:
    made = ShardPredictor(job)
    made.make(made.shards)
    return list(read_shards(job.output))


def command(job: Job, output: Path) -> list[str]:
    code = "import sys; from amodal.cli.main import main; sys.exit(main())"
    words = ["predict", "--images", job.images, "--annotations", job.annotations, "--weights", str(job.weights)]
    return [sys.executable, "-c", code, *words, "--output", str(output), "--shards", str(job.shards), "--threads", "1"]


def environment(root: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(root / "src"), **more}


def test_one_process(job: Job, wanted: list[dict[str, Any]]) -> None:
    assert [record["annotation_id"] for record in wanted] == [10 * i + k for i in range(PICTURES) for k in range(2)]
    assert all(record["category_id"] == 3 for record in wanted) and wanted[0]["area"] > 100
    assert ShardPredictor(job)({"shard": 2}) == {"shard": 2, "objects": 0, "failed": 0, "made": 0, "empty": 0}
    with pytest.raises(AmodalError, match="another album, given"):
        ShardPredictor(replace(job, given="mask"))
    ShardPredictor(replace(job, images=os.path.relpath(job.images)))  # the same folder
    with pytest.raises(AmodalError, match="'another images'"):
        ShardPredictor(replace(job, images=str(Path(job.images).parent)))


def test_torchruns_ranks_give_the_same_records(
    job: Job, wanted: list[dict[str, Any]], root: Path, tmp_path: Path
) -> None:
    ranks = [
        subprocess.Popen(
            command(job, tmp_path), env=environment(root, RANK=str(rank), WORLD_SIZE="2", LOCAL_WORLD_SIZE="2")
        )
        for rank in range(2)
    ]
    assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    assert list(read_shards(tmp_path)) == wanted


def test_a_killed_process_is_taken_up(job: Job, wanted: list[dict[str, Any]], root: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(command(job, tmp_path), env=environment(root))
    limit = time.monotonic() + 60
    while not list(tmp_path.glob("shard-*")) and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    assert subprocess.run(command(job, tmp_path), env=environment(root), timeout=120).returncode == 0
    assert list(read_shards(tmp_path)) == wanted


def test_two_workers_of_ray_give_the_same_records(
    job: Job, wanted: list[dict[str, Any]], tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(root / "src"))
    monkeypatch.setenv("RAY_agent_register_timeout_ms", "300000")  # a busy machine takes longer than Ray allows for
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        outcome = run_on_ray(replace(job, output=str(tmp_path)), 2)
        assert (outcome.made, outcome.objects, outcome.failed) == (6, len(wanted), 0)
        assert list(read_shards(tmp_path)) == wanted
        outcome = run_on_ray(replace(job, output=str(tmp_path)), 2)
        assert (outcome.made, outcome.found) == (0, 6)
    finally:
        ray.shutdown()


def test_without_ray_it_says_what_to_install(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(AmodalError, match=r"amodal\[ray\]"):
        run_on_ray(job, 2)
    with pytest.raises(AmodalError, match="1 or more"):
        run_on_ray(job, 0)


def test_a_folder_whose_pictures_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (20, 10)).save(tmp_path / "pictures" / "a.png")
    (tmp_path / "yolo" / "labels").mkdir(parents=True)
    (tmp_path / "yolo" / "labels" / "a.txt").write_text("0 0.5 0.5 0.4 0.2\n")
    (tmp_path / "yolo" / "data.yaml").write_text("names: [cup]")
    job = Job(str(tmp_path / "pictures"), str(tmp_path / "yolo"), str(tmp_path / "out"), 1)
    (record,) = read_album(job)
    assert (record.file_name, record.width) == ("a.png", 20) and len(record.instances) == 1
