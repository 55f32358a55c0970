"""Payment card numbers, and numbers of other things that are as long and have a right check digit by chance."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest
from redaction_forms import FORMS, assert_gone, assert_untouched

BODY = tuple(form for form in FORMS if form != "percent")
ISSUERS = {
    "visa": ("4", 16),
    "visa, old": ("4", 13),
    "mastercard": ("53", 16),
    "mastercard, new": ("2398", 16),
    "amex": ("37", 15),
    "diners": ("36", 14),
    "discover": ("6011", 16),
    "jcb": ("3540", 16),
    "unionpay": ("6212", 19),
}


def check_digit(digits: str) -> str:
    """The last digit of ISO/IEC 7812-1 annex B for all the others."""
    total = sum(sum(divmod(int(digit) * (2 - index % 2), 10)) for index, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def cards(issuer: str = "visa", count: int = 20) -> list[str]:
    """So many numbers of an issuer with their check digits, the same in every run."""
    prefix, length = ISSUERS[issuer]
    seeded = random.Random(issuer)
    numbers = []
    while len(numbers) < count:
        digits = prefix + "".join(seeded.choices("0123456789", k=length - 1 - len(prefix)))
        numbers.append(digits + check_digit(digits))
    return numbers


OTHERS = [
    "order_id",
    "orderId",
    "ORDER_ID",
    "user.id",
    "ids",
    "order_ids",
    "uid",
    "orderid",
    "order_number",
    "trackingNo",
    "serial_number",
    "invoice",
    "transaction",
    "amount",
    "total_amount",
    "balance",
    "ratio",
    "count",
    "rx_bytes",
    "timestamp",
    "start_time",
    "duration_ns",
    "offset",
    "seq",
    "lsn",
    "shard",
    "row_version",
    "checksum",
    "seed",
    "latency_us",
]
OF_CARDS = [
    "card",
    "card_number",
    "cardNumber",
    "cc",
    "CC_NUM",
    "pan",
    "creditCard",
    "credit_card_id",
    "visa",
    "card.id",
]
OF_NOTHING = ["number", "value", "x", "data", "input", "field_7", "account_number", "details"]

KEYED: dict[str, Callable[[str, str], str]] = {
    "number": lambda key, digits: f'{{"{key}":{digits},"a":1}}',
    "string": lambda key, digits: f'{{"a":1,"{key}": "{digits}"}}',
    "list": lambda key, digits: f'{{"{key}":[{digits}]}}',
    "list of strings": lambda key, digits: f'{{"{key}":["{digits}"]}}',
    "nested": lambda key, digits: f'{{"body":{{"{key}":"{digits}"}}}}',
    "repr": lambda key, digits: f"{{'a': 1, '{key}': '{digits}'}}",
    "pair": lambda key, digits: f"done {key}={digits} in time",
    "quoted pair": lambda key, digits: f'done {key}="{digits}"',
    "colon": lambda key, digits: f"{key}: {digits}",
    "query": lambda key, digits: f"GET /a?b=1&{key}={digits}&c=2 200",
}


@pytest.mark.parametrize("form", KEYED)
def test_number_under_a_key_of_something_else(form: str) -> None:
    """
    A plain run of digits under a key of an identifier, an amount or a count is no card, whatever its check digit.
    """
    for number, key in enumerate(OTHERS):
        digits = cards(count=len(OTHERS))[number]
        if len(digits) == 16:
            assert_untouched(KEYED[form](key, digits), ("raw", "json", "json_in_json"))


@pytest.mark.parametrize("form", KEYED)
def test_number_under_a_key_of_a_card_or_of_anything(form: str) -> None:
    """
    A word for cards in a key outweighs the others; a key that says nothing leaves a card what it is.
    """
    for number, key in enumerate(OF_CARDS + OF_NOTHING):
        for issuer in ("visa", "mastercard", "amex"):
            digits = cards(issuer)[number]
            assert_gone(KEYED[form](key, digits), digits, forms=("raw", "json", "json_in_json"))


@pytest.mark.parametrize("issuer", ISSUERS)
def test_card_in_prose_and_alone(issuer: str) -> None:
    """
    Cards of every issuer go where no key says what they are.
    """
    for digits in cards(issuer):
        for text in (
            f"charge declined for {digits}",
            f"paid with {digits}, thanks",
            f"order 4711 paid by {digits} exp 12/30",
            f"card number {digits}",
            f"card no. {digits}",
            f"user,{digits},12/30",
            f"({digits})",
        ):
            assert_gone(text, digits, forms=BODY)
        # A document that is a number has the length of most cards: others are times.
        assert_gone(digits, digits, forms=BODY if len(digits) in (15, 16) else ("json", "json_in_json"))


@pytest.mark.parametrize("separator", [" ", "-"])
def test_card_in_groups_is_one_under_any_key(separator: str) -> None:
    """
    Nobody prints an order in groups of four: what is written as on a card is one, whatever stands before it.
    """
    for number, digits in enumerate(cards(count=len(OTHERS))):
        grouped = separator.join(digits[at : at + 4] for at in range(0, 16, 4))
        for text in (f"paid with {grouped}", f"{OTHERS[number]}={grouped}", json.dumps({OTHERS[number]: grouped})):
            assert_gone(text, grouped, forms=("raw", "json", "json_in_json"))
    for digits in cards("amex"):
        grouped = separator.join((digits[:4], digits[4:10], digits[10:]))
        assert_gone(f"amex {grouped} stored", grouped, forms=BODY)


def test_word_before_a_number() -> None:
    """
    In prose the word right before a number says what it is.
    """
    words = ["order", "order #", "order number", "order no.", "user", "id", "invoice", "ticket #", "offset", "total"]
    words += [
        "tracking number",
        "serial",
        "customer",
        "took time",
        "count",
        "row",
        "total: $",
        "amount €",
        "task",
        "tx id",
    ]
    for number, word in enumerate(words):
        digits = cards()[number]
        space = "" if word[-1] in "#$€" else " "
        assert_untouched(f"done: {word}{space}{digits} in time", BODY)


def test_list_of_which_most_are_no_cards() -> None:
    """
    One number in thirty has a right check digit by chance: a list of others says that it is no card either.
    """
    seeded = random.Random(7)
    for digits in cards():
        others = [digits[:-1] + str((int(digits[-1]) + step) % 10) for step in seeded.sample(range(1, 10), 4)]
        numbers = [*others[:2], digits, *others[2:]]
        for text in (
            json.dumps({"values": [int(one) for one in numbers]}),
            json.dumps({"values": numbers}),
            f"read {', '.join(numbers)} from disk",
            f"values={','.join(numbers)}",
        ):
            assert_untouched(text, ("raw", "json", "json_in_json"))


def test_list_of_cards() -> None:
    """
    In a list of cards each goes, and so do two beside one other number.
    """
    for at in range(20):
        numbers = [cards(issuer)[at] for issuer in ("visa", "mastercard", "amex", "discover")]
        for text in (
            json.dumps([int(one) for one in numbers]),
            json.dumps({"values": numbers}),
            f"charged {', '.join(numbers)}",
            f"{numbers[0]},{numbers[1]},4111111111111112,{numbers[2]},{numbers[3]}",
        ):
            assert_gone(text, *numbers, forms=("raw", "json", "json_in_json"))
