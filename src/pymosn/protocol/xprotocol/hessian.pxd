cimport cython

cdef int _MAX_DEPTH
cdef Py_ssize_t _MAX_DEFINITIONS, _MAX_VALUES


cdef class HessianReader:
    cdef readonly bytes data
    cdef public Py_ssize_t at
    cdef readonly Py_ssize_t end
    cdef readonly str error
    cdef list _classes, _names, _objects
    cdef Py_ssize_t _left

    cdef int enter(self, bytes data, Py_ssize_t at, Py_ssize_t end) except -1

    @cython.locals(
        raw='const unsigned char *', code=int, last=bint, units=Py_ssize_t, start=Py_ssize_t,
        piece=bytes, parts=list)
    cpdef bytes read_string(self)
    cpdef object read(self)
    cpdef bint skip(self)
    @cython.locals(raw='const unsigned char *')
    cpdef int peek(self)

    @cython.locals(raw='const unsigned char *', code=int)
    cdef void _skip(self, int depth)
    cdef void _skip_coded(self, int code, int depth)
    cdef int _skip_values(self, Py_ssize_t count, int depth) except -1
    @cython.locals(raw='const unsigned char *')
    cdef void _skip_to_end(self, int depth)
    @cython.locals(count=Py_ssize_t, classes=list)
    cdef void _skip_object(self, Py_ssize_t number, int depth)
    @cython.locals(code=int)
    cdef int _skip_type(self) except -1
    @cython.locals(code=int)
    cdef void _skip_string(self)
    cdef void _skip_binary(self, int code)
    @cython.locals(names=list, count=Py_ssize_t)
    cdef void _define(self, bint named)
    @cython.locals(name=bytes)
    cdef str _name(self)

    @cython.locals(code=int)
    cdef object _value(self, int depth)
    @cython.locals(number=Py_ssize_t, count=Py_ssize_t)
    cdef object _coded(self, int code, int depth)
    cdef list _list(self, Py_ssize_t count, int depth)
    cdef dict _map(self, int depth)
    @cython.locals(known=list, names=list)
    cdef dict _object(self, Py_ssize_t number, int depth)
    @cython.locals(code=int)
    cdef int _type(self) except -1
    cdef object _long(self, int code)
    @cython.locals(start=Py_ssize_t)
    cdef double _double(self, int code)
    @cython.locals(parts=list, size=Py_ssize_t, last=bint, start=Py_ssize_t)
    cdef bytes _binary(self, int code)

    @cython.locals(code=int)
    cdef Py_ssize_t _integer(self)
    @cython.locals(raw='const unsigned char *')
    cdef int _byte(self) except -1
    @cython.locals(start=Py_ssize_t)
    cdef object _number(self, int width)
    @cython.locals(start=Py_ssize_t)
    cdef object _signed(self, int width)
    cdef int _pass(self, Py_ssize_t count) except -1
    @cython.locals(raw='const unsigned char *', at=Py_ssize_t, end=Py_ssize_t, byte=int)
    cdef int _pass_units(self, Py_ssize_t units) except -1
    cdef int _fail(self, str why) except -1


cpdef bytes encode(object value)
cpdef bytes encode_string(bytes text)
cdef void _write(object value, list parts, int depth) except *
cdef bytes _integer_form(object value)
cdef bytes _long_form(object value)
cdef bytes _eight_bytes(object value)
cdef void _write_binary(bytes value, list parts) except *
cdef str _text(bytes value)
cdef Py_ssize_t _units(str value)
cdef bytes _as_surrogates(str value)
cdef bytes _joined_surrogates(bytes data)
