"""One exchange's way through the Python filters of its listener.

The hooks of a phase run in order; an asynchronous one *parks* the exchange: a task of the worker's
asyncio loop runs it, and ``resume`` goes on when it is done.  An exception in a hook ends here.
``ProxyStream`` owns the object, where a listener has filters, and says which phase it is in.
"""

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final

from pymosn.proxy.exchange import BodyTooLarge, Request, Response
from pymosn.proxy.filters import FilterChain, FilterStatus, Hook
from pymosn.proxy.phases import AFTER_HOST, AFTER_ROUTE, BEFORE_SEND, DONE
from pymosn.stream.stream import FILTER_FAILED, REQUEST_TOO_LARGE

if TYPE_CHECKING:
    from pymosn.proxy.downstream import ProxyStream

MAX_RESTARTS: Final = 10
"""Times that filters may send an exchange back to an earlier phase (spec §2.3)."""

_MAX_RESTARTS = MAX_RESTARTS
_AFTER_ROUTE = AFTER_ROUTE
_AFTER_HOST = AFTER_HOST
_BEFORE_SEND = BEFORE_SEND
_DONE = DONE
_FILTER_FAILED = FILTER_FAILED


class FilterRun:
    """The hooks of ``chain`` on behalf of ``stream``."""

    stream: "ProxyStream"  # None once the exchange is over
    chain: "FilterChain"
    _phase: int
    _next: int
    _restarts: int
    _task: Any
    _request: "Request | None"
    _response: "Response | None"

    def begin(self, stream: "ProxyStream", chain: FilterChain) -> None:
        """Run the hooks of ``chain``; everything else is None or zero already."""
        self.stream = stream
        self.chain = chain

    def run(self, hooks: list[Hook]) -> bool:
        """Run the hooks of this phase that have not run yet; False when the exchange is parked
        or was answered."""
        stream = self.stream
        phase = stream.phase
        if phase != self._phase:
            self._phase = phase
            self._next = 0
        while self._next < len(hooks):
            hook = hooks[self._next]
            self._next += 1
            try:
                if self._request is None:
                    self._request = Request(stream)
                if phase == _BEFORE_SEND:
                    if self._response is None:
                        self._response = _response_of(stream)
                    result = hook.call(self._request, self._response)
                else:
                    result = hook.call(self._request)
                if hook.is_async:
                    self._park(stream, hook, result)
                    return False
            except Exception:  # a user's code
                self._failed(stream, hook, sys.exc_info()[1])
                return False
            if result is not None and not self._obey(stream, result, len(hooks)):
                return False
        return True

    def change_data(self, hooks: list[Hook], data: bytes) -> bytes | None:
        """Let data hooks change a piece of a body; None when one of them failed."""
        stream = self.stream
        for hook in hooks:
            try:
                if self._request is None:
                    self._request = Request(stream)
                changed = hook.call(self._request, data)
                if changed is not None:
                    data = changed
            except Exception:  # a user's code
                stream.proxy.filter_failed(hook, sys.exc_info()[1])
                stream.data_hook_failed()
                return None
        return data

    def resume(self, hook: Hook, task: asyncio.Task[Any]) -> None:
        """The asynchronous hook has ended."""
        stream = self.stream
        if task is not self._task or stream.phase == _DONE:
            return
        self._task = None
        if task.cancelled():
            self._failed(stream, hook, asyncio.CancelledError())
            return
        error = task.exception()
        if error is not None:
            self._failed(stream, hook, error)
            return
        result = task.result()
        if result is not None and not self._obey(stream, result, 1 << 30):
            return
        stream.run()

    def cancel(self) -> None:
        """Whatever a parked exchange was waiting for is not wanted any more."""
        task = self._task
        if task is not None:
            self._task = None
            task.cancel()

    def end(self) -> None:
        """The exchange is over: tell the filters."""
        stream = self.stream
        self.cancel()
        for hook in self.chain.on_complete:
            try:
                if self._request is None:
                    self._request = Request(stream)
                hook.call(self._request)
            except Exception:  # a user's code
                stream.proxy.filter_failed(hook, sys.exc_info()[1])
        self.stream = None  # type: ignore[assignment]  # as declared
        self._request = None
        self._response = None

    # -- private -------------------------------------------------------------------------------

    def _park(self, stream: "ProxyStream", hook: Hook, coroutine: object) -> None:
        """Run an asynchronous hook as a task; the exchange goes on when it is done."""
        stream.pause_response()
        task = stream.proxy.loop.create_task(coroutine)
        self._task = task
        task.add_done_callback(Resumption(self, hook).resume)

    def _obey(self, stream: "ProxyStream", result: object, count: int) -> bool:
        """Act on what a hook answered; False when the phases do not simply go on."""
        if isinstance(result, Response):
            answer = result
            stream.reply_with(answer.head, answer.content)
            return False
        if not isinstance(result, int):
            raise TypeError(f"a hook returned {result!r}; expected None, Response or FilterStatus")
        if result == FilterStatus.STOP:
            self._next = count
        elif result == FilterStatus.TERMINATE:
            stream.terminate()
            return False
        elif result in (FilterStatus.RETRY_ROUTE, FilterStatus.RETRY_HOST):
            return self._restart(stream, result)
        return True

    def _restart(self, stream: "ProxyStream", status: int) -> bool:
        """Go back to an earlier phase; the same filter is asked again afterwards."""
        wanted = _AFTER_ROUTE if status == FilterStatus.RETRY_ROUTE else _AFTER_HOST
        self._restarts += 1
        if stream.phase != wanted or self._restarts > _MAX_RESTARTS:
            raise RuntimeError("a filter may not ask for this here, or asked for it too often")
        self._next -= 1
        if wanted == _AFTER_ROUTE:
            stream.match_route()
            return True
        return stream.choose_host()

    def _failed(self, stream: "ProxyStream", hook: Hook, error: BaseException | None) -> None:
        if isinstance(error, BodyTooLarge) and stream.phase < _BEFORE_SEND:
            stream.reply(413, b"the body is too large\n", REQUEST_TOO_LARGE)
            return
        stream.proxy.filter_failed(hook, error)
        self._response = None
        stream.hook_failed()


class Resumption:
    """The callback of a parked exchange's task (closures do not compile)."""

    def __init__(self, owner: FilterRun, hook: Hook) -> None:
        self.owner = owner
        self.hook = hook

    def resume(self, task: asyncio.Task[Any]) -> None:
        self.owner.resume(self.hook, task)


def _response_of(stream: "ProxyStream") -> Response:
    response = Response.__new__(Response)
    response.head = stream.response  # type: ignore[assignment]  # hooks hear of one
    response.content = b"" if stream.reply_body is None else stream.reply_body
    return response
