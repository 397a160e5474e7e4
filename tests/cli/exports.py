"""Reads what `pcore export` wrote with the programs that it is for. Prints one line for each that agreed or is missing.

Usage: exports.py LABEL_STUDIO COCO PARQUET TENSORBOARD MASKS
MASKS: JSON, for each path its shape and the numbers of its marked pixels, row by row.
"""
import glob
import importlib.metadata as metadata
import json
import sys

label_studio, coco, parquet, tensorboard, masks = sys.argv[1:]
masks = json.load(open(masks))


def marked(flat):
    return [i for i, value in enumerate(flat) if value]


def read_coco():
    from pycocotools.coco import COCO

    found = COCO(f"{coco}/coco.json")
    united = {image["file_name"]: set() for image in found.imgs.values()}
    for annotation in found.anns.values():
        mask = found.annToMask(annotation)
        assert mask.sum() == annotation["area"], annotation
        rows, columns = mask.nonzero()
        box = [columns.min(), rows.min(), columns.max() - columns.min() + 1, rows.max() - rows.min() + 1]
        assert box == annotation["bbox"], annotation
        united[found.imgs[annotation["image_id"]]["file_name"]] |= set(marked(mask.flatten()))
    for path, mask in masks.items():
        assert sorted(united[path]) == mask["pixels"], path
    found.loadRes(json.load(open(f"{coco}/coco.json"))["annotations"])
    return "pycocotools"


def read_label_studio():
    from label_studio_sdk.converter.brush import decode_rle

    for task in json.load(open(f"{label_studio}/tasks.json")):
        mask, united = masks[task["data"]["path"]], set()
        for item in task["predictions"][0]["result"]:
            if item["type"] == "brushlabels":
                flat = decode_rle(item["value"]["rle"])[::4]
                assert len(flat) == item["original_width"] * item["original_height"]
                united |= set(marked(flat))
        assert sorted(united) == mask["pixels"], task["data"]["path"]
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface(open(f"{label_studio}/labels.xml").read())
    for task in json.load(open(f"{label_studio}/tasks.json")):
        for prediction in task["predictions"]:
            assert interface.validate_prediction(prediction), prediction
    return "label_studio_sdk"


def read_parquet():
    import pyarrow.parquet as pq

    images, regions = pq.read_table(f"{parquet}/images.parquet"), pq.read_table(f"{parquet}/regions.parquet")
    assert set(images["path"].to_pylist()) == set(masks)
    assert sum(images["n_regions"].to_pylist()) == regions.num_rows
    assert str(images.schema.field("began").type) == "timestamp[us, tz=UTC]"
    return "pyarrow"


def read_tensorboard():
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for path in glob.glob(f"{tensorboard}/*/events.*"):
        events = EventAccumulator(path, size_guidance={"scalars": 0, "images": 0})
        events.Reload()
        tags = events.Tags()
        assert len(events.Scalars("images/score")) == len(masks), tags
        assert len(tags["images"]) > 0 and "scores/anomalous" in tags["histograms"], tags
        assert events.Histograms("scores/normal")[0].histogram_value.num > 0
    return "tensorboard"


for read in [read_coco, read_label_studio, read_parquet, read_tensorboard]:
    try:
        name = read()
        print("agreed", name, metadata.version(name))
    except ImportError as error:
        print("missing", error)
