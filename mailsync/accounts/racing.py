"""Questions to several places at a time: the best answer in time counts, and nobody waits for the rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, but that nothing waits for threads left behind: a resolver without a network takes its time."""

    async def alone() -> T:
        asyncio.get_running_loop().set_default_executor(_Daemons())
        return await work

    return asyncio.run(alone())


async def first(asked: Sequence[Coroutine[Any, Any, list[T]]], seconds: float, grace: float) -> list[list[T]]:
    """The answers to questions asked side by side, in the order of the questions, which is that of preference.

    Ends as soon as no better answer can come, `grace` seconds after the first that is not empty, and after `seconds`
    at most; what is missing then is [].
    """
    loop = asyncio.get_running_loop()
    tasks = [asyncio.create_task(question) for question in asked]
    pending, ends, answered = set(tasks), loop.time() + seconds, False
    try:
        while pending and (left := ends - loop.time()) > 0:
            _, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if not task.done():
                    break
                if task.result():
                    return [one.result() if one.done() else [] for one in tasks]
            if not answered and any(task.done() and task.result() for task in tasks):
                answered, ends = True, min(ends, loop.time() + grace)
        return [task.result() if task.done() else [] for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Daemons(ThreadPoolExecutor):
    """A thread for each call, which the end of the process does not wait for."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=work, name="mailsync-asking", daemon=True).start()
        return future
