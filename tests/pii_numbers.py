"""Numbers of every kind of personal data, random and right by their own check digits, and the same ones made wrong."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

DIGITS, UPPER = string.digits, string.ascii_uppercase
VERHOEFF = [[(j + i) % 5 if j < 5 else 5 + (j + i) % 5 for j in range(10)] for i in range(5)] + [
    [5 + (i - j) % 5 if j < 5 else (i - j) % 5 for j in range(10)] for i in range(5, 10)
]
VERHOEFF_PERMUTATION = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
for _ in range(6):
    VERHOEFF_PERMUTATION.append([VERHOEFF_PERMUTATION[-1][VERHOEFF_PERMUTATION[1][digit]] for digit in range(10)])


def digits(seeded: random.Random, count: int, first: str = DIGITS) -> str:
    return seeded.choice(first) + "".join(seeded.choices(DIGITS, k=count - 1))


def day(seeded: random.Random, form: str = "{:02}{:02}{:02}", years: range = range(30, 99)) -> str:
    return form.format(seeded.choice(years), seeded.randint(1, 12), seeded.randint(1, 28))


def iban(seeded: random.Random) -> str:
    country, length = seeded.choice(
        [("DE", 22), ("FR", 27), ("GB", 22), ("NL", 18), ("PL", 28), ("NO", 15), ("ES", 24)]
    )
    bban = "".join(seeded.choices(DIGITS, k=length - 4))
    if country in ("GB", "NL"):
        bban = "".join(seeded.choices(UPPER, k=4)) + bban[4:]
    value = int("".join(str(int(char, 36)) for char in f"{bban}{country}00"))
    text = f"{country}{98 - value % 97:02}{bban}"
    return text if seeded.random() < 0.5 else " ".join(text[at : at + 4] for at in range(0, length, 4))


def mac(seeded: random.Random) -> str:
    pairs = [f"{seeded.randrange(256):02x}" for _ in range(6)]
    pairs[0] = seeded.choice("abcde") + pairs[0][1]
    text = seeded.choice(
        [":".join(pairs), "-".join(pairs), ".".join(map("".join, zip(pairs[::2], pairs[1::2], strict=True)))]
    )
    return text if seeded.random() < 0.5 else text.upper()


def ipv4(seeded: random.Random) -> str:
    return ".".join(str(seeded.randint(1, 254)) for _ in range(4)).replace("127.", "128.", 1)


def ipv6(seeded: random.Random) -> str:
    groups = ["2001", *(f"{seeded.randrange(65536):x}" for _ in range(7))]
    gap = seeded.randint(2, 6)
    return ":".join(groups) if seeded.random() < 0.5 else ":".join(groups[:gap]) + "::" + groups[7]


def international(seeded: random.Random) -> str:
    return seeded.choice([
        lambda: f"+1{digits(seeded, 3, '23456789')}{digits(seeded, 7, '23456789')}",
        lambda: f"+49 30 {digits(seeded, 7)}",
        lambda: f"+33 6 {' '.join(digits(seeded, 2) for _ in range(4))}",
        lambda: f"+44 (20) {digits(seeded, 4)} {digits(seeded, 4)}",
        lambda: f"+86 {digits(seeded, 3, '1')}-{digits(seeded, 4)}-{digits(seeded, 4)}".replace("-", " "),
        lambda: f"+351{digits(seeded, 9, '29')}",
        lambda: f"+1 ({digits(seeded, 3, '23456789')}) {digits(seeded, 3, '23456789')}-{digits(seeded, 4)}",
    ])()  # fmt: skip


def national(seeded: random.Random) -> str:
    area, exchange = digits(seeded, 3, "23456789"), digits(seeded, 3, "23456789")
    area = area.replace("11", "12")
    return seeded.choice([
        f"({area}) {exchange}-{digits(seeded, 4)}",
        f"{area}-{exchange}-{digits(seeded, 4)}",
        f"{area}.{exchange}.{digits(seeded, 4)}",
        f"06 {' '.join(digits(seeded, 2) for _ in range(4))}",
        f"020 {digits(seeded, 4)} {digits(seeded, 4)}",
        f"07{digits(seeded, 3)} {digits(seeded, 6)}",
        f"030/{digits(seeded, 7)}",
        f"0171-{digits(seeded, 7)}",
        f"03-{digits(seeded, 4)}-{digits(seeded, 4)}",
    ])  # fmt: skip


def us_ssn(seeded: random.Random) -> str:
    return f"{digits(seeded, 3, '1234578')}-{seeded.randint(1, 99):02}-{seeded.randint(1, 9999):04}"


def cpf(seeded: random.Random) -> str:
    text = digits(seeded, 9, "12345678") + ""
    for _ in range(2):
        rest = sum(int(digit) * weight for digit, weight in zip(text, range(len(text) + 1, 1, -1), strict=True)) % 11
        text += str(0 if rest < 2 else 11 - rest)
    return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"


def aadhaar(seeded: random.Random) -> str:
    text, check = digits(seeded, 11, "23456789"), 0
    for at, digit in enumerate(reversed(text), 1):
        check = VERHOEFF[check][VERHOEFF_PERMUTATION[at % 8][int(digit)]]
    text += next(str(digit) for digit in range(10) if VERHOEFF[check][digit] == 0)
    return seeded.choice(" -").join((text[:4], text[4:8], text[8:]))


def steuer_id(seeded: random.Random) -> str:
    drawn = seeded.sample("123456789", 9)
    text, rest = drawn[0] + "".join(seeded.sample([*drawn[1:], seeded.choice(drawn)], 9)), 10
    for digit in text:
        rest = ((rest + int(digit)) % 10 or 10) * 2 % 11
    text += str((11 - rest) % 10)
    return " ".join((text[:2], text[2:5], text[5:8], text[8:]))


def luhn(text: str) -> str:
    twice = [int(digit) * (2 - at % 2) for at, digit in enumerate(text)]
    return str(-sum(number // 10 + number % 10 for number in twice) % 10)


def personnummer(seeded: random.Random) -> str:
    date = day(seeded)
    text = date + digits(seeded, 3)
    return f"{seeded.choice(['', '19'])}{date}-{text[6:]}{luhn(text)}"


def pesel(seeded: random.Random) -> str:
    text = day(seeded) + digits(seeded, 4)
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    return text + str(-sum(int(digit) * weight for digit, weight in zip(text, weights, strict=True)) % 10)


def nir(seeded: random.Random) -> str:
    text = (
        seeded.choice("12")
        + f"{seeded.randint(0, 99):02}{seeded.randint(1, 12):02}{seeded.randint(1, 95):02}"
        + digits(seeded, 6)
    )
    text += f"{97 - int(text) % 97:02}"
    parts = (text[:1], text[1:3], text[3:5], text[5:7], text[7:10], text[10:13], text[13:])
    return text if seeded.random() < 0.5 else " ".join(parts)


def china_id(seeded: random.Random) -> str:
    text = digits(seeded, 6, "123456") + day(seeded, "19{:02}{:02}{:02}") + digits(seeded, 3)
    total = sum(int(digit) * (2 ** (17 - at) % 11) for at, digit in enumerate(text))
    return text + "0123456789X"[(12 - total % 11) % 11]


def dni(seeded: random.Random) -> str:
    number = seeded.randrange(10**7)
    first = seeded.choice(["", "X", "Y", "Z"])
    value = int({"": "", "X": "0", "Y": "1", "Z": "2"}[first] + f"{number:07}") if first else number * 10 + 3
    text = f"{first}{number:07}" if first else f"{value:08}"
    return text + seeded.choice(["", "-"]) + "TRWAGMYFPDXBNJZSQVHLCKE"[value % 23]


def nino(seeded: random.Random) -> str:
    letters = seeded.choice("ACEHJLMPRSW") + seeded.choice("ACEHJLMPRSWX")
    text = f"{letters}{digits(seeded, 6)}{seeded.choice('ABCD')}"
    return text if seeded.random() < 0.5 else f"{text[:2]} {text[2:4]} {text[4:6]} {text[6:8]} {text[8]}"


def codice_fiscale(seeded: random.Random) -> str:
    text = "".join(seeded.choices(UPPER, k=6)) + f"{seeded.randint(0, 99):02}" + seeded.choice("ABCDEHLMPRST")
    text += f"{seeded.randint(1, 71):02}" + seeded.choice(UPPER) + digits(seeded, 3)
    odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]
    total = sum(
        odd[int(char, 36) % 10 if char.isdigit() else int(char, 36) - 10]
        if at % 2 == 0
        else (int(char) if char.isdigit() else int(char, 36) - 10)
        for at, char in enumerate(text)
    )
    return text + UPPER[total % 26]


NUMBERS: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "iban": ("iban", iban),
    "mac_address": ("mac", mac),
    "ipv4": ("ip", ipv4),
    "ipv6": ("ip", ipv6),
    "phone_international": ("phone", international),
    "phone_national": ("phone", national),
    "us_ssn": ("ssn", us_ssn),
    "cpf": ("national_id", cpf),
    "aadhaar": ("national_id", aadhaar),
    "steuer_id": ("national_id", steuer_id),
    "personnummer": ("national_id", personnummer),
    "pesel": ("national_id", pesel),
    "nir": ("national_id", nir),
    "china_id": ("national_id", china_id),
    "dni": ("national_id", dni),
    "nino": ("national_id", nino),
    "codice_fiscale": ("national_id", codice_fiscale),
}
"""By name: the word in `[redact] pii`, and what gives a random one."""

CHECKED = ("iban", "cpf", "aadhaar", "steuer_id", "personnummer", "pesel", "nir", "china_id", "dni", "codice_fiscale")
"""Those whose last character is a check."""


def some(name: str, count: int = 25) -> list[str]:
    """So many, the same in every run."""
    seeded = random.Random(name)
    return [NUMBERS[name][1](seeded) for _ in range(count)]


def wrong(text: str) -> str:
    """The same with another last character of its kind."""
    last = text[-1]
    return text[:-1] + (DIGITS[(int(last) + 1) % 10] if last.isdigit() else UPPER[(UPPER.index(last) + 1) % 26])
