import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from pipelines.engines.beam_options import asked_options, parse_beam_options
from pipelines.engines.engine import Engine, JobFacts, engine_of
from pipelines.engines.job import Job
from pipelines.engines.runners import make_runner
from schemas.errors import UsageError
from schemas.programs.program import EngineArguments


@pytest.mark.parametrize("arguments", [[], ["--runner=DirectRunner"]])
def test_the_default_and_direct_runner_mean_the_embedded_engine(arguments):
    options = PipelineOptions(arguments)
    engine = engine_of(options)
    assert engine is Engine.EMBEDDED
    runner = make_runner(engine, options, workers=2)
    assert type(runner) is FnApiRunner


def test_workers_are_told_the_options():
    options = PipelineOptions(["--job_name=nightly"])
    runner = make_runner(Engine.EMBEDDED, options, workers=2)
    told = runner._provision_info.provision_info.pipeline_options
    assert told["beam:option:job_name:v1"] == "nightly"


def test_unknown_runners_are_told():
    assert "--runner NoRunner cannot be used" in refusal_of("--runner=NoRunner")


@pytest.mark.parametrize(
    ("runner", "engine"),
    [
        ("DataflowRunner", Engine.DATAFLOW),
        ("dataflow", Engine.DATAFLOW),
        ("apache_beam.runners.portability.prism_runner.PrismRunner", Engine.PRISM),
        ("flinkrunner", Engine.FLINK),
        ("EmbeddedRunner", Engine.EMBEDDED),
        ("SparkRunner", Engine.OTHER),
    ],
)
def test_engines_are_known_by_every_name_that_beam_takes(runner, engine):
    assert engine_of(PipelineOptions([f"--runner={runner}"])) is engine


def refusal_of(*arguments: str) -> str:
    facts = JobFacts(pipeline="musiq-score", output="/ledger", uris=())
    with pytest.raises(UsageError) as raised:
        Job("musiq score", PipelineOptions(list(arguments)), facts).check()
    return str(raised.value)


def test_an_engine_that_loses_rows_is_refused_with_the_reason():
    dask = "apache_beam.runners.dask.dask_runner.DaskRunner"
    assert "loses rows without a word" in refusal_of(f"--runner={dask}")


def test_prism_is_not_downloaded_in_silence(tmp_path):
    (tmp_path / "prism").write_text("no program")
    assert "needs --prism_location" in refusal_of("--runner=PrismRunner")
    for name, message in (("absent", "no such file"), ("prism", "is not a program")):
        location = f"--prism_location={tmp_path / name}"
        assert message in refusal_of("--runner=PrismRunner", location)


def test_arguments_that_nobody_knows_are_refused_with_the_nearest():
    def parse(*arguments):
        return parse_beam_options(EngineArguments(arguments, ("--workers",)))

    assert parse("--job_name", "a-b").get_all_options()["job_name"] == "a-b"
    with pytest.raises(UsageError, match="unknown flag --job_nam, did you mean --job_"):
        parse("--job_nam", "a")
    with pytest.raises(UsageError, match=r"--wokers, did you mean --workers\?"):
        parse("--wokers=3")
    with pytest.raises(UsageError, match="unexpected argument 'photos'"):
        parse("photos")


def test_what_is_remembered_of_the_options_holds_no_secret():
    words = ("--job_name=a-b", "--labels=team=x", "--s3_access_key_id=AK")
    words += ("--s3_secret_access_key=hush", "--s3_session_token=hush")
    remembered = asked_options(EngineArguments(words))
    assert remembered == {"job_name": "a-b", "labels": ["team=x"]}
