import io

import numpy as np
import pytest
from helpers.golden_models import published_npz, published_parameters

from musiq_core.config import published_config
from musiq_core.model_files.model_file import ModelFileError
from musiq_core.model_files.published_checkpoint import read_published_checkpoint


def read(data: bytes, output_count: int = 1):
    return read_published_checkpoint(io.BytesIO(data), output_count=output_count)


def npz(arrays: dict) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    ("variant", "scales", "outputs"),
    [("multi_1", (224, 384), 1), ("single_1", (), 1), ("multi_10", (224, 384), 10)],
)
def test_the_published_layout_is_read_as_it_is(variant, scales, outputs):
    parameters, config = read(published_npz(variant), outputs)
    assert config == published_config(scales=scales, output_count=outputs)
    published = published_parameters(variant)
    assert {f"opt/target/{name}" for name in parameters} == published.keys()
    for name, array in parameters.items():
        np.testing.assert_array_equal(array, published[f"opt/target/{name}"])


def test_missing_extra_and_misshapen_parameters_are_named():
    arrays = dict(published_parameters("multi_1"))
    del arrays["opt/target/Transformer/encoderblock_13/LayerNorm_2/bias"]
    arrays["opt/target/extra/kernel"] = np.zeros(3, np.float32)
    arrays["opt/target/embedding/bias"] = np.zeros(7, np.float32)
    with pytest.raises(ModelFileError) as caught:
        read(npz(arrays))
    message = str(caught.value)
    assert "missing Transformer/encoderblock_13/LayerNorm_2/bias" in message
    assert "unknown extra/kernel" in message
    assert "embedding/bias has shape [7], expected [384]" in message


def test_other_data_types_are_refused():
    arrays = dict(published_parameters("multi_1"))
    arrays["opt/target/head/bias"] = np.zeros(1, np.float64)
    with pytest.raises(ModelFileError, match="opt/target/head/bias is not float32"):
        read(npz(arrays))


def test_a_head_of_another_data_set_is_refused():
    with pytest.raises(ModelFileError, match=r"head has 10 outputs.*--dataset"):
        read(published_npz("multi_10"), output_count=1)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.999])
def test_a_cut_download_is_told(keep):
    data = published_npz("multi_1")
    with pytest.raises(ModelFileError, match=r"not a whole \.npz checkpoint"):
        read(data[: int(len(data) * keep)])


def test_other_archives_are_told():
    with pytest.raises(ModelFileError, match="no arrays below opt/target/"):
        read(npz({"weights": np.zeros(3)}))


def test_pickled_objects_are_never_loaded():
    arrays = dict(published_parameters("multi_1"))
    arrays["opt/target/head/bias"] = np.array([{"a": 1}], dtype=object)
    file = io.BytesIO()
    np.savez(file, allow_pickle=True, **arrays)
    with pytest.raises(ModelFileError, match="head/bias is not float32"):
        read(file.getvalue())
