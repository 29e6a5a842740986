"""Folders of images: layouts that people have, and what is wrong with some of them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minicnn.data import FileDataset, ImageFolder, folder_splits


def touch(root, *names):
    """Files that are listed but never opened."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"?")
    return root


def names(dataset, root):
    return [os.path.relpath(path, root) for path in dataset.paths]


def test_classes_are_sorted_and_labels_fit(tmp_path):
    touch(tmp_path, "b/2.JPG", "b/1.png", "a/x.jpeg", "a/deep/er/y.TIFF", "C/z.webp")
    data = ImageFolder(tmp_path)
    assert data.classes == ["C", "a", "b"] and data.labels.tolist() == [0, 1, 1, 2, 2]
    assert names(data, tmp_path) == [
        "C/z.webp",
        "a/deep/er/y.TIFF",
        "a/x.jpeg",
        "b/1.png",
        "b/2.JPG",
    ]
    assert data.labels.dtype == np.int64 and not data.multilabel and len(data) == 5
    assert data.name == tmp_path.name and data.source(4) == str(tmp_path / "b" / "2.JPG")


def test_images_are_opened_when_asked_for(tmp_path):
    for name, colour in (("a", "red"), ("b", "blue")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (4, 3), colour).save(tmp_path / name / "1.png")
    image, label = ImageFolder(tmp_path)[1]
    assert image.mode == "RGB" and image.getpixel((0, 0)) == (0, 0, 255) and label == 1
    assert ImageFolder(tmp_path, channels=1)[0][0].mode == "L"
    (tmp_path / "b" / "1.png").write_bytes(b"x")
    with pytest.raises(ValueError, match="1.png: must be a whole image"):
        ImageFolder(tmp_path)[1]
    with pytest.raises(IndexError):
        ImageFolder(tmp_path)[2]


def test_what_systems_leave_behind_is_left_out(tmp_path):
    touch(
        tmp_path, "a/1.jpg", "b/1.jpg", "a/._1.jpg", "a/.DS_Store", "a/Thumbs.db", "a/notes.txt",
        "__MACOSX/a/._1.jpg", ".git/x.png", "a/.cache/2.jpg", "readme.md", "contact sheet.jpg",
    )  # fmt: skip
    assert names(ImageFolder(tmp_path), tmp_path) == ["a/1.jpg", "b/1.jpg"]


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("val", "val"),
        ("valid", "val"),
        ("Validation", "val"),
        ("testing", "test"),
        ("test", "test"),
    ],
)
def test_splits_by_any_name(tmp_path, folder, split):
    touch(
        tmp_path, "Training/a/1.jpg", "Training/b/2.jpg", f"{folder}/a/3.jpg", f"{folder}/b/4.jpg"
    )
    assert set(folder_splits(tmp_path)) == {"train", split}
    assert names(ImageFolder(tmp_path, "train"), tmp_path) == [
        "Training/a/1.jpg",
        "Training/b/2.jpg",
    ]
    assert names(ImageFolder(tmp_path, split), tmp_path) == [
        f"{folder}/a/3.jpg",
        f"{folder}/b/4.jpg",
    ]
    with pytest.raises(ValueError, match=f'split must be one of train, {split}.*say split="train"'):
        ImageFolder(tmp_path)
    with pytest.raises(ValueError, match="split must be one of train, val, test, got 'dev'"):
        ImageFolder(tmp_path, "dev")


def test_classes_of_a_split_are_those_of_training(tmp_path):
    touch(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "train/c/1.jpg", "val/b/1.jpg", "val/c/1.jpg")
    val = ImageFolder(tmp_path, "val")
    assert val.classes == ["a", "b", "c"] and val.labels.tolist() == [1, 2]
    touch(tmp_path, "val/d/1.jpg")
    with pytest.raises(ValueError, match=r"val: its classes must be .*\(a, b, c\), got d as well"):
        ImageFolder(tmp_path, "val")


def test_a_train_is_a_vehicle_too(tmp_path):
    touch(tmp_path, "bus/1.jpg", "car/1.jpg", "train/1.jpg")
    assert folder_splits(tmp_path) == {}
    assert ImageFolder(tmp_path).classes == ["bus", "car", "train"]
    with pytest.raises(ValueError, match="must have a folder val or valid.*leave the split out"):
        ImageFolder(tmp_path, "val")


