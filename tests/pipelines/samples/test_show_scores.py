from helpers.make_images import write_images
from helpers.run_musiq import run_musiq
from helpers.tiny_models import tiny_model_file

from pipelines.samples import show_scores


def test_rows_come_best_first_and_failures_last_with_their_reason(tmp_path, capsys):
    write_images(tmp_path / "photos", 3)
    (tmp_path / "photos" / "broken.png").write_bytes(b"nothing")
    model = tmp_path / "tiny.safetensors"
    model.write_bytes(tiny_model_file())
    ledger = tmp_path / "ledger"
    result = run_musiq(
        "score", "--input", tmp_path / "photos", "--output", ledger, "--model", model
    )
    assert result.code == 0, result.err
    models, rows = show_scores.read_rows(str(ledger))
    scores = [row["musiq_tiny"] for row in rows]
    assert models == ["tiny"]
    assert scores[:3] == sorted(scores[:3], reverse=True)
    assert scores[3] is None
    show_scores.show_rows(models, rows)
    shown = capsys.readouterr().out
    assert "not_an_image" in shown
    assert f"{scores[0]:.3f}" in shown


def test_a_folder_without_a_ledger_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["show_scores", str(tmp_path)])
    assert show_scores.main() == 1
    assert capsys.readouterr().err == (
        f"show_scores: error: {tmp_path} holds no published ledger\n"
    )
