import bz2
import gzip
import json
import lzma
import pickle
import zlib

import cramjam
import pytest

from pipeline.errors import InvalidMessageError, RecordError, UndecodableError
from pipeline.formats.reader import PostReader
from pipeline.settings import Settings

_POST = b'{"id": "1", "text": "Fire in Athens"}'


def _error_of(value: bytes) -> RecordError:
    with pytest.raises(RecordError) as caught:
        PostReader.of(Settings()).read(value)
    return caught.value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "the value is empty"),
        (b" \r\n", "the value holds nothing but blanks"),
        (gzip.compress(_POST), "compressed with gzip: let the Kafka client compress"),
        (bytes(cramjam.zstd.compress(_POST)), "compressed with zstd"),
        (bytes(cramjam.lz4.compress(_POST)), "compressed with lz4"),
        (bytes(cramjam.snappy.compress(_POST)), "compressed with snappy"),
        (bz2.compress(_POST), "compressed with bzip2"),
        (lzma.compress(_POST), "compressed with xz"),
        (_POST.decode().encode("utf-16"), "not in UTF-8 but in UTF-16: write JSON in UTF-8"),
        (_POST.decode().encode("utf-16-le"), "not in UTF-8 but in UTF-16"),
        (_POST.decode().encode("utf-16-be"), "not in UTF-8 but in UTF-16"),
        (_POST.decode().encode("utf-32"), "not in UTF-8 but in UTF-32"),
        (_POST.decode().encode("utf-32-be"), "not in UTF-8 but in UTF-32"),
        (b"\x1d\0\0\0\x02id\0\x02\0\0\x001\0\x02text\0\6\0\0\0Flood\0\0", "binary data"),  # BSON
        (b"\x021\x08Fire", "binary data, perhaps Avro or Protobuf"),  # Avro; all of it is ASCII
        (b'{"id": "1", "text": "caf\xe9"}', "byte 0xe9 at 24; it may be Windows-1252 or ISO 8859-1"),
        (b'{"id": "1", "text": "\xc0\xaf', "not in UTF-8: byte 0xc0 at 21"),
        (b"\0\0\0\0\x2a\x02\x0aabcde", r"a Schema Registry record in Avro or Protobuf \(schema id 42\)"),
        (b"\0\0\0\x09\x30\0\x0a\x05abcde", r"Avro or Protobuf \(schema id 2352\)"),
        (b'\0\0\0\0\x01"a text of Avro....', r"Avro or Protobuf \(schema id 1\)"),
        (b"\0\0\0\0\x01\x0a{abcd", r"Avro or Protobuf \(schema id 1\)"),
        (b"\0\0\0\0\x01{\xff\xfe", r"Avro or Protobuf \(schema id 1\)"),
        (b'\0\0\0\0\x01{"id": "1', "JSON that is cut off after 9 bytes"),
        (b"Obj\x01\x04\x16avro.schema", "an Avro container file: tocsin reads JSON"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"\xac\xed\0\x05sr\0", "a serialized Java object"),
        (b"\x82\xa2id\xa11\xa4text\xa4Fire", "binary data, perhaps MessagePack"),
        (b"\xa2bid\x611dtext\x64Fire\xff", "binary data, perhaps CBOR"),
        (b"\x0a\x011\x12\x05Fire\xff", "binary data, perhaps Avro or Protobuf without Schema Registry"),
        (pickle.dumps({"id": "1"}), "binary data"),
        (zlib.compress(_POST), "binary data"),
        (_POST[:-9], "JSON that is cut off after 28 bytes"),
        (_POST[:-1], "JSON that is cut off"),
        (_POST + b"\n" + _POST, "several JSON documents in one record: write one a record, or a list"),
        (b"<html><body>Fire</body></html>", "XML or HTML, but not a feed"),
        (b"<?xml version='1.0'?><note/>", "XML or HTML, but not a feed"),
        (b"<a>\xe9</a>", "not in UTF-8"),
        (b"Fire in Athens", "plain text, not JSON: it begins: Fire in Athens$"),
        (
            b"id,text\n1,Fire in Athens and in many other towns",
            "plain text, not JSON: it begins: id,text 1,Fire",
        ),
        (b"\x1b[31mFire\n\xe2\x80\xae", r"it begins: \\x1b\[31mFire \\u202e$"),
        (b"{'id': '1', 'text': 'x'}", "not JSON: Expecting property name enclosed in double quotes"),
        (b'{"id": "1", "text": "a\x07"}', "not JSON: Invalid control character"),
        (b"[" * 60_000, "nested more than 32 deep"),
        (b'{"id": "1", "id": "2", "text": "x"}', "the key 'id' stands twice"),
    ],
)
def test_bytes_are_named_for_what_they_are(value: bytes, reason: str) -> None:
    """The reason is in the words of the one who sent them."""
    error = _error_of(value)
    assert isinstance(error, UndecodableError)
    with pytest.raises(UndecodableError, match=reason):
        raise error


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (None, "not a Post: null in JSON, not an object"),
        (7, "not a Post: a number in JSON"),
        (True, "not a Post: true or false in JSON"),
        ("Fire", "not a Post: a JSON text that holds no JSON"),
        ({}, "it has no `id` and no `text`; the object is empty"),
        (
            {"id": "1"},
            "it has no `text`; its keys are `id`. Name its format with TOCSIN_POST_FORMAT, or map it",
        ),
        ({"body": "x", "text": "y"}, "it has no `id`; its keys are `body`, `text`"),
        ({f"k{n}": n for n in range(99)}, "`k8`, `k9` and 89 more"),
        ({"a\n\u202e" + "b" * 90: 1}, r"its keys are `a \\u202eb{36}…`"),
        ({"schema": None, "payload": {"a": 1}}, r"not a Post \(in kafka_connect\): it has no"),
        ([1, "x"], "none of 2 items is a post; the first: not a Post: a number in JSON"),
        ([{"id": "1"}], r"not a Post \(in list\): it has no `text`"),
    ],
)
def test_a_document_that_is_no_post_is_told_by_its_keys(document: object, reason: str) -> None:
    """The reason says what is there and what is missing, and what may be done."""
    with pytest.raises(InvalidMessageError, match=reason):
        raise _error_of(json.dumps(document).encode())
