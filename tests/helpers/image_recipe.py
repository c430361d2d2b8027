"""Replays a Dockerfile in a folder that becomes the root of its processes.

No builder and no registry of images is needed: the last stage's base is a file system
that Debian's packages make, and what is copied from other stages is made elsewhere. It
knows the instructions that our recipe has, and fails at any other.
"""

import contextlib
import dataclasses
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@dataclasses.dataclass(frozen=True)
class Image:
    """What a recipe has made.

    Attributes:
      root: The folder.
      env: What its ENV lines say.
      entrypoint: What a container would start.
    """

    root: Path
    env: dict[str, str]
    entrypoint: list[str]

    @contextlib.contextmanager
    def running(self, command: list[str], env: Mapping[str, str]) -> Iterator:
        """Run a command as a container would, until the context ends."""
        with subprocess.Popen(
            [*_entered(self.root), "sh", "-c", 'exec "$@"', "sh", *command],
            env=self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def replay(dockerfile: Path, *, context: Path, root: Path, stages: Path) -> Image:
    """Follow a recipe from its last FROM on.

    Args:
      dockerfile: The recipe.
      context: Where the files that it copies are.
      root: The base's file system, which is changed.
      stages: What `COPY --from` finds: the files of a stage in a folder of its name.
    """
    text = dockerfile.read_text().replace("\\\n", " ")
    steps = re.findall(r"^([A-Z]+) +(.+)$", text, re.MULTILINE)
    last = max(n for n, (name, _) in enumerate(steps) if name == "FROM")
    arguments: dict[str, str] = {}
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root"}
    folder, entrypoint = "/", []
    _give_network(root)
    for name, told in steps[last + 1 :]:
        if name == "ARG":
            key, _, value = told.partition("=")
            arguments[key] = value
        elif name == "ENV":
            for pair in shlex.split(told):
                key, _, value = pair.partition("=")
                seen = {"LD_LIBRARY_PATH": ""} | env
                env[key] = re.sub(r"\$(\w+)", lambda m, seen=seen: seen[m[1]], value)
        elif name == "WORKDIR":
            folder = told
            (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            _copy(told, context, root, folder, stages)
        elif name == "RUN":
            script = f"cd {folder} && {told}"
            known = arguments | env | {"PIP_CERT": _CERTIFICATES}
            subprocess.run([*_entered(root), "sh", "-c", script], check=True, env=known)
        else:
            assert name == "ENTRYPOINT", name
            entrypoint = re.findall(r'"([^"]+)"', told)
    return Image(root, env, entrypoint)


def _entered(root: Path) -> list[str]:
    """Return what a command in a container is put behind."""
    unshare = "unshare --mount --pid --fork --kill-child --mount-proc"
    return [*unshare.split(), f"--root={root}"]


def _give_network(root: Path) -> None:
    """Let names and certificates be those of this machine."""
    shutil.copy("/etc/hosts", root / "etc" / "hosts")
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    if os.path.exists(_CERTIFICATES):
        shutil.copy(_CERTIFICATES, root / _CERTIFICATES.lstrip("/"))


def _copy(told: str, context: Path, root: Path, folder: str, stages: Path) -> None:
    """Copy files into a folder, or a folder's content, as a builder does."""
    *options, target = told.split()
    source = context
    if options[0].startswith("--from="):
        source = stages / options.pop(0).removeprefix("--from=")
    goal = root / os.path.join(folder, target).lstrip("/")
    for name in options:
        found = source / name.lstrip("/")
        if found.is_dir():
            shutil.copytree(found, goal, dirs_exist_ok=True)
        elif target.endswith("/"):
            goal.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, goal)
        else:
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, goal)
