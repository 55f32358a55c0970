//! A reload loses no count, whichever engine a batch was given to.

use headrig_core::engine::Engine;

const LINE: &[u8] = b"{\"level\":\"INFO\",\"event\":\"request_completed\",\"route\":\"/a\",\"status\":200}\n";

fn requests(engine: &Engine) -> u64 {
    let text = String::from_utf8(engine.totals()).expect("totals are text");
    let line = text.lines().find(|line| line.starts_with("http_requests_total{"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn a_batch_given_to_the_old_engine_counts_in_the_new_one() {
    let old = Engine::new(b"", None).expect("the default spec");
    let lane = old.lane("in");
    lane.process(LINE, 0.0);
    let new = Engine::new(b"{\"line_bytes_max\":1000}", Some(&old)).expect("a good spec");
    let processed = lane.process(LINE, 0.0);
    assert_eq!((processed.lines_in, processed.lines.bytes()), (1, LINE));
    assert_eq!(requests(&new), 2);
}

#[test]
fn a_spec_that_is_refused_changes_nothing() {
    let old = Engine::new(b"", None).expect("the default spec");
    old.lane("in").process(LINE, 0.0);
    assert!(Engine::new(b"{\"metrics\":{\"rules\":[{\"name\":\"1bad\",\"kind\":\"counter\"}]}}", Some(&old)).is_err());
    old.lane("in").process(LINE, 0.0);
    assert_eq!(requests(&old), 2);
}
