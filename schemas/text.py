"""Text for one line of a terminal, log or ledger: names cannot forge lines there."""


def printable(text: object) -> str:
    r"""Return a text with everything escaped that is not printable.

    Line breaks, control characters and halves of surrogate pairs become `\n`, `\x1b`,
    `\udc80` and the like; what is printable stays as it is, so nothing changes twice.
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text)
    )
