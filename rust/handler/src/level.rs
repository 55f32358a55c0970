//! Levels: what is written for a record's level, and what it means for the buffer.

/// From here on the last quarter of the buffer may be used.
pub const WARN: i64 = 30;
/// From here on a line is written at once.
pub const ERROR: i64 = 40;

/// The word written for a level: the five known ones, or the service's own name for one in between.
///
/// # Example
///
/// ```
/// use headrig_handler::level::{word, WARN};
///
/// assert_eq!(word("WARNING", WARN), "WARN");
/// ```
pub fn word(name: &str, number: i64) -> &str {
    match name {
        "WARNING" => "WARN",
        "FATAL" => "CRITICAL",
        "" => nearest(number),
        own => own,
    }
}

fn nearest(number: i64) -> &'static str {
    match number {
        ..=19 => "DEBUG",
        20..=29 => "INFO",
        30..=39 => "WARN",
        40..=49 => "ERROR",
        50.. => "CRITICAL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_levels_have_one_word_each_and_own_names_stay() {
        let words = ["DEBUG", "INFO", "WARNING", "ERROR", "FATAL", "NOTICE"].map(|name| word(name, 0));
        assert_eq!(words, ["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL", "NOTICE"]);
        assert_eq!([0, 20, 35, 40, 60].map(|number| word("", number)), ["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"]);
    }
}
