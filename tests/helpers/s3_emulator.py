"""A store for s3:// names on this machine, by moto, in a process of its own.

It enforces If-Match and If-None-Match, and pages its listings, but checks no signature.
"""

import contextlib
import sys
from collections.abc import Iterator

import boto3
from helpers.local_server import LocalStore, running

BUCKET = "musiq-test"
PAGE_SIZE = 20
SECRET = "a-secret-key-that-must-not-be-told"


@contextlib.contextmanager
def running_emulator() -> Iterator[LocalStore]:
    """Run the emulator until the block ends."""
    command = [sys.executable, "-m", "moto.server"]
    env = {"MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE_SIZE)}
    with running(command, "--port", env) as address:
        store = LocalStore(env_of(address), f"s3://{BUCKET}")
        client_of(store.env).create_bucket(Bucket=BUCKET)
        yield store


def env_of(address: str) -> dict[str, str]:
    """What a process needs in its environment to use a store at this address."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def client_of(env: dict[str, str]):
    """A client, for what the project's own does not do."""
    return boto3.client(
        "s3",
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name=env["AWS_DEFAULT_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )
