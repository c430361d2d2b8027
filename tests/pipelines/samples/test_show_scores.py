from helpers.written_ledger import write_ledger

from pipelines.ledger.reader import open_ledger
from pipelines.samples.show_scores import best_first, show_scores


def test_rows_come_best_first_and_failures_last_with_their_reason(tmp_path, capsys):
    write_ledger(str(tmp_path), [0.25, None, 0.75, 0.5])
    ledger = open_ledger(str(tmp_path))
    scores = [row["musiq_tiny"] for row in best_first(ledger)]
    assert scores == [0.75, 0.5, 0.25, None]
    show_scores(ledger)
    lines = [line for line in capsys.readouterr().out.splitlines() if "photo-" in line]
    assert "photo-2.png" in lines[0]
    assert "0.750" in lines[0]
    assert "empty" in lines[3]
