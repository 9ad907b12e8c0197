"""Queries, documents and how relevant one is to the other, as BEIR and TREC keep them: in three
kinds of files that are joined here."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from tunewright.core.errors import DataError
from tunewright.core.units import format_count
from tunewright.data.binary import refuse_binary
from tunewright.data.encoding import find_encoding
from tunewright.data.example import Rejected
from tunewright.data.json_text import JsonProblemError, parse_json
from tunewright.data.opening import open_text
from tunewright.data.paths import BEIR, TREC, DataFile
from tunewright.data.readers.base import Reader, ReadOptions, Record
from tunewright.data.values import NotTextError, as_text, shown

_COLUMNS = ("query_id", "query", "document_id", "title", "document", "relevance", "judgements")


@dataclass(frozen=True, slots=True)
class _Judged:
    """One line of a file of judgements."""

    query: str
    document: str
    relevance: str


@dataclass(frozen=True, slots=True)
class _Text:
    """One line of a file of queries or documents."""

    id: str
    text: str
    title: str | None = None


class JudgementsReader(Reader):
    """Every judgement is a row: `query_id`, `query`, `document_id`, `title`, `document`,
    `relevance`, and `judgements`, the file that it stands in.

    The texts of all judged documents are held in memory, those of the others are not.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    layout: ClassVar[str]

    def __init__(self, file: DataFile, options: ReadOptions) -> None:
        super().__init__(file, options)
        if file.layout != self.layout:
            raise self._no_folder(file)
        self.columns = _COLUMNS
        self._encodings = {part.name: self._encoding_of(part) for part in file.others}
        self.details["encoding"] = ", ".join(sorted(set(self._encodings.values())))
        self._told = False

    def records(self) -> Iterator[Record | Rejected]:
        """Every judgement; see `Reader.records`."""
        self.blank_lines = 0
        queries, documents = self._texts()
        row = 0
        for file in self._files("qrels"):
            for line, text in self._lines(file):
                if self._is_header(line, text):
                    continue
                row += 1
                source = self.source(row, line)
                judged = self.judgement(text)
                if judged is None:
                    message = f"line {line} of '{file.name}' is no judgement: {self.shape}"
                    yield self.reject(source, "malformed_row", message)
                elif judged.query not in queries:
                    message = f"there is no query with the id {shown(judged.query)}"
                    yield self.reject(source, "missing_query", message)
                elif judged.document not in documents:
                    message = f"there is no document with the id {shown(judged.document)}"
                    yield self.reject(source, "missing_document", message)
                else:
                    query, document = queries[judged.query], documents[judged.document]
                    values = (
                        *(query.id, query.text, document.id, document.title, document.text),
                        *(judged.relevance, file.path.name),
                    )
                    yield Record(source=source, values=dict(zip(_COLUMNS, values, strict=True)))
        if row == 0:
            raise self.empty()

    shape: ClassVar[str]
    """What a line of judgements looks like, for messages."""

    @abstractmethod
    def judgement(self, line: str) -> _Judged | None:
        """What a line of a file of judgements says; None where it is none."""

    @abstractmethod
    def text(self, line: str) -> _Text | None:
        """What a line of a file of queries or documents says; None where it is none."""

    def _is_header(self, line: int, text: str) -> bool:
        return line == 1 and text.split()[:2] in (
            ["query-id", "corpus-id"],
            ["query_id", "corpus_id"],
        )

    def _texts(self) -> tuple[dict[str, _Text], dict[str, _Text]]:
        """The queries, and the judged documents, by id; the first of several equal ids."""
        judged = (
            self.judgement(text) for file in self._files("qrels") for _, text in self._lines(file)
        )
        wanted_queries, wanted = set(), set()
        for found in judged:
            if found is not None:
                wanted_queries.add(found.query)
                wanted.add(found.document)
        self.blank_lines = 0
        queries = self._by_id("queries", wanted_queries)
        documents = self._by_id("corpus", wanted)
        self._told = True
        return queries, documents

    def _by_id(self, role: str, wanted: set[str]) -> dict[str, _Text]:
        found: dict[str, _Text] = {}
        counts: Counter[str] = Counter()
        for file in self._files(role):
            for line, text in self._lines(file):
                entry = self.text(text)
                if entry is None:
                    counts["bad"] += line > 1 or text.split("\t")[0] not in ("id", "qid", "docid")
                elif entry.id not in wanted:
                    counts["unused"] += 1
                elif entry.id in found:
                    counts["twice"] += 1
                else:
                    found[entry.id] = entry
        if not self._told:
            self._tell(role, counts)
        return found

    def _tell(self, role: str, counts: Counter[str]) -> None:
        names = " and ".join(f"'{file.name}'" for file in self._files(role))
        said = {
            "bad": ("line", "could not be read"),
            "twice": ("line", "repeat an id, of which the first is taken"),
            "unused": ("text", "belong to no judgement"),
        }
        self.assumptions += [
            f"{format_count(counts[kind], noun)} of {names} {what}"
            for kind, (noun, what) in said.items()
            if counts[kind]
        ]

    def _files(self, role: str) -> list[DataFile]:
        return [part for part in self.file.others if part.role == role]

    def _lines(self, file: DataFile) -> Iterator[tuple[int, str]]:
        with open_text(file, self._encodings[file.name], newline=None) as stream:
            for line, text in enumerate(stream, start=1):
                if text.isspace():
                    self.blank_lines += 1
                else:
                    yield line, text.rstrip("\n")

    def _encoding_of(self, file: DataFile) -> str:
        refuse_binary(file)
        encoding = find_encoding(file, self.options.encoding)
        if encoding.assumption is not None:
            self.assumptions.append(encoding.assumption)
        return encoding.name

    def _no_folder(self, file: DataFile) -> DataError:
        from tunewright.data.binary import refuse_pickle
        from tunewright.data.opening import open_bytes

        refuse_pickle(file)
        with open_bytes(file) as stream:
            if not stream.read(1):
                return self.empty()
        return DataError(
            f"one file cannot be read as {self.layout}",
            file=file.name,
            expected="a folder with judgements, queries and documents",
            fix="name the folder, or all files: 'qrels.txt+queries.tsv+collection.tsv'",
        )


