"""Run folders: what they keep, that none is written over, and damaged ones."""

import contextlib
import json
import threading

import numpy as np
import pytest

from minicnn import models, train, weights

from .training import small_net

HISTORY = [train.Epoch(i, 1.5, 0.5, 1.25, 0.75, 0.1, 2.0) for i in (1, 2)]


def test_a_run_folder_keeps_everything(tmp_path):
    model = small_net(seed=1)
    folder = train.create_run({"model": "lenet5", "lr": 0.1}, "digits-net", root=tmp_path / "runs")
    assert folder == tmp_path / "runs" / "digits-net-001"
    weights.save(folder / "best.safetensors", model.state_dict())
    train.write_csv(HISTORY, folder / "metrics.csv")
    assert train.read_config(folder, "model") == {"model": "lenet5", "lr": 0.1}
    assert train.read_csv(folder / "metrics.csv") == HISTORY
    other = small_net(seed=9)
    train.load_weights(folder, other)
    for name, array in model.state_dict().items():
        assert np.array_equal(array, other.state_dict()[name]), name


def test_a_run_is_never_written_over(tmp_path):
    folders = [train.create_run({}, "a", root=tmp_path).name for _ in range(3)]
    assert folders == ["a-001", "a-002", "a-003"]
    (tmp_path / "a-005").mkdir()
    assert train.create_run({}, "a", root=tmp_path).name == "a-004"
    assert train.create_run({}, "a", root=tmp_path).name == "a-006"

    out = tmp_path / "deep" / "out"
    assert train.create_run({"n": 1}, "a", out) == out
    with pytest.raises(FileExistsError, match="got one that holds a run; choose another name"):
        train.create_run({"n": 2}, "a", out)
    assert train.read_config(out) == {"n": 1}
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("one", encoding="utf-8")
    with pytest.raises(FileExistsError, match="holds other files"):
        train.create_run({}, "a", tmp_path / "thesis")
    with pytest.raises(FileExistsError, match="holds a file"):
        train.create_run({}, "a", tmp_path / "thesis" / "chapter.txt")


def test_of_many_at_the_same_time_one_gets_the_folder(tmp_path):
    for attempt in range(10):
        together, won = threading.Barrier(4), []

        def make(n, out=tmp_path / str(attempt), together=together, won=won):
            together.wait()
            with contextlib.suppress(FileExistsError):
                won.append((train.create_run({"n": n}, "a", out), n))

        threads = [threading.Thread(target=make, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ((out, n),) = won
        assert train.read_config(out) == {"n": n}


def test_damaged_runs(tmp_path):
    with pytest.raises(FileNotFoundError, match="got no such folder; `minicnn train` makes one"):
        train.read_config(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="got a folder without it"):
        train.read_config(tmp_path)
    for text in ("{", "[1, 2]", "3", json.dumps({"lr": 1})):
        (tmp_path / "config.json").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"config\.json: must be"):
            train.read_config(tmp_path, "model")
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"config\.json: must be JSON"):
        train.read_config(tmp_path, "model")
    with pytest.raises(FileNotFoundError, match="its training saved none yet"):
        train.load_weights(tmp_path, small_net())
    weights.save(tmp_path / "best.safetensors", models.create("lenet5").state_dict())
    with pytest.raises(
        ValueError, match=r"load_state_dict.*Sequential[\s\S]*unexpected: c1\.bias \(6,\)"
    ):
        train.load_weights(tmp_path, small_net())
