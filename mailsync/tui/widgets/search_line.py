"""The line that a search is typed into: what may be written there, what is wrong with it, and where it looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual import events, getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widgets import Input

from mailsync.errors import QueryError
from mailsync.query.parse import LONGEST, parse
from mailsync.query.tree import Query
from mailsync.tui.completion import Completion, complete
from mailsync.tui.drawing import clean, cut, width_of, wrap
from mailsync.tui.matches import Matches
from mailsync.tui.sources import Scope, SearchSource
from mailsync.tui.widgets.inked import Inked

PAUSE = 0.3
"""Seconds without a key after which what was typed is searched for, or what is wrong with it is told."""
KEPT = 100
"""Searches that are remembered, until mailsync ends."""
HELP = "words, or from: to: subject: body: filename: folder: account: label: list: has: is: before: after: larger:"


class QueryInput(Input):
    """Where the query is typed."""

    BINDING_GROUP_TITLE = "Search"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Search", id="search.submit", tooltip="Search, and go to what is found"),
        Binding("up", "history(-1)", "Before", show=False, id="search.before", tooltip="The search before this one"),
        Binding("down", "history(1)", "After", show=False, id="search.after", tooltip="The search after this one"),
        Binding("tab", "complete", "Complete", id="search.complete", tooltip="Write the first of what may stand here"),
    ]

    class Recalled(Message):
        """Another search of the history is wanted."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class Completed(Message):
        """The first of what may stand at the cursor is wanted."""

    def __init__(self) -> None:
        super().__init__(compact=True, max_length=LONGEST, placeholder="search all mail", id="query")
        self.cursor_blink = False
        self.completion: Completion | None = None

    def action_history(self, step: int) -> None:
        self.post_message(self.Recalled(step))

    def action_complete(self) -> None:
        self.post_message(self.Completed())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.completion is not None if action == "complete" else True

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self.insert_text_at_cursor(" ".join(event.text.split()))


class ScopeLabel(Inked):
    """Where is searched; a click is the key for elsewhere."""

    def __init__(self) -> None:
        super().__init__(id="scope")
        self._told = ""

    def show(self, told: str) -> None:
        self._told = cut(clean(told), 26)
        self.styles.width = width_of(self._told) + 2
        self.refresh()

    def render_line(self, y: int) -> Strip:
        return self.finish(self.line().gap(1).add(self._told, "accent").strip(self.size.width))

    async def on_click(self) -> None:
        await self.run_action("screen.scope")


class Prompt(Inked):
    """What the line is for."""

    def render_line(self, y: int) -> Strip:
        return self.finish(self.line().gap(1).add("/", "key").strip(self.size.width))


class Told(Inked):
    """Below the line: what may stand at the cursor, or where the query is wrong, and why."""

    def __init__(self) -> None:
        super().__init__(id="query-told")
        self._error: QueryError | None = None
        self._options: Sequence[str] = ()
        self._at = 0

    def show(self, error: QueryError | None, options: Sequence[str], at: int) -> None:
        """`at` is the cell that an error is at."""
        height = len(self._lines())
        self._error, self._options, self._at = error, options, at
        self.refresh(layout=height != len(self._lines()))

    def _lines(self) -> list[list[tuple[str, str]]]:
        width = max(20, self.size.width)
        if self._error is None:
            if not self._options:
                return [[(cut(f"   {HELP}", width), "muted")]]
            first, *others = map(clean, self._options)
            return [[("tab", "key"), (" ", "plain"), (first, "accent"), ("  " + "  ".join(others), "muted")]]
        hint = f"; {self._error.hint}" if self._error.hint else ""
        told = clean(str(self._error).removeprefix(f"column {self._error.column}: ") + hint)
        at = min(self._at, width - 2)
        caret = [(" " * at, "plain"), ("^ ", "bad")]
        if width_of(told) + at + 3 <= width:
            return [[*caret, (told, "plain")]]
        return [caret, *([("   ", "plain"), (part, "plain")] for part in wrap(told, width - 4)[:3])]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines())

    def on_resize(self) -> None:
        self.refresh(layout=True)

    def render_line(self, y: int) -> Strip:
        lines, line = self._lines(), self.line()
        for text, ink in lines[y] if y < len(lines) else ():
            line.add(text, ink)
        return self.finish(line.strip(self.size.width))


