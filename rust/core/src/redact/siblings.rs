//! Names of members that say something of their siblings: `{"name": "key", "value": …}`, and tables with their columns.

/// Names of the attributes of a `name="key" value="…"` pair.
pub const NAMES: [&[u8]; 5] = [b"name", b"key", b"k", b"header", b"field"];
pub const VALUES: [&[u8]; 3] = [b"value", b"val", b"v"];
/// Longest such name, in bytes.
pub const MEMBER_BYTES_MAX: usize = 14;

/// What a member of an object may be to its siblings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Half of a pair: it names a key.
    Name,
    /// The same where `op` stands beside, as in a JSON Patch (RFC 6902).
    Path,
    Operation,
    /// The other half.
    Value,
    /// The same, or the rows of a table.
    Values,
    /// Where it stands beside, a `key` is the name of a thing: of an object in a store, a label, a message.
    OfThing,
    /// What a Secret of Kubernetes holds, as it was before base64.
    StringData,
    /// Of a JSON Web Key (RFC 7517).
    KeyType,
    /// The names of columns, and the rows below them.
    Columns,
    Rows,
}

impl Part {
    /// Compared without case, `_` and `-`.
    pub fn of(key: &[u8]) -> Option<Self> {
        if key.is_empty() || key.len() > MEMBER_BYTES_MAX {
            return None;
        }
        let (mut folded, mut len) = ([0; MEMBER_BYTES_MAX], 0);
        for byte in key.iter().filter(|byte| !matches!(byte, b'_' | b'-')) {
            folded[len] = byte.to_ascii_lowercase();
            len += 1;
        }
        Some(match &folded[..len] {
            b"name" | b"key" | b"k" | b"header" | b"field" | b"id" | b"attribute" | b"attr" | b"property" | b"prop"
            | b"param" | b"parameter" | b"column" | b"setting" | b"option" | b"variable" | b"var" | b"varname"
            | b"keyname" | b"fieldname" | b"propertyname" | b"headername" | b"attributename" | b"columnname"
            | b"parametername" | b"paramname" | b"variablename" | b"settingname" | b"parameterkey" | b"loc" => {
                Self::Name
            }
            b"path" => Self::Path,
            b"op" => Self::Operation,
            b"value" | b"val" | b"v" | b"old" | b"new" | b"from" | b"to" | b"before" | b"after" | b"current"
            | b"previous" | b"prev" | b"oldvalue" | b"newvalue" | b"fromvalue" | b"tovalue" | b"beforevalue"
            | b"aftervalue" | b"currentvalue" | b"previousvalue" | b"prevvalue" | b"stringvalue" | b"strvalue"
            | b"textvalue" | b"plainvalue" | b"rawvalue" | b"parametervalue" | b"original" | b"modified"
            | b"updated" | b"removed" | b"added" | b"was" | b"now" | b"default" | b"defaultvalue" | b"input"
            | b"secretstring" => Self::Value,
            b"values" => Self::Values,
            b"kty" => Self::KeyType,
            b"stringdata" => Self::StringData,
            b"bucket" | b"effect" | b"operator" | b"topic" | b"partition" | b"offset" | b"etag" | b"versionid"
            | b"sequencer" | b"bucketname" | b"size" | b"ttl" | b"hit" | b"miss" | b"store" | b"locale" => {
                Self::OfThing
            }
            b"columns" | b"columnnames" | b"cols" | b"colnames" | b"fields" | b"fieldnames" | b"headers" | b"names"
            | b"keys" | b"schema" | b"meta" | b"attributes" | b"properties" => Self::Columns,
            b"rows" | b"row" | b"data" | b"records" | b"record" | b"tuples" | b"results" | b"resultset" | b"items"
            | b"params" | b"parameters" | b"args" | b"arguments" | b"bindings" | b"binds" => Self::Rows,
            _ => return None,
        })
    }

    /// `value`, which some write in objects that hold nothing else: `{"password": {"value": "x"}}`.
    pub fn wraps(key: &[u8]) -> bool {
        Self::of(key) == Some(Self::Value)
            || matches!(key, b"s" | b"S" | b"$" | b"_" | b"#text" | b"$t" | b"_text" | b"__cdata" | b"string")
    }
}
