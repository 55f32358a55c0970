//! Why a line is no event: the closed set of reasons.

/// Why a line is not a valid event. The set is closed: it is a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Broken {
    NotJson,
    Truncated,
    Utf8,
    Control,
    Depth,
    TooLong,
    Trailing,
}

impl Broken {
    pub const ALL: [Broken; 7] = [
        Broken::NotJson,
        Broken::Truncated,
        Broken::Utf8,
        Broken::Control,
        Broken::Depth,
        Broken::TooLong,
        Broken::Trailing,
    ];

    /// The reason as it stands in labels and in wrapped lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Broken::NotJson => "not_json",
            Broken::Truncated => "truncated",
            Broken::Utf8 => "utf8",
            Broken::Control => "control",
            Broken::Depth => "depth",
            Broken::TooLong => "too_long",
            Broken::Trailing => "trailing",
        }
    }
}
