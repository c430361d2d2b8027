"""All shared real photos through the whole job, at the published model's size."""

import pytest
from helpers.golden_models import golden_model_file
from helpers.run_musiq import manifest_of, run_musiq, table_of
from helpers.shared_data import SHARED


@pytest.mark.slow
def test_all_real_photos_are_scored_by_two_models_in_one_pass(tmp_path):
    models = []
    for variant in ("multi_1", "multi_10"):
        path = tmp_path / f"{variant}.safetensors"
        path.write_bytes(golden_model_file(variant))
        models.append(f"--model={path}")
    photos = SHARED / "photos" / "train"
    outcome = run_musiq(
        *("score", "--input", photos, "--output", tmp_path / "ledger", *models)
    )
    assert outcome.code == 0, outcome.err
    count = len(list(photos.iterdir()))
    counts = manifest_of(tmp_path / "ledger")["counts"]
    assert counts["listed"] == counts["scored"] == count
    table = table_of(tmp_path / "ledger")
    assert table.num_rows == count
    for column in ("musiq_multi_1", "musiq_multi_10", "musiq_multi_10_std"):
        assert table.column(column).null_count == 0
