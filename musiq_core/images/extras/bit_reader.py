"""Reads numbers of any width, lowest bit first, as a JPEG XL codestream has them."""


class BitReader:
    """Reads on from the start of some bytes."""

    def __init__(self, data: bytes):
        self._data = data
        self._bits_read = 0

    def bits(self, count: int) -> int:
        """Return the next `count` bits as a number.

        Raises:
          EOFError: If there are fewer.
        """
        first, shift = divmod(self._bits_read, 8)
        self.skip(count)
        covering = self._data[first : (self._bits_read + 7) // 8]
        return (int.from_bytes(covering, "little") >> shift) & ((1 << count) - 1)

    def flag(self) -> bool:
        """Return the next bit."""
        return bool(self.bits(1))

    def choice(self, *ways: tuple[int, int]) -> int:
        """Return a number that is written in one of four ways, which two bits choose.

        Args:
          *ways: The bits that the number has, and what is to be added to it.
        """
        count, offset = ways[self.bits(2)]
        return offset + self.bits(count)

    def skip(self, count: int) -> None:
        """Pass over some bits.

        Raises:
          EOFError: If there are fewer.
        """
        if self._bits_read + count > 8 * len(self._data):
            raise EOFError
        self._bits_read += count