def test_links(tmp_path):
    touch(tmp_path / "far", "1.jpg", "sub/2.jpg")
    touch(tmp_path / "data", "b/1.jpg")
    (tmp_path / "data" / "a").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "sub" / "loop").symlink_to(tmp_path / "far")
    (tmp_path / "data" / "b" / "gone.jpg").symlink_to(tmp_path / "nothing.jpg")
    data = ImageFolder(tmp_path / "data")
    assert names(data, tmp_path / "data") == ["a/1.jpg", "a/sub/2.jpg", "b/1.jpg", "b/gone.jpg"]
    with pytest.raises(ValueError, match="gone.jpg.*broken link"):
        data[3]


def test_what_is_wrong_is_named(tmp_path):
    def refused(match, split=None, root=tmp_path, error=ValueError):
        with pytest.raises(error, match=match):
            ImageFolder(root, split)

    refused("none: must be a folder of images, got no such", None, tmp_path / "none", OSError)
    refused("no images in sub-folders")
    touch(tmp_path, "1.jpg")
    refused("one sub-folder of images per class, got images directly in it")
    refused("must be a folder of images, got a file", None, tmp_path / "1.jpg", OSError)
    touch(tmp_path, "a/1.jpg")
    refused("at least 2 class folders, got only a")
    (tmp_path / "b").mkdir()
    refused(r"b: a class folder must hold images, got none; put images \(.bmp")
    touch(tmp_path, "b/1.heic", "b/2.txt")
    refused(r"b: a class folder must hold images, got none, only files .heic, .txt")


def test_images_directly_in_train(tmp_path):
    touch(tmp_path, "train/1.jpg", "val/2.jpg")
    with pytest.raises(ValueError, match="train: must have one sub-folder .* images directly"):
        ImageFolder(tmp_path, "train")


@pytest.mark.usefixtures("no_rights")
def test_unreadable_folder(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "b").chmod(0)
    with pytest.raises(PermissionError, match="b: must be readable"):
        ImageFolder(tmp_path)


STREAM = """
import resource, sys
from minicnn.data import DataLoader, ImageFolder
for epoch in range(2):
    for images, labels in DataLoader(ImageFolder(sys.argv[1]), 50, shuffle=True, workers=2):
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux tells it, in KiB")
def test_ten_times_as_many_files_take_no_more_memory(tmp_path):
    """Were the images of 48 x 48 kept, as floats they would be 55 KB each."""
    Image.new("RGB", (48, 48)).save(tmp_path / "x", "PNG")
    peaks = []
    for n in (200, 2000):
        for i in range(n):
            folder = tmp_path / str(n) / str(i % 2)
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(tmp_path / "x", folder / f"{i}.png")
        command = [sys.executable, "-c", STREAM, str(tmp_path / str(n))]
        root = Path(__file__).parents[1]
        result = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
        peaks.append(int(result.stdout))
    assert peaks[1] < peaks[0] + 10_000, peaks


def test_file_dataset():
    several = np.eye(3, dtype=np.float32)
    data = FileDataset(["x", "y", "z"], several, ["a", "b", "c"], "three", channels=1)
    assert data.multilabel and repr(data) == "FileDataset(three: 3 files, 3 classes)"
    part = data.subset([2, 0, -1])
    assert part.paths == ["z", "x", "z"] and np.array_equal(part.labels, several[[2, 0, 2]])
    assert part.channels == 1 and part.classes == data.classes and part.name == "three"
    for wrong in ([], [3], [-4], [0.5], [True, False, True]):
        with pytest.raises(ValueError, match="three.subset: indices must be"):
            data.subset(wrong)
    for labels, match in (
        (several[:2], "paths and labels must agree in number, got 3 and 2"),
        (several * 0.5, "must be 0 or 1"),
        (np.array([0, 1, 3]), "labels must be 0..2"),
        (several[:, :2], r"must have shape \(N, 3\)"),
    ):
        with pytest.raises(ValueError, match=match):
            FileDataset(["x", "y", "z"], labels, ["a", "b", "c"], "three")
