"""The Huffman code of HPACK (RFC 7541 §5.2 and Appendix B).

The code is canonical: codes of one length are consecutive, and in the order of their symbols.  So
the lengths are the whole code, and every table here is computed from them.

Counterpart: ``pymosn.protocol.http2.hpack``.
"""

_BY_LENGTH = (
    (5, b"012aceiost"),
    (6, b" %-./3456789=A_bdfghlmnpru"),
    (7, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, b"&*,;XZ"),
    (10, b'!"()?'),
    (11, b"'+|"),
    (12, b"#>"),
    (13, b"\0$@[]~"),
    (14, b"^}"),
    (15, b"<`{"),
    (19, b"\\\xc3\xd0"),
    (20, b"\x80\x82\x83\xa2\xb8\xc2\xe0\xe2"),
    (21, b"\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6"),
    (22, b"\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe"
         b"\xc4\xc6\xe4\xe8\xe9"),
    (23, b"\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf"
         b"\xb4\xb6\xb7\xbc\xbf\xc5\xe7\xef"),
    (24, b"\t\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed"),
    (25, b"\xc7\xcf\xea\xeb"),
    (26, b"\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff"),
    (27, b"\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe"),
    (28, b"\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a"
         b"\x1b\x1c\x1d\x1e\x1f\x7f\xdc\xf9"),
    (30, b"\n\r\x16"),  # and EOS, the very last code
)  # fmt: skip
"""Which symbols have codes of how many bits."""


def decoded_bound(size: int) -> int:
    """Return how many bytes ``size`` bytes of code can become at most."""
    return size * 8 // 5


def decode(raw: bytes, start: int, end: int, out: bytearray, at: int) -> int:
    """Decode ``raw[start:end]`` to ``out[at:]``; returns where it ends, -1 when it is malformed.

    ``out`` must have room for ``decoded_bound``.  EOS, padding of more than 7 bits and padding
    with anything but ones are errors (RFC 7541 §5.2).
    """
    first_symbol = _FIRST_SYMBOL
    first_length = _FIRST_LENGTH
    second_symbol = _SECOND_SYMBOL
    second_length = _SECOND_LENGTH
    bits = 0  # those that wait to be decoded: the lowest ``count``
    count = 0
    while True:
        if count < 32:
            if start + 4 <= end:
                word = raw[start]
                word = word << 8 | raw[start + 1]
                word = word << 8 | raw[start + 2]
                word = word << 8 | raw[start + 3]
                bits = (bits & 0x7FFFFFFF) << 32 | word
                start += 4
                count += 32
            else:
                while start < end and count < 32:
                    bits = (bits & 0x7FFFFFFF) << 8 | raw[start]
                    start += 1
                    count += 8
        if count < 8:
            break
        window = bits >> (count - 8) & 255
        length = first_length[window]
        if length:
            # Five to eight bits: nearly everything that is sent.
            out[at] = first_symbol[window]
        else:
            if count < 15:
                break
            window = bits >> (count - 15) & 255
            length = second_length[window]
            if length:
                out[at] = second_symbol[window]
            else:
                found = _long_code(bits, count)
                if found < 0:
                    return -1
                length = found >> 8
                out[at] = found & 255
        at += 1
        count -= length
    # What is left are whole codes, then at most 7 ones: decoded with more ones behind them.
    while count > 0:
        window = (bits << 15 | 0x7FFF) >> count
        length = first_length[window >> 7 & 255]
        if length == 0:
            length = second_length[window & 255]
            if length == 0 or length > count:
                break
            out[at] = second_symbol[window & 255]
        elif length > count:
            break
        else:
            out[at] = first_symbol[window >> 7 & 255]
        at += 1
        count -= length
    if count > 7 or ~bits & _ONES[count]:
        return -1
    return at


