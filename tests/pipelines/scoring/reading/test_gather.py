import random

import apache_beam as beam
from apache_beam.testing.util import assert_that, equal_to
from helpers.make_shards import tar_of, write_hugging_face

from pipelines.engines.beam_options import parse_beam_options
from pipelines.engines.embedded.runner import embedded_runner
from pipelines.scoring.reading.gather import Gather, RefGroup
from schemas.programs.program import EngineArguments


def test_what_is_read_together_is_gathered_in_its_order_and_the_rest_stays_alone(
    refs, tmp_path
):
    for name in "ab":
        write_hugging_face(tmp_path / f"{name}.parquet", [b"x"] * 5, group=3)
    (tmp_path / "s.tar").write_bytes(tar_of([("1.jpg", b"x"), ("2.jpg", b"y")]))
    (tmp_path / "cut.tar").write_bytes(tar_of([("1.jpg", b"x")])[:-1000])
    (tmp_path / "0.jpg").write_bytes(b"x")
    rows = refs(tmp_path / "*.parquet")
    alone = refs(*(tmp_path / name for name in ("s.tar", "*.tar", "0.jpg")))
    pieces = (rows[:3], rows[3:5], rows[5:8], rows[8:])
    expected = [
        *(RefGroup(refs=(ref,)) for ref in alone),
        *(RefGroup(refs=tuple(piece)) for piece in pieces),
    ]
    shuffled = random.Random(0).sample([*rows, *alone], len(rows) + len(alone))
    options = parse_beam_options(EngineArguments())
    with beam.Pipeline(embedded_runner(options, workers=1), options) as pipeline:
        groups = pipeline | beam.Create(shuffled) | Gather(is_fast=True)
        assert_that(groups, equal_to(expected))
