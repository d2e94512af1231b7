cimport cython

from pymosn.protocol.http2.fields cimport (
    Field, KnownName, KnownNames, TableEntry, kind_of_name, kind_of_value)
from pymosn.protocol.http2.huffman cimport decode as decode_huffman
from pymosn.protocol.http2.huffman cimport decoded_bound, encode, encoded_size
from pymosn.protocol.uri cimport lowered

cdef bint _COMPILED
cdef int _OK, _TOO_LARGE, _COMPRESSION_ERROR
cdef int _COOKIE, _METHOD, _AUTHORITY, _BAD
cdef int _INDEX, _NEVER_INDEX, _LEAVE_OUT
cdef int _MAX_INTEGER_OCTETS, _MAX_SIZE_UPDATES
cdef Py_ssize_t _MAX_SCRATCH, _MAX_REMEMBERED, _MAX_REMEMBERED_BYTES, _MAX_LINE, _SHORT_COOKIE
cdef bytes _GET, _POST, _SLASH, _HTTPS, _TE_LINE, _TE_LITERAL, _LITERAL_NAME, _NEVER_NAME, _LITERAL_PATH
cdef tuple _STATIC, _OCTETS, _INDEXED
cdef KnownNames _NAMES


@cython.final
cdef class DynamicTable:
    cdef list entries
    cdef Py_ssize_t first
    cdef readonly Py_ssize_t size, limit
    cdef readonly long inserted

    cpdef bint insert(self, TableEntry entry) except -1
    cpdef void resize(self, Py_ssize_t limit)
    @cython.locals(entries=list, first=Py_ssize_t, entry=TableEntry)
    cpdef void evict(self, Py_ssize_t limit)


@cython.final
cdef class HpackDecoder:
    cdef readonly list fields
    cdef readonly list never
    cdef public Py_ssize_t max_list_size, max_fields
    cdef DynamicTable _table
    cdef Py_ssize_t _allowed, _required
    cdef Py_ssize_t _at
    cdef bytearray _scratch

    cpdef void set_max_table_size(self, Py_ssize_t size)
    cpdef Py_ssize_t table_size(self)
    cpdef int decode(self, bytes block) except -1
    @cython.locals(
        raw='const unsigned char *', table=DynamicTable, entries=list, static=tuple, fields=list,
        budget=Py_ssize_t, count=Py_ssize_t, at=Py_ssize_t, index=long, position=Py_ssize_t,
        field=Field)
    cpdef int decode_part(self, bytes data, Py_ssize_t start, Py_ssize_t end) except -1
    @cython.locals(updates=int, size=long)
    cdef Py_ssize_t _size_updates(
        self, const unsigned char *raw, Py_ssize_t at, Py_ssize_t end) except -2
    @cython.locals(at=Py_ssize_t, last=Py_ssize_t, shift=int, octet=long)
    cdef long _integer(self, const unsigned char *raw, Py_ssize_t end, long value) noexcept
    @cython.locals(mask=int, index=long, named=Field, field=Field)
    cdef Field _literal(self, const unsigned char *raw, Py_ssize_t end, long first)
    cdef void _guard(self, Field field)
    @cython.locals(table=DynamicTable, position=Py_ssize_t, found=Field)
    cdef Field _named(self, long index)
    @cython.locals(
        name=bytes, kind=int, size=Py_ssize_t, out='unsigned char *', text='const unsigned char *',
        index=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t, field=Field)
    cdef Field _with_name(self, const unsigned char *raw, Py_ssize_t end, Field named)
    @cython.locals(
        size=Py_ssize_t, out='unsigned char *', name=bytes, kind=int, stop=Py_ssize_t)
    cdef Field _with_new_name(self, const unsigned char *raw, Py_ssize_t end)
    @cython.locals(start=Py_ssize_t, stop=Py_ssize_t, out='unsigned char *', field=Field)
    cdef Field _complete(
        self, const unsigned char *raw, Py_ssize_t end, bytes name, int kind, Py_ssize_t size)
    @cython.locals(
        at=Py_ssize_t, first=int, size=long, out='unsigned char *', index=Py_ssize_t)
    cdef Py_ssize_t _string(
        self, const unsigned char *raw, Py_ssize_t end, Py_ssize_t to) except -2
    @cython.locals(missing=Py_ssize_t)
    cdef int _reserve(self, Py_ssize_t size) except -1


@cython.final
cdef class Line(TableEntry):
    cdef bytes line
    cdef bytes literal
    cdef bint indexable
    cdef long number


@cython.final
cdef class HpackEncoder:
    cdef readonly Py_ssize_t max_table_size
    cdef DynamicTable _table
    cdef dict _lines
    cdef Py_ssize_t _learned, _learned_bytes, _lowest
    cdef bytes _authority
    cdef Line _authority_line, _te
    cdef bytes _run, _run_block

    cpdef void peer_table_size(self, Py_ssize_t size)
    cpdef Py_ssize_t table_size(self)
    @cython.locals(parts=list, limit=Py_ssize_t)
    cpdef list begin(self)
    cpdef void encode_method(self, bytes method, list parts)
    cpdef void encode_scheme(self, bytes scheme, list parts)
    cpdef void encode_authority(self, bytes authority, list parts)
    @cython.locals(size=Py_ssize_t)
    cpdef void encode_path(self, bytes path, list parts)
    cpdef void encode_status(self, int status, list parts)
    cpdef void encode_te(self, list parts)
    @cython.locals(
        table=DynamicTable, known=dict, size=Py_ssize_t, mark=Py_ssize_t, again=bint,
        inserted=long, raw='const unsigned char *', at=Py_ssize_t, start=Py_ssize_t, line=bytes,
        entry=Line)
    cpdef void encode_lines(self, bytes lines, list parts)
    @cython.locals(guarded=frozenset, line=bytes, name=bytes, value=bytes, known=KnownName)
    cpdef void encode_guarded(self, bytes lines, list never, list parts)
    @cython.locals(known=KnownName)
    cpdef void encode_never(self, bytes name, bytes value, list parts)
    @cython.locals(entry=Line)
    cpdef Line encode_line(self, bytes line, list parts)
    @cython.locals(table=DynamicTable, age=long)
    cdef void _append(self, Line entry, list parts)
    @cython.locals(name=bytes, value=bytes, known=KnownName, index=Py_ssize_t)
    cdef void _insert(self, Line entry, list parts)
    @cython.locals(
        name=bytes, value=bytes, policy=int, known=KnownName, beginning=bytes, size=bytes,
        position=Py_ssize_t, static=bytes, entry=Line)
    cdef Line _learn(self, bytes line, list parts)
    @cython.locals(entry=Line)
    cdef Line _remember(self, bytes line, bytes literal, list parts)
    @cython.locals(table=DynamicTable, index=Py_ssize_t, entry=Line)
    cdef void _forget(self)


cdef bytes _piece(const unsigned char *raw, Py_ssize_t start, Py_ssize_t end)
@cython.locals(octets=list)
cdef bytes _number(long value, int mask, int flags)
@cython.locals(size=Py_ssize_t)
cdef bytes _coded(bytes text)
@cython.locals(entry=Line)
cdef Line _line(bytes line, bytes literal)
@cython.locals(
    raw='const unsigned char *', start=Py_ssize_t, end=Py_ssize_t, colon=Py_ssize_t)
cdef tuple _split(bytes line)
