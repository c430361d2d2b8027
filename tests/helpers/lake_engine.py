"""A program that opens Delta tables by name, and knows nothing of this project.

It runs in `.venv-lake`, as `lake_engine.py ENGINE`. Every line that it reads is a
request in JSON; what is asked for is written to a file, Arrow or JSON, and the answer
is one line: `done`, or `error` and what was wrong.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather

JARS = Path(__file__).parents[2] / ".lake-jars"


class DeltaRs:
    """delta-rs, through its Python package."""

    def __init__(self, store: dict[str, str]):
        from deltalake import DeltaTable

        self._open, self._store = DeltaTable, store

    def rows(self, table: str, version: int | None) -> pa.Table:
        found = self._table(table, version)
        return pa.table(found.to_pyarrow_table())

    def history(self, table: str) -> list[dict[str, Any]]:
        return self._table(table).history()

    def facts(self, table: str) -> dict[str, Any]:
        """What delta-rs reads from the log, and what its vacuum would remove."""
        found = self._table(table)
        return {
            "reader_version": found.protocol().min_reader_version,
            "files": found.file_uris(),
            "added": pa.table(found.get_add_actions(flatten=True)).to_pylist(),
            "superfluous": found.vacuum(
                retention_hours=0, dry_run=True, enforce_retention_duration=False
            ),
        }

    def append(self, table: str) -> None:
        """Append the table's own rows to it, as a stranger might."""
        from deltalake import write_deltalake

        write_deltalake(self._table(table), self.rows(table, None), mode="append")

    def python(self, text: str) -> dict[str, int]:
        return run_python(text)

    def _table(self, table: str, version: int | None = None):
        return self._open(table, version=version, storage_options=self._store)


class Polars:
    """Polars, which reads logs by delta-rs and files by itself."""

    def __init__(self, store: dict[str, str]):
        import polars

        self._polars, self._store = polars, store

    def rows(self, table: str, version: int | None) -> pa.Table:
        found = self._polars.read_delta(
            table, version=version, storage_options=self._store
        )
        return found.to_arrow()

    def python(self, text: str) -> dict[str, int]:
        return run_python(text)


class DuckDb:
    """DuckDB with its own extension for Delta, which reads logs by delta-kernel."""

    def __init__(self, store: dict[str, str]):
        import duckdb

        install_extensions()
        self._session = duckdb.connect()
        if store:
            self._session.execute(
                "CREATE SECRET (TYPE s3, URL_STYLE path, USE_SSL false, "
                f"ENDPOINT '{store['AWS_ENDPOINT_URL'].removeprefix('http://')}', "
                f"KEY_ID '{store['AWS_ACCESS_KEY_ID']}', "
                f"SECRET '{store['AWS_SECRET_ACCESS_KEY']}', "
                f"REGION '{store['AWS_DEFAULT_REGION']}')"
            )

    def rows(self, table: str, version: int | None) -> pa.Table:
        at = "" if version is None else f", version => {version}"
        return self._session.sql(f"FROM delta_scan('{table}'{at})").to_arrow_table()

    def sql(self, text: str) -> list[tuple]:
        return self._session.sql(text).fetchall()


class Spark:
    """Spark SQL on one machine, with Delta's own jars."""

    def __init__(self, store: dict[str, str]):
        self._session = spark_session()

    def rows(self, table: str, version: int | None) -> pa.Table:
        at = "" if version is None else f" VERSION AS OF {version}"
        return self._session.sql(f"SELECT * FROM delta.`{table}`{at}").toArrow()

    def history(self, table: str) -> list[dict[str, Any]]:
        told = self._session.sql(f"DESCRIBE HISTORY delta.`{table}`").toArrow()
        return told.select(["version", "operation", "engineInfo"]).to_pylist()

    def sql(self, text: str) -> list[tuple]:
        return [tuple(row) for row in self._session.sql(text).collect()]


def run_python(text: str) -> dict[str, int]:
    """Run a program as a README prints it, and return how long what it made is."""
    made: dict[str, Any] = {}
    exec(text, made)
    return {
        name: len(value) for name, value in made.items() if hasattr(value, "__len__")
    }


ENGINES = {"delta-rs": DeltaRs, "DuckDB": DuckDb, "Polars": Polars, "Spark": Spark}


def install_extensions() -> None:
    """Put DuckDB's extensions, which come as wheels here, where it looks for them."""
    import duckdb
    import duckdb_extension_delta
    import duckdb_extension_httpfs

    [(version,)] = duckdb.sql("SELECT library_version FROM pragma_version()").fetchall()
    [(platform,)] = duckdb.sql("FROM pragma_platform()").fetchall()
    folder = Path.home() / ".duckdb" / "extensions" / version / platform
    folder.mkdir(parents=True, exist_ok=True)
    for package in (duckdb_extension_delta, duckdb_extension_httpfs):
        [found] = Path(package.__path__[0]).rglob("*.duckdb_extension")
        shutil.copy(found, folder)


def spark_session():
    """Start Spark as small as it gets."""
    from pyspark.sql import SparkSession

    catalog = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
    settings = {
        "spark.jars": ",".join(map(str, sorted(JARS.glob("*.jar")))),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": catalog,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": tempfile.mkdtemp(),
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.codegen.wholeStage": "false",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -Xshare:auto",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def answer(engine: Any, request: dict[str, Any]) -> None:
    """Write what is asked for to the file that the request names."""
    asked = getattr(engine, request.pop("ask"))
    to = Path(request.pop("to"))
    found = asked(**request)
    if isinstance(found, pa.Table):
        feather.write_feather(found, to, compression="uncompressed")
    else:
        to.write_text(json.dumps(found, default=str))


def main() -> None:
    engine = ENGINES[sys.argv[1]](json.loads(os.environ.get("LAKE_STORE", "{}")))
    print("answer done", flush=True)
    for line in sys.stdin:
        try:
            answer(engine, json.loads(line))
            print("answer done", flush=True)
        except Exception as error:
            told = " ".join(str(error).split())
            print(f"answer error {type(error).__name__}: {told}", flush=True)


if __name__ == "__main__":
    main()
