import os
from importlib.metadata import PackageNotFoundError

import pytest
import torch

from digits.hardware import describe_versions, select_device


def test_a_gpu_multiplies_the_same_way_each_time_whatever_is_done_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    for name in ("auto", "cuda"):
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is as before afterwards
        monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
        assert select_device("cpu").type == "cpu"
        assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
        assert select_device(name).type == "cuda"
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_versions_are_described_where_only_the_source_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def not_found(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("digits.hardware.version", not_found)
    versions = describe_versions()
    assert versions["digits"] == "not installed"
    assert versions["torch"] == torch.__version__