class BeirReader(JudgementsReader):
    """A folder with `corpus.jsonl`, `queries.jsonl` and `qrels/*.tsv` (Thakur et al. 2021)."""

    layout: ClassVar[str] = BEIR
    shape: ClassVar[str] = "query-id, corpus-id and score, with tabs between them"

    def judgement(self, line: str) -> _Judged | None:
        fields = line.split("\t") if "\t" in line else line.split()
        return _judged(*fields) if len(fields) == 3 else None

    def text(self, line: str) -> _Text | None:
        try:
            value = parse_json(line)
            if not isinstance(value, dict):
                return None
            name = as_text(value.get("_id", value.get("id")))
            text, title = (as_text(value.get(key)) for key in ("text", "title"))
        except (JsonProblemError, NotTextError):
            return None
        return None if name is None or text is None else _Text(name, text, title or None)


class TrecReader(JudgementsReader):
    """Judgements as `trec_eval` reads them, and tab-separated queries and documents (an id, a
    title where there is one more field, a text)."""

    layout: ClassVar[str] = TREC
    shape: ClassVar[str] = "query, iteration, document and relevance, with white space between"

    def judgement(self, line: str) -> _Judged | None:
        fields = line.split()
        return _judged(fields[0], fields[2], fields[3]) if len(fields) == 4 else None

    def text(self, line: str) -> _Text | None:
        name, *fields = line.split("\t")
        if not name.strip() or not fields:
            return None
        title = fields[-2].strip() if len(fields) > 1 else ""
        return _Text(name.strip(), fields[-1], title or None)


def _judged(query: str, document: str, relevance: str) -> _Judged | None:
    try:
        float(relevance)
    except ValueError:
        return None
    return _Judged(query.strip(), document.strip(), relevance.strip())
