cimport cython

from pymosn.message cimport RequestHead
from pymosn.protocol.grpc cimport call_field
from pymosn.protocol.uri cimport lowered, parameter
from pymosn.stream.stream cimport Stream
from pymosn.stream.variables cimport Variable, lookup_or_setting

cdef int _EXACT, _REGEX, _PREFIX, _SUFFIX, _PRESENT, _ANY, _PATH
cdef int _HEADER, _METHOD, _AUTHORITY, _TARGET, _SCHEME, _CALL, _CALLED


@cython.final
cdef class ValueMatcher:
    cdef int kind
    cdef bytes expected
    cdef bint invert
    cdef object pattern

    cpdef bint test(self, bytes value) except -1
    @cython.locals(kind=int)
    cdef bint _holds(self, bytes value) except -1


@cython.final
cdef class HeaderMatcher:
    cdef bytes name
    cdef int source
    cdef ValueMatcher value

    @cython.locals(request=RequestHead, value=bytes)
    cpdef bint test(self, Stream stream) except -1


@cython.final
cdef class QueryMatcher:
    cdef bytes name
    cdef ValueMatcher value

    cpdef bint test(self, Stream stream) except -1


@cython.final
cdef class VariableMatcher:
    cdef Variable variable
    cdef bint any_of
    cdef ValueMatcher value

    @cython.locals(value=bytes)
    cpdef bint test(self, Stream stream) except -1


@cython.final
cdef class RouteMatcher:
    cdef readonly int kind
    cdef readonly bytes expected
    cdef readonly object pattern
    cdef list headers, query, variables
    cdef readonly bint unconditional

    cpdef bint matches(self, Stream stream) except -1
    @cython.locals(kind=int)
    cpdef bint matches_path(self, bytes path) except -1
    @cython.locals(header=HeaderMatcher, item=QueryMatcher)
    cpdef bint conditions_hold(self, Stream stream) except -1
    @cython.locals(variable=VariableMatcher, result=bint, restart=bint)
    cdef bint _variables_hold(self, Stream stream) except -1
