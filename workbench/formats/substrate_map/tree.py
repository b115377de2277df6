"""An XML document as a small tree that knows its lines; bounded, and without entities or document types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler, feature_namespaces

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from workbench.errors import InputError
from workbench.formats.yaml_text import at

MOST_ELEMENTS = 1_000_000
MOST_ATTRIBUTES = 200  # of an element
DEEPEST = 32
_SHOWN = 60


@dataclass(slots=True)
class Element:
    """An element without its namespace. `text` is its own text, as it stands."""

    name: str
    attributes: dict[str, str]
    line: int
    column: int
    text: str = ""
    inner: list[Element] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        return [element for element in self.inner if element.name == name]

    def one(self, name: str) -> Element | None:
        return next((element for element in self.inner if element.name == name), None)

    def said(self, name: str) -> str:
        """An attribute without blanks around it, "" where it is absent; names differ in capitals among writers."""
        value = self.attributes.get(name)
        if value is None:
            value = next((word for key, word in self.attributes.items() if key.lower() == name.lower()), "")
        return value.strip()


class Document:
    """A document read: its root, and places for errors."""

    def __init__(self, data: bytes, where: str):
        self.where = where
        parser = DefusedExpatParser(forbid_dtd=True)
        handler = _Handler(where, parser)
        parser.setFeature(feature_namespaces, False)
        parser.setContentHandler(handler)
        try:
            parser.feed(data)
            parser.close()
        except DefusedXmlException as refused:
            raise InputError("substrate_map.entities", where=where, got=type(refused).__name__) from None
        except SAXParseException as fault:
            raise InputError("substrate_map.xml", where=at(where, fault.getLineNumber() - 1, fault.getColumnNumber()),
                             got=fault.getMessage()[:200]) from None  # fmt: skip
        except (ValueError, LookupError) as fault:  # an encoding that does not exist, bytes that are none of it
            raise InputError("substrate_map.xml", where=where, got=str(fault)[:200]) from None
        if handler.root is None:
            raise InputError("substrate_map.xml", where=where)
        self.root: Element = handler.root

    def refuse(
        self, rule: str, element: Element, *, got: object = "", allowed: object = "", **values: object
    ) -> NoReturn:
        place = at(self.where, element.line - 1, element.column)
        raise InputError(rule, where=f"{place} {element.name}", got=str(got)[:_SHOWN], allowed=allowed, **values)


class _Handler(ContentHandler):
    def __init__(self, where: str, locator: DefusedExpatParser):
        super().__init__()
        self.where, self.locator, self.root, self.count = where, locator, None, 0
        self.open: list[tuple[Element, list[str]]] = []

    def startElement(self, name, attrs) -> None:
        self.count += 1
        for number, most in ((self.count, MOST_ELEMENTS), (len(self.open), DEEPEST), (len(attrs), MOST_ATTRIBUTES)):
            if number > most:
                place = at(self.where, self.locator.getLineNumber() - 1, self.locator.getColumnNumber())
                raise InputError("substrate_map.too_much", where=place, got=f"{number:,}", allowed=f"{most:,}")
        made = Element(name.rpartition(":")[2], {key.rpartition(":")[2]: value for key, value in attrs.items()},
                       self.locator.getLineNumber(), self.locator.getColumnNumber())  # fmt: skip
        if self.open:
            self.open[-1][0].inner.append(made)
        else:
            self.root = made
        self.open.append((made, []))

    def characters(self, content) -> None:
        self.open[-1][1].append(content)

    def endElement(self, name) -> None:
        element, pieces = self.open.pop()
        element.text = "".join(pieces)
