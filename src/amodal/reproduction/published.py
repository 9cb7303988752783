"""Every number the paper publishes about its evaluation: shares in [0, 1], as printed in its tables and text."""

from __future__ import annotations

from typing import Final

Scores = tuple[float, float, float]
"""Accuracy at 50 %, at 70 %, area under the curve (the mean IoU)."""
Pair = tuple[float, float]
"""mAP^r at 50 %, at 70 %."""

TABLE_1: Final[dict[str, Scores]] = {"modal": (0.680, 0.370, 0.575), "amodal": (0.800, 0.480, 0.643)}
"""Table 1: 100 occluded objects of VOC 2012 val, box and category given."""
BETTER_THAN_MODAL: Final = 0.73
"""Section 5.3: share of those objects whose amodal mask fits better than the modal one (Fig. 9a)."""
WORSE_THAN_MODAL: Final = 0.27
GAINS_IN_MANY_CASES: Final = (0.20, 0.50)
"""Section 5.3: by how much IoU rises "in many cases" over the modal mask's."""
SMALL_LOSS: Final = 0.05
"""Section 5.3: on most of the objects on which the amodal mask is worse, IoU drops by less."""
TABLE_2: Final[dict[str, Pair]] = {"modal": (0.341, 0.140), "amodal": (0.452, 0.226)}
"""Table 2: mAP^r with Faster R-CNN's boxes."""
UNOCCLUDED_AP: Final = 0.7717
"""Section 5.2: average precision of "unoccluded" by the area ratio, all of VOC 2012 val."""
OCCLUDED_PEAK: Final = 0.75
"""Section 5.2: around which area ratio the occluded objects of Fig. 8a peak."""
HISTOGRAM_BINS: Final = 100
"""Fig. 8a."""
OBJECTS_PER_CATEGORY: Final = 5
"""Section 5.3: how many occluded objects of each of VOC's 20 categories were drawn whole."""
ANNOTATED_OBJECTS: Final = 100
SUPPLEMENT_TABLE_1: Final[dict[str, Pair]] = {
    "without_modal_prediction": (0.352, 0.184),
    "without_dynamic_samples": (0.398, 0.227),
    "both": (0.452, 0.226),
}
"""Supplement, section 1: ablations, mAP^r with Faster R-CNN's boxes."""
SUPPLEMENT_TABLE_2: Final[dict[str, Pair]] = {"modal": (0.374, 0.159), "amodal": (0.440, 0.209)}
"""Supplement, section 2: PASCAL 3D+, projected CAD models as approximate truth."""
