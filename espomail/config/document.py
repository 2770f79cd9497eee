"""A YAML file as data and as lines: what stands where, and which keys stand there twice."""

from collections.abc import Iterator

import yaml

from espomail.config.faults import Fault, Path

INDICATOR_HINTS = {
    "found undefined alias": "text that begins with * needs quotes",
    "could not determine a constructor": "text that begins with ! needs quotes",
    "cannot start any token": "text that begins with such a character needs quotes; only spaces indent",
}
DEEPEST = 100
MOST_REPEATED = 100_000  # values that stand there by aliases; a few lines of them can unfold to billions


class NotYamlError(Exception):
    """The text cannot be read at all. `line` is counted from 1."""

    def __init__(self, line: int, said: str) -> None:
        super().__init__(said)
        self.line = line
        self.said = said


class Document:
    """The content of a file, with the line of each of its keys."""

    def __init__(self, data: object, root: yaml.Node | None, faults: tuple[Fault, ...]) -> None:
        self.data = data
        self.faults = faults  # keys that stand there twice or are no text
        self._root = root

    def line_of(self, path: Path) -> int:
        """The line, counted from 1, of the key at `path`, or of the nearest thing around it that is there."""
        node, line = self._root, 1
        for step in path:
            found = _inside(node, step)
            if found is None:
                break
            node, line = found
        return line


class _Loader(yaml.CSafeLoader):
    """Safe YAML, with numbers that Python cannot hold and dates left as the text they are."""


def _number_or_text(name: str) -> None:
    construct = getattr(yaml.constructor.SafeConstructor, f"construct_yaml_{name}")

    def tolerant(loader: _Loader, node: yaml.ScalarNode) -> object:
        try:
            return construct(loader, node)
        except ValueError:
            return node.value

    _Loader.add_constructor(f"tag:yaml.org,2002:{name}", tolerant)


_number_or_text("int")
_number_or_text("float")
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _loader, node: node.value)


def _undefined(loader: _Loader, node: yaml.Node) -> object:
    return loader.construct_undefined(node)


for _name in ("binary", "omap", "pairs", "set"):  # a configuration has no place for such values
    _Loader.add_constructor(f"tag:yaml.org,2002:{_name}", _undefined)


def read_document(content: bytes) -> Document:
    """Reads YAML. Raises NotYamlError when that is not what it is."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise NotYamlError(line, "is not UTF-8 text") from None
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            if root is not None:
                _require_bounded(root)
            faults = tuple(_odd_keys(root, ())) if root is not None else ()
            data = loader.construct_document(root) if root is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise NotYamlError(_line_of_error(error), _told(error)) from None
    except yaml.reader.ReaderError as error:
        raise NotYamlError(text[: error.position].count("\n") + 1, "holds a control character") from None
    except RecursionError:
        raise NotYamlError(1, "is nested too deeply, or refers to itself") from None
    return Document(data, root, faults)


def _line_of_error(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 1


def _told(error: yaml.MarkedYAMLError) -> str:
    # What an alias or a tag is named may be an unquoted password: it is not repeated.
    problem = error.problem or error.context or "cannot be read"
    hint = next((hint for start, hint in INDICATOR_HINTS.items() if start in problem), None)
    return f"is not YAML: {hint or problem}"


def _require_bounded(root: yaml.Node) -> None:
    """Raises NotYamlError where the content is too much, or too deep, to be gone through value by value."""
    met: set[int] = set()
    repeated = 0
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        repeated += id(node) in met
        met.add(id(node))
        line = node.start_mark.line + 1
        if depth > DEEPEST:
            raise NotYamlError(line, "is nested too deeply, or refers to itself")
        if repeated > MOST_REPEATED:
            raise NotYamlError(
                line, f"aliases (*) repeat more than {MOST_REPEATED} values; write fewer of them"
            )
        if isinstance(node, yaml.SequenceNode):
            waiting += [(item, depth + 1) for item in node.value]
        elif isinstance(node, yaml.MappingNode):
            waiting += [(value, depth + 1) for _, value in node.value]


def _odd_keys(node: yaml.Node, path: Path) -> Iterator[Fault]:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _odd_keys(item, (*path, index))
    elif isinstance(node, yaml.MappingNode):
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                yield Fault(path, "a key must be text", line=key.start_mark.line + 1)
                continue
            here, line = (*path, key.value), key.start_mark.line + 1
            if key.value in first_lines and key.tag != "tag:yaml.org,2002:merge":
                yield Fault(here, f"duplicate key, first in line {first_lines[key.value]}", line=line)
            elif key.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
                yield Fault(here, "a key must be text; put it in quotes", line=line)
            first_lines.setdefault(key.value, line)
            yield from _odd_keys(value, here)


def _inside(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item, item.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):  # the last one counts, as it does for the data
            if key.value == step:
                return value, key.start_mark.line + 1
    return None
