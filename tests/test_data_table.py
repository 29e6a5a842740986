"""Tables of labels, as people and programs write them."""

import numpy as np
import pytest

from minicnn.data import from_csv


def table(tmp_path, text, encoding="utf-8", files=("1.jpg", "2.jpg", "sub/ü 3.jpg")):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "file,cat,dog\n1.jpg,1,0\n2.jpg,0,0\nsub/ü 3.jpg,1,1\n",
        "file;cat;dog\r\n1.jpg;1;0\r\n2.jpg;0;0\r\n\r\nsub/ü 3.jpg;1.0;1\r\n",
        'file, "cat", dog\n 1.jpg , 1 , 0\n"2.jpg",0,0\n"sub\\ü 3.jpg",1,1',
        "file\tcat\tdog\n1.jpg\t1\t0\n2.jpg\t0\t0\nsub/ü 3.jpg\t1\t1\n\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_one_column_per_class(tmp_path, text, encoding):
    data = from_csv(table(tmp_path, text, encoding))
    assert data.classes == ["cat", "dog"] and data.name == "labels" and data.multilabel
    assert data.labels.dtype == np.float32 and data.labels.tolist() == [[1, 0], [0, 0], [1, 1]]
    assert data.source(2) == str(tmp_path / "sub" / "ü 3.jpg")


@pytest.mark.parametrize(
    "text",
    [
        'image,labels\n1.jpg,dog\n2.jpg,""\nsub/ü 3.jpg,"cat, dog"\n',
        "image,Labels\n1.jpg,dog\n2.jpg,\nsub/ü 3.jpg,dog ; cat;\n",
        "image;classes\n1.jpg;dog\n2.jpg;\nsub/ü 3.jpg;cat|dog\n",
    ],
)
def test_a_column_of_names(tmp_path, text):
    data = from_csv(table(tmp_path, text))
    assert data.classes == ["cat", "dog"] and data.labels.tolist() == [[0, 1], [0, 0], [1, 1]]


def test_one_label_per_file(tmp_path):
    path = table(tmp_path, "image,label\n1.jpg,dog\n2.jpg,cat\nsub/ü 3.jpg,dog\n")
    data = from_csv(path, channels=1)
    assert data.classes == ["cat", "dog"] and data.labels.tolist() == [1, 0, 1]
    assert data.labels.dtype == np.int64 and not data.multilabel and data.channels == 1


def test_another_folder(tmp_path):
    table(tmp_path, "")
    path = tmp_path / "sub" / "t.csv"
    path.write_text("file,a,b\n1.jpg,1,0\n2.jpg,0,1\n", encoding="utf-8")
    assert from_csv(path, tmp_path).source(0) == str(tmp_path / "1.jpg")
    with pytest.raises(ValueError, match=r"t.csv, line 2: .*sub/1.jpg \(2 of 2 are missing\)"):
        from_csv(path)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "must have a header and rows, got an empty file"),
        ("file,a,b\n", "a row per image must follow the header"),
        ("file\n1.jpg\n", "line 1: a header must name the file and at least one label"),
        ("1.jpg,1,0\n2.jpg,0,1\n", "line 1: a header must come first"),
        ("file,a,a\n1.jpg,1,0\n", "line 1: each column must have a name of its own, got 'a'"),
        ("file,a,\n1.jpg,1,0\n", "line 1: each column must have a name of its own, got ''"),
        ("file,a,b\n1.jpg,1,0\n2.jpg,1\n", "line 3: a row must have 3 cells, got 2"),
        ("file,a,b\n1.jpg,1,0\n\n2.jpg,1,0,1\n", "line 4: a row must have 3 cells, got 4"),
        ("file,a,b\n1.jpg,1,0\n2.jpg,1,2\n", "line 3: column b must be 0 or 1, got '2'"),
        ("file,a,b\n1.jpg,1,\n", "line 2: column b must be 0 or 1, got ''"),
        ("file,a,b\n,1,0\n", "line 2: a row must begin with the name of a file"),
        ("file,a,b\n1.jpg,1,0\n1.jpg,0,1\n", "line 3: each file must come once.*of line 2 again"),
        ("file,a,b\n1.jpg,1,0\n9.jpg,0,1\n", r"line 3: each file must be there.*\(1 of 2 are"),
        ("file,label\n1.jpg,a\n2.jpg,\n", "line 3: a file must have a label"),
        ("file,label\n1.jpg,a\n2.jpg,a\n", "must have at least 2 classes, got only a"),
        ("file,labels\n1.jpg,\n2.jpg,\n", "at least one image must have a label"),
        ('file,a,b\n1.jpg,1,"0\n', "line 2: quotes must be closed"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, match):
    path = table(tmp_path, text)
    with pytest.raises(ValueError, match=match) as caught:
        from_csv(path)
    assert str(path) in str(caught.value)


def test_other_encodings_and_no_file(tmp_path):
    path = table(tmp_path, "file,grün\n1.jpg,1\n", "latin-1")
    with pytest.raises(ValueError, match="must be text in UTF-8, got .* at byte 7"):
        from_csv(path)
    with pytest.raises(FileNotFoundError):
        from_csv(tmp_path / "none.csv")
