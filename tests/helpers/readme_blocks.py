"""The commands that READMEs print, block by block."""

import re
import textwrap
from typing import NamedTuple

from helpers.run_musiq import ROOT


class Block(NamedTuple):
    """A block of commands in a README."""

    language: str
    text: str


def readmes() -> list[str]:
    found = [path.relative_to(ROOT) for path in ROOT.rglob("README.md")]
    return sorted(str(path) for path in found if not path.parts[0].startswith("."))


def blocks_of(readme: str) -> list[Block]:
    fenced = re.compile(r"^( *)```(sh|python)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
    text = (ROOT / readme).read_text()
    return [Block(m[2], textwrap.dedent(m[3])) for m in fenced.finditer(text)]
