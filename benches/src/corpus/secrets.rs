//! Secrets to plant: visibly fake, one of each format that the default pack is expected to mask.

use super::draft::Draft;

/// `{"alg":"HS256","typ":"JWT"}` in base64url.
const JWT_HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
/// `{"sub":"fake","name":"not a real user"}` in base64url.
const JWT_PAYLOAD: &str = "eyJzdWIiOiJmYWtlIiwibmFtZSI6Im5vdCBhIHJlYWwgdXNlciJ9";

/// Where a planted secret stands in its line.
pub enum Place {
    /// Part of a message.
    Text(String),
    /// The string value of a field of its own.
    Field(&'static str, String),
}

/// One secret of a random format; its needle is noted in the draft.
pub fn any(draft: &mut Draft) -> Place {
    let random = &mut draft.random;
    let (place, needle) = match random.below(8) {
        0 => {
            let value = format!("Fake-hunter2-{}", random.alnum(8));
            (Place::Text(format!("login with password={value}")), value)
        }
        1 => {
            let value = format!("fake-{}", random.alnum(24));
            (Place::Field("api_key", value.clone()), value)
        }
        2 => {
            let value = format!("AKIA{}EXAMPLE", random.upper(9));
            (Place::Text(format!("assumed {value} for upload")), value)
        }
        3 => {
            let value = format!("ghp_FAKE{}", random.alnum(32));
            (Place::Text(format!("clone used {value} as remote")), value)
        }
        4 => {
            let value = format!("fake.{}", random.alnum(32));
            (Place::Text(format!("upstream call sent Bearer {value}")), value)
        }
        5 => {
            let value = format!("{JWT_HEADER}.{JWT_PAYLOAD}.{}", random.alnum(43));
            (Place::Text(format!("session {value} renewed")), value)
        }
        6 => {
            let value = format!("fakepass{}", random.alnum(8));
            (Place::Text(format!("pool opened to postgres://svc:{value}@db.internal:5432/shop")), value)
        }
        _ => {
            let value = "4111111111111111".to_owned();
            (Place::Text(format!("charge declined for {value}")), value)
        }
    };
    draft.plant(needle);
    place
}

/// `password=…` with a planted value, for text of any kind.
pub fn password_text(draft: &mut Draft) -> String {
    let value = format!("Fake-hunter2-{}", draft.random.alnum(10));
    let text = format!("password={value}");
    draft.plant(value);
    text
}
