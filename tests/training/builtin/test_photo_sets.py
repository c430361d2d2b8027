from training import cli


def test_a_missing_folder_is_one_line_and_nothing_is_written(tmp_path, capsys):
    told = ["--photos", str(tmp_path / "absent"), "--labelled", str(tmp_path)]
    output = tmp_path / "output"
    assert cli.main(["builtin", *told, "--output", str(output)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("musiq-train builtin: error: --photos ")
    assert "must hold manifest.csv and train/" in line
    assert not output.exists()
