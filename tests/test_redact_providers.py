"""Keys of providers that are known by their own form: made from a prefix and a random value, without a label."""

from __future__ import annotations

import itertools
import string

import pytest
from redaction_forms import assert_gone, assert_untouched, secrets

FORMS = ["raw", "json", "json_in_json", "percent", "coloured"]
HEX = string.hexdigits[:16]
PREFIXED = [
    "dub_", "csk-", "key_", "bu_", "odt_", "msk_", "mint_", "pts_", "isat_", "mis_", "cal_live_", "seam_test1_",
    "flb_live_", "prf_", "ptr_", "private_", "netbird nbp_", "jsrp_", "retool_", "nrt_",
]  # fmt: skip
OF_ALPHABET = {"key_": HEX, "pts_": string.ascii_lowercase + string.digits}
LENGTHS = {
    "dub_": 24,
    "csk-": 48,
    "key_": 64,
    "bu_": 43,
    "mint_": 28,
    "cal_live_": 32,
    "seam_test1_": 24,
    "nrt_": 48,
    "nbp_": 36,
}
SENTENCES = ["call by {}", "got {}, tried again", '("{}")', "{}: refused", "/v1/{}/items"]


@pytest.mark.parametrize("prefix", PREFIXED)
def test_prefix_and_random_value(prefix: str) -> None:
    """
    A key with its provider's prefix goes wherever it stands, though nothing says that it is one.
    """
    prefix = prefix.rpartition(" ")[2]
    alphabet = OF_ALPHABET.get(prefix, string.ascii_letters + string.digits)
    length = LENGTHS.get(prefix, 36 if prefix == "jsrp_" else 32)
    values = [value.replace("q", "a") if alphabet == HEX else value for value in secrets(20, length, alphabet)]
    for sentence, value in zip(itertools.cycle(SENTENCES), values, strict=False):
        assert_gone(sentence.replace("{}", prefix + value), value, forms=FORMS)


@pytest.mark.parametrize("kind", "cdeprs")
@pytest.mark.parametrize("environment", ["live", "test", "prod", "production", "dev", "staging", "sandbox"])
def test_keys_as_stripe_writes_them(kind: str, environment: str) -> None:
    """
    Secret, restricted, client and publishable keys go alike: what is meant to be public is of no use in a log.
    """
    for sentence, value in zip(itertools.cycle(SENTENCES), secrets(20, 28), strict=False):
        assert_gone(sentence.replace("{}", f"{kind}k_{environment}_{value}"), value, forms=FORMS)


ORDINARY = [
    "sk_buff allocation of order 0 failed, sk_stream_wait_memory_in_progress",
    "private_network_of_the_cluster is up, private_key_of_the_session_is_set",
    "app-7f9c4d8b6-x2x4q started on dataset-0123456789, db-primary-0.internal",
    "key_of_the_first_element_in_the_list_of_all, key_0123456789",
    "sandbox_environment_for_the_tests_of_the_day, production_database_migration",
    "pub_date_of_the_first_edition_in_print, sub-category-of-the-second-kind",
    "st.example.com and na1.api.example.com and eu1.cdn.example.com answered",
    "as-internationalisation and al-khwarizmi-and-the-history-of-algebra-in-time",
    "live_reload_enabled, test_that_the_server_starts_again, test_0123456789",
    "hooks/post-receive ran; https://git.example.com/hooks/pre-commit-of-the-team",
    "org_0123456789abcdef, ts_milliseconds_since_the_epoch, api_client.get_response",
    "mint_condition_and_fresh_from_the_printer, cal_event_of_the_next_week_was_moved",
    "dub_of_the_film_was_recorded, hop_count_of_the_route_is_to_be_lowered",
    "user:0123456789abcdef, perm:admin.read, at_the_end_of_the_day_all_is_well_as_ever",
    "bit-rate-of-the-stream, cr-0123456789abcdef, ak_short, ptr_to_the_first_of_the_list_of_all",
    "tid_0123456789 tsec_12 pid_7 uid_1000, mb_total_of_the_memory_that_is_free_in_all",
    "s3://demo/prefix_of_an_object_with_a_long_name_as_they_come/part-00000.parquet",
    "ext_module_with_a_long_name.so, sc_thread_with_a_long_name.start",
    "STAGE_0123456789 PRODUCTION_DATABASE_OF_THE_THIRD_REGION is up",
    "dvc_server_started_in_time, dvc_client_connection_pool_is_empty",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_names_that_begin_alike(text: str) -> None:
    """
    Names that people gave, which begin as keys do, come out byte for byte.
    """
    assert_untouched(text, forms=FORMS)


def test_a_web_token_whose_header_does_not_decode():
    """
    Examples have headers of random letters. Two parts that begin an object in base64url are sign enough, if all are long.
    """
    alphabet = string.ascii_letters + string.digits + "_-"
    parts = [[f"eyJ{part}" for part in secrets(20, length, alphabet)] for length in (30, 60)]
    for sentence, header, payload, signature in zip(
        itertools.cycle(SENTENCES), *parts, secrets(20, 43, alphabet), strict=False
    ):
        assert_gone(sentence.replace("{}", f"{header}.{payload}.{signature}"), signature, payload, forms=FORMS)
    for text in [
        "cursor eyJpZCI6MTIzLCJwYWdlIjoyfQ.eyJhIjoxfQ.0000",
        "eyJpZCI6MTIzLCJwYWdlIjoyfQ.of.the.list",
        "eyJhIjoxfQ",
    ]:
        assert_untouched(text)


def test_keys_of_laravel_and_yahoo_and_sealed_values():
    """
    Keys in base64 that say so, consumer keys, and what a build service keeps sealed under `secure`.
    """
    base64 = string.ascii_letters + string.digits + "+/"
    for sentence, value in zip(itertools.cycle(SENTENCES[:4]), secrets(20, 43, base64), strict=False):
        assert_gone(sentence.replace("{}", f"base64:{value}="), value, forms=["raw", "json", "json_in_json"])
    for sentence, value in zip(itertools.cycle(SENTENCES), secrets(20, 60), strict=False):
        assert_gone(sentence.replace("{}", f"dj0yJm{value}--"), value, forms=FORMS)
        for pair in (f'secure: "{value}="', f"  - secure: {value}=", f'{{"secure": "{value}="}}', f"secure={value}"):
            assert_gone(pair, value, forms=["raw", "json", "json_in_json"])
    for text in [
        "secure: true", "secure=HttpOnly", "secure: always-on-port-8443", "base64: decoding of 12 bytes", "data:image/png;base64,iVBORw0KGgo",
        '{"secure": false}', "secure: yes", "dj0y",
    ]:  # fmt: skip
        assert_untouched(text, forms=["raw", "json", "json_in_json"])