class SearchLine(Vertical):
    """Asks for a query, and says so when there is one that can be understood."""

    class Wanted(Message):
        """Show this, None for an empty line; `done` with enter."""

        def __init__(self, source: SearchSource | None, *, done: bool) -> None:
            super().__init__()
            self.source, self.done = source, done

    entry = getters.query_one("#query", QueryInput)
    addresses: Mapping[str, Sequence[str]]
    """Of each account, those that are its person's."""

    def __init__(self, now: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._now = now
        self.addresses = {}
        self._scopes: Sequence[Scope] = (Scope(),)
        self._scope = Scope()
        self._names: Mapping[str, Sequence[str]] = {}
        self._history: list[str] = []
        self._place = 0
        self._draft = ""
        self._wait: Timer | None = None
        self._searched: str | None = None
        self._error: QueryError | None = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="query-line"):
            yield Prompt()
            yield QueryInput()
            yield ScopeLabel()
        yield Told()

    def on_mount(self) -> None:
        self.display = False
        self.told.display = False

    @property
    def told(self) -> Told:
        return self.query_one(Told)

    @property
    def text(self) -> str:
        return self.entry.value

    @property
    def waiting(self) -> bool:
        """Something was typed that nobody has looked at yet."""
        return self._wait is not None

    def open(self, names: Mapping[str, Sequence[str]], scopes: Sequence[Scope]) -> None:
        """Show the line and let the person type; `names` are the values that some fields have."""
        self._names = names
        if not self.display:
            self._scopes, self._scope = scopes, scopes[0]
        self.display = self.told.display = True
        self._place = len(self._history)
        self.query_one(ScopeLabel).show(self._scope.told)
        self._tell()
        self.entry.focus()
        self.entry.action_end()

    def widen(self) -> None:
        """Search elsewhere: everywhere, in the account, in the folder."""
        place = self._scopes.index(self._scope) if self._scope in self._scopes else -1
        self._scope = self._scopes[(place + 1) % len(self._scopes)]
        self.query_one(ScopeLabel).show(self._scope.told)
        self._searched = None
        self._judge()

    def fill(self, text: str) -> None:
        """Show the line with a query that is searched for at once; it is not waited for a person."""
        self.display = True
        self._scopes, self._scope = (Scope(),), Scope()
        self.query_one(ScopeLabel).show(self._scope.told)
        with self.prevent(Input.Changed):
            self.entry.value = text
        self._searched = None
        self._judge(done=True)

    def close(self) -> None:
        """Forget what is typed, and be gone."""
        self._stop()
        with self.prevent(Input.Changed):
            self.entry.value = ""
        self._searched, self._error = None, None
        self.display = self.told.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._stop()
        self._error = None
        self._tell()
        self._wait = self.set_timer(PAUSE, self._judge)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._judge(done=True)

    def on_query_input_recalled(self, message: QueryInput.Recalled) -> None:
        place = self._place + message.step
        if not 0 <= place <= len(self._history):
            return
        if self._place == len(self._history):
            self._draft = self.text
        self._place = place
        self.entry.value = self._history[place] if place < len(self._history) else self._draft
        self.entry.action_end()

    def on_query_input_completed(self) -> None:
        if self.entry.completion is not None:
            self.entry.value, self.entry.cursor_position = self.entry.completion.applied(self.text)

    def on_descendant_blur(self) -> None:
        self.told.display = self._error is not None

    def on_descendant_focus(self) -> None:
        self.told.display = True

    def _stop(self) -> None:
        if self._wait is not None:
            self._wait.stop()
            self._wait = None

    def _judge(self, *, done: bool = False) -> None:
        """Search for what is typed, or say what is wrong with it."""
        self._stop()
        text = self.text.strip()
        try:
            query = parse(text) if text else None
        except QueryError as error:
            self.complain(error)
            return
        self._error = None
        self._tell()
        if done and text and text not in self._history[-1:]:
            self._history = [*(each for each in self._history if each != text), text][-KEPT:]
            self._place = len(self._history)
        if done or text != self._searched:
            self._searched = text
            self.post_message(self.Wanted(self._source(query), done=done))

    def complain(self, error: QueryError) -> None:
        """Say what is wrong with the query, below its column."""
        self._error, self._searched = error, None
        self.told.display = True
        self._tell()

    def _source(self, query: Query | None) -> SearchSource | None:
        if query is None:
            return None
        return SearchSource(query, self._scope, self.addresses, self._now, Matches(query))

    def _tell(self) -> None:
        entry = self.entry
        entry.completion = complete(self.text, entry.cursor_position, self._names)
        at = 0
        if self._error is not None:
            lead = len(self.text) - len(self.text.lstrip())
            at = width_of(clean(self.text[: lead + self._error.column - 1])) - round(entry.scroll_offset.x) + 3
        self.told.show(self._error, entry.completion.options if entry.completion else (), max(3, at))
