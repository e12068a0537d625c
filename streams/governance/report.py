"""Report: problems as JUnit's XML, and as annotations of GitHub's workflows."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from xml.etree import ElementTree as Xml

from streams.errors import Problem

_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
SUITE = "streams contracts check"


def junit(problems: Iterable[Problem], files: Iterable[str]) -> str:
    """A test case for each file; ``files``: also those in which nothing is wrong."""
    ordered = sorted(problems, key=lambda problem: problem.file)
    by_file = {file: tuple(found) for file, found in groupby(ordered, key=lambda problem: problem.file)}
    names = sorted({*files, *by_file})
    root = Xml.Element("testsuites")
    suite = Xml.SubElement(
        root, "testsuite", name=SUITE, tests=str(len(names)), failures=str(len(by_file)), errors="0", skipped="0"
    )
    for name in names:
        case = Xml.SubElement(suite, "testcase", classname="contracts", name=name, file=name)
        found = by_file.get(name, ())
        if found:
            failure = Xml.SubElement(case, "failure", type="Problem", message=_clean(_headline(found)))
            failure.text = _clean("\n".join(map(str, found)))
            if found[0].line is not None:
                case.set("line", str(found[0].line))
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _headline(found: tuple[Problem, ...]) -> str:
    first = f"{found[0].path}: {found[0].message}" if found[0].path else found[0].message
    return first if len(found) == 1 else f"{first} (and {len(found) - 1} more)"


def _clean(text: str) -> str:
    """Without control characters, which XML cannot hold."""
    return _UNFIT.sub("?", text)


def workflow_lines(problems: Iterable[Problem], folder: str, *, level: str = "error") -> Iterator[str]:
    """A line of a workflow's log for each problem; ``folder``: where the files are, from the repository's root."""
    for problem in problems:
        place = [f"file={_property(f'{folder}/{problem.file}' if folder else problem.file)}"]
        if problem.line is not None:
            place.append(f"line={problem.line}")
        place.append(f"title={_property(problem.path or 'contract')}")
        yield f"::{level} {','.join(place)}::{_data(problem.message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
