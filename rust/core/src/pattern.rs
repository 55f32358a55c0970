//! Why a regular expression of the settings cannot be used. Never quotes it: a secret may stand in it.

/// Why a pattern does not parse, and where.
pub fn flaw(error: &regex_syntax::Error) -> String {
    let (kind, at) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span().start),
        _ => return "does not parse".to_owned(),
    };
    match at.line {
        1 => format!("column {}: {kind}", at.column),
        line => format!("line {line}, column {}: {kind}", at.column),
    }
}

/// Why a pattern cannot be compiled.
pub fn unbuilt(error: &regex_automata::meta::BuildError) -> String {
    match (error.syntax_error(), error.size_limit()) {
        (Some(error), _) => flaw(error),
        (None, Some(limit)) => format!("takes more than {limit} bytes compiled"),
        (None, None) => "cannot be compiled".to_owned(),
    }
}