def _long_code(bits: int, count: int) -> int:
    """Return length × 256 + symbol of a code of 19 bits or more, -1 when there is none."""
    if count >= 30:
        window = bits >> (count - 30) & 0x3FFFFFFF
    else:
        window = (bits << 30 | 0x3FFFFFFF) >> count & 0x3FFFFFFF
    table = _LONG
    at = 0
    while True:
        limit = table[at] << 24 | table[at + 1] << 16 | table[at + 2] << 8 | table[at + 3]
        if window < limit:
            break
        at += 8
    length = table[at + 4]
    if length > count:
        return -1
    index = (window - (limit - (table[at + 6] << (30 - length)))) >> (30 - length)
    index += table[at + 5]
    symbols = _SYMBOLS
    if index >= 256 - _SHORT_CODES:
        return -1  # EOS
    return length << 8 | symbols[index]


def encoded_size(data: bytes) -> int:
    """Return how many bytes ``encode(data)`` has."""
    raw = data
    lengths = _LENGTHS
    total = 7
    for index in range(len(data)):
        total += lengths[raw[index]]
    return total >> 3


def encode(data: bytes) -> bytes:
    """Return ``data`` in code, padded with ones."""
    raw = data
    codes = _CODES
    lengths = _LENGTHS
    coded = bytearray(encoded_size(data))
    out = coded
    bits = 0
    count = 0
    at = 0
    for index in range(len(data)):
        symbol = raw[index]
        code = codes[4 * symbol] << 24 | codes[4 * symbol + 1] << 16
        code |= codes[4 * symbol + 2] << 8 | codes[4 * symbol + 3]
        bits = (bits & 255) << lengths[symbol] | code
        count += lengths[symbol]
        while count >= 8:
            count -= 8
            out[at] = bits >> count & 255
            at += 1
    if count:
        out[at] = (bits << 8 | 255) >> count & 255
    return bytes(coded)


# -- tables -------------------------------------------------------------------------------------


def _canonical() -> list[tuple[int, int, int]]:
    """Return (symbol, length, code) of every symbol in the order of the codes."""
    table = []
    code = 0
    before = 5
    for length, symbols in _BY_LENGTH:
        code <<= length - before
        before = length
        for symbol in symbols:
            table.append((symbol, length, code))
            code += 1
    return table


def _windows(longest: int, ones: int) -> tuple[bytes, bytes]:
    """Return symbol and length of the code that begins with ``ones`` ones, by the 8 bits behind.

    The length is 0 where no code of at most ``longest`` bits begins.
    """
    symbols = bytearray(256)
    lengths = bytearray(256)
    bits = ones + 8
    for symbol, length, code in _canonical():
        first = code << (bits - length) if length <= bits else 0
        if length > longest or first >> 8 != (1 << ones) - 1:
            continue
        for window in range(first & 255, (first & 255) + (1 << (bits - length))):
            symbols[window] = symbol
            lengths[window] = length
    return bytes(symbols), bytes(lengths)


def _by_symbol() -> tuple[bytes, bytes]:
    """Return the codes, four bytes each, and their lengths."""
    codes = bytearray(4 * 256)
    lengths = bytearray(256)
    for symbol, length, code in _canonical():
        codes[4 * symbol : 4 * symbol + 4] = code.to_bytes(4, "big")
        lengths[symbol] = length
    return bytes(codes), bytes(lengths)


def _long_codes() -> bytes:
    """Return 8 bytes for each length from 19 on.

    They are: the first code that is longer, in 30 bits and four bytes; the length; where its
    symbols begin; how many there are; 0.
    """
    table = bytearray()
    seen = 0
    for length, symbols in _BY_LENGTH:
        codes = [code for _, bits, code in _canonical() if bits == length]
        count = len(codes) + (1 if length == 30 else 0)
        if length >= 19:
            limit = (codes[0] + count) << (30 - length)
            table += limit.to_bytes(4, "big") + bytes((length, seen - _SHORT_CODES, count, 0))
        seen += len(symbols)
    return bytes(table)


_SHORT_CODES = sum(len(symbols) for length, symbols in _BY_LENGTH if length < 19)
_SYMBOLS = b"".join(symbols for length, symbols in _BY_LENGTH if length >= 19)
_FIRST_SYMBOL, _FIRST_LENGTH = _windows(8, 0)
_SECOND_SYMBOL, _SECOND_LENGTH = _windows(15, 7)
_LONG = _long_codes()
_CODES, _LENGTHS = _by_symbol()
_ONES = bytes((1 << count) - 1 for count in range(8))
