cimport cython

from pymosn.message cimport RequestHead, ResponseHead
from pymosn.protocol.uri cimport escape, raw_path
from pymosn.router.edits cimport Edits
from pymosn.router.match cimport RouteMatcher
from pymosn.router.retry cimport RetryRules
from pymosn.router.rewrite cimport HostRewrite, PathRewrite, set_host
from pymosn.stream.stream cimport Stream
from pymosn.stream.variables cimport Variable, lookup_or_setting


@cython.final
cdef class RouteEntry:
    cdef readonly str name, virtual_host
    cdef public int order
    cdef readonly RouteMatcher matcher
    cdef readonly dict per_filter_config, host_per_filter_config
    cdef Edits _request_edits, _response_edits
    cdef PathRewrite _path_rewrite
    cdef HostRewrite _host_rewrite
    cdef readonly bint edits_request, edits_response, host_per_attempt
    cdef readonly int kind, status
    cdef readonly bytes body
    cdef readonly RedirectTarget redirect
    cdef readonly ClusterChoice choice
    cdef readonly str upstream_protocol
    cdef readonly double timeout, idle_timeout, upgrade_idle_timeout, per_try_timeout
    cdef readonly RetryRules retry
    cdef readonly bint retry_enabled
    cdef readonly int retry_attempts
    cdef readonly double backoff_base, backoff_max
    cdef readonly str hash_kind, hash_name
    cdef readonly str mirror_cluster
    cdef readonly int mirror_percent

    @cython.locals(matcher=RouteMatcher, named=bint)
    cdef int _set_forward(self, object action) except -1
    cpdef bint matches(self, Stream stream) except -1
    cpdef str cluster(self, Stream stream)
    cpdef dict metadata(self, Stream stream)
    @cython.locals(host=bytes)
    cpdef void finish_request(self, Stream stream)
    @cython.locals(host=bytes)
    cpdef void rewrite_host(self, Stream stream)
    cpdef void finish_response(self, Stream stream, ResponseHead head)
    cpdef bytes location(self, Stream stream)


@cython.final
cdef class ClusterChoice:
    cdef readonly str single
    cdef list _names, _criteria, _bounds
    cdef dict _route_criteria
    cdef readonly long total
    cdef Variable _variable

    @cython.locals(value=bytes)
    cpdef str name(self, Stream stream)
    cpdef dict metadata(self, Stream stream)
    @cython.locals(point=double, last=Py_ssize_t, index=Py_ssize_t)
    cdef Py_ssize_t _drawn(self, Stream stream) except -1


@cython.final
cdef class RedirectTarget:
    cdef readonly bytes scheme, host, path

    @cython.locals(request=RequestHead, scheme=bytes, host=bytes, old=bytes, path=bytes)
    cpdef bytes location(self, Stream stream)
