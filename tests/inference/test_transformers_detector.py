"""The real classes of transformers, tiny and untrained; skipped where transformers is not installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from amodal.core import boxes as bx  # noqa: E402
from amodal.core.errors import WeightsError  # noqa: E402
from amodal.inference.detectors import open_detector, open_segmenter  # noqa: E402
from amodal.inference.detectors.transformers_detector import Sam2Segmenter, TransformersDetector  # noqa: E402

NAMES = {0: "dog", 1: "mug", 2: "person"}
IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def save_d_fine(folder: Path) -> Path:
    """A D-FINE of about 100,000 weights."""
    backbone = transformers.HGNetV2Config(
        stem_channels=[3, 8, 8],
        stage_in_channels=[8, 8, 16, 16],
        stage_mid_channels=[8, 8, 8, 8],
        stage_out_channels=[8, 16, 16, 16],
        stage_num_blocks=[1, 1, 1, 1],
        stage_downsample=[False, True, True, True],
        stage_light_block=[False, False, True, True],
        stage_kernel_size=[3, 3, 3, 3],
        stage_numb_of_layers=[1, 1, 1, 1],
        hidden_sizes=[8, 16, 16, 16],
        depths=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )
    config = transformers.DFineConfig(
        backbone_config=backbone,
        encoder_hidden_dim=16,
        encoder_in_channels=[16, 16, 16],
        feat_strides=[8, 16, 32],
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        d_model=16,
        num_queries=10,
        decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16,
        decoder_layers=2,
        decoder_attention_heads=2,
        decoder_n_points=[2, 2, 2],
        num_feature_levels=3,
        num_denoising=0,
        id2label=NAMES,
        label2id={name: number for number, name in NAMES.items()},
    )
    torch.manual_seed(0)
    transformers.DFineForObjectDetection(config).save_pretrained(folder)
    transformers.RTDetrImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def save_sam2(folder: Path) -> Path:
    """A SAM 2 of about 100,000 weights."""
    backbone = transformers.Sam2HieraDetConfig(
        hidden_size=12,
        num_attention_heads=1,
        blocks_per_stage=[1, 1, 1, 1],
        embed_dim_per_stage=[12, 24, 48, 96],
        num_attention_heads_per_stage=[1, 1, 2, 4],
        window_size_per_stage=[4, 2, 2, 2],
        global_attention_blocks=[],
        window_positional_embedding_background_size=[4, 4],
        image_size=[128, 128],
    )
    vision = transformers.Sam2VisionConfig(
        backbone_config=backbone.to_dict(),
        backbone_channel_list=[96, 48, 24, 12],
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
        fpn_hidden_size=32,
    )
    config = transformers.Sam2Config(
        vision_config=vision.to_dict(),
        prompt_encoder_config={"hidden_size": 32, "image_size": 128, "patch_size": 16, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 32,
        },
    )
    torch.manual_seed(0)
    transformers.Sam2Model(config).save_pretrained(folder)
    image = transformers.Sam2ImageProcessor(size={"height": 128, "width": 128}, mask_size={"height": 32, "width": 32})
    transformers.Sam2Processor(image, target_size=128).save_pretrained(folder)
    return folder


def test_a_detector_from_a_folder(tmp_path: Path) -> None:
    detector = open_detector(f"transformers:{save_d_fine(tmp_path)}")
    assert isinstance(detector, TransformersDetector)
    assert [(c.name, c.id) for c in detector.categories] == [("dog", 18), ("mug", 91), ("person", 1)]
    found = detector.detect(IMAGE, 0.0)
    assert found
    scores = [d.score for d in found]
    assert scores == sorted(scores, reverse=True) and min(scores) >= 0 and max(scores) <= 1
    for d in found:
        assert 0 <= d.box[0] < d.box[2] <= 64 and 0 <= d.box[1] < d.box[3] <= 48
        assert detector.categories[d.category].name == d.name and d.mask is None
    between = (scores[0] + scores[-1]) / 2
    assert len(detector.detect(IMAGE, between)) == sum(s >= between for s in scores)


def test_sam2_gives_a_mask_for_each_box(tmp_path: Path) -> None:
    segmenter = open_segmenter(f"sam2:{save_sam2(tmp_path)}")
    boxes = [(2.0, 3.0, 30.0, 40.0), (10.5, 5.0, 60.0, 45.5), (0.0, 0.0, 64.0, 48.0)]
    masks = segmenter.segment(IMAGE, boxes)
    assert [(m.width, m.height) for m in masks] == [(64, 48)] * 3
    for mask, box in zip(masks, boxes, strict=True):
        if not mask.is_empty:
            x1, y1, x2, y2 = bx.outward(box).tolist()
            assert x1 <= mask.box[0] and y1 <= mask.box[1] and mask.box[2] <= x2 and mask.box[3] <= y2
    assert any(not mask.is_empty for mask in masks)
    in_parts = Sam2Segmenter(str(tmp_path), batch_size=2).segment(IMAGE, boxes)
    assert [m.iou(n) > 0.99 or (m.is_empty and n.is_empty) for m, n in zip(masks, in_parts, strict=True)] == [True] * 3
    assert segmenter.segment(IMAGE, []) == []


def test_what_is_not_there_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # the variable is read when it is imported
    for name in (str(tmp_path / "none"), "nobody/no-such-detector"):
        with pytest.raises(WeightsError, match=r"hf download"):
            open_detector(f"transformers:{name}")
    save_d_fine(tmp_path / "d")
    with pytest.raises(WeightsError, match=r"every weight of Sam2Model; found|cannot load this as Sam2"):
        open_segmenter(f"sam2:{tmp_path / 'd'}")
    (tmp_path / "d" / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="AutoModelForObjectDetection"):
        open_detector(f"transformers:{tmp_path / 'd'}")
