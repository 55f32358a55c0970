//! Names of types in code: `password: str` says what kind of value comes, not which.

use crate::redact::text::placeholders::one_of;

/// Types of text, bytes and secrets in the languages of the day, and generic ones around them.
const TYPES: [&[u8]; 56] = [
    b"any",
    b"annotated",
    b"arc",
    b"array",
    b"bool",
    b"boolean",
    b"box",
    b"buffer",
    b"bytearray",
    b"bytes",
    b"callable",
    b"char",
    b"charsequence",
    b"cow",
    b"credential",
    b"credentials",
    b"dict",
    b"int",
    b"integer",
    b"list",
    b"literal",
    b"map",
    b"maybe",
    b"never",
    b"nonetype",
    b"nsstring",
    b"number",
    b"object",
    b"option",
    b"optional",
    b"parameter",
    b"partial",
    b"promise",
    b"protectedstring",
    b"pscredential",
    b"rc",
    b"readonly",
    b"record",
    b"result",
    b"secret",
    b"secretbox",
    b"secretbytes",
    b"secretstr",
    b"secretstring",
    b"securestring",
    b"sensitive",
    b"seq",
    b"sequence",
    b"str",
    b"string",
    b"text",
    b"type",
    b"union",
    b"unknown",
    b"varchar",
    b"vec",
];

/// A type by its name; numbers have one with their bits: `u32`.
pub fn is_type(name: &[u8]) -> bool {
    let bits = name.strip_prefix(b"u").or(name.strip_prefix(b"i")).or(name.strip_prefix(b"f"));
    one_of(name, &TYPES) || bits.is_some_and(|bits| one_of(bits, &[b"8", b"16", b"32", b"64", b"128", b"size"]))
}
