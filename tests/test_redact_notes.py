"""Passwords of notes: a word for a user and one for a password first, then both values; and labels in brackets."""

from __future__ import annotations

import itertools

import pytest
from redaction_forms import FORMS, assert_gone, assert_untouched

LINES = set(FORMS) - {"percent"}
PASSWORDS = [
    f"{head}{tail}"
    for head in ("Ihq", "Prl2", "Winter", "xY", "pA")
    for tail in ("Sb1Gg7", "23Db#q", "2K26wq", "9mK81wP")
]
"""As policies ask for them: capitals, small letters, digits."""
HEADS = [
    "id",
    "ID",
    "Id",
    "user",
    "User",
    "username",
    "login",
    "account",
    "ACC",
    "admin",
    "root",
    "MYID",
    "계정",
    "아이디",
]
WORDS = ["pw", "PW", "pwd", "PWD", "pass", "passwd", "password", "Password", "PASSWORD"]
JOINTS = ["{}/{}", "{} / {}", "{}({})", "{},{}", "{} {}", "{}|{}"]
SIGNS = [" ", ":", ": ", " : ", "=", "-", "->", " -> ", "=>", " is "]
PARTNERS = ["{}/{}", "{} / {}", "{}({})", "{},{}", "{} {}", "{} | {}"]
USERS = ["master", "bob.smith", "xxxx:master"]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("sign", SIGNS)
def test_a_pair_behind_both_words_loses_its_password(head: str, sign: str) -> None:
    """
    Whatever joins the two words, stands between them and the values, or parts the values, the password is gone.
    """
    passwords = itertools.cycle(PASSWORDS)
    for number, (joint, partner) in enumerate(itertools.product(JOINTS, PARTNERS)):
        password, word, user = next(passwords), WORDS[number % len(WORDS)], USERS[number % len(USERS)]
        text = joint.format(head, word) + sign + partner.format(user, password)
        assert_gone(text, password, forms=["raw"] if number % 7 else LINES)


@pytest.mark.parametrize(
    "text",
    [
        "IP/ID/PW 192.0.2.1/master/{}",
        "IP / ID / PWD : 192.0.2.1 / master / {}",
        "ip/id/pw: 192.0.2.1:8022/master/{}",
        "id/pw/port:master/{}/8080",
        "계정/Password-xxxx:master/{}",
        "ANYID(PW):master({})",
        "id(master)/pwd({})",
        "id/pw({})",
        "ID/PW(master/{})",
        "server x is up, id/password master/{} for all",
    ],
)
def test_other_ways_to_name_a_pair(text: str) -> None:
    """
    An address before the user, a port behind, brackets around each value.
    """
    for password in PASSWORDS:
        assert_gone(text.format(password), password, forms=["raw", "json", "indented"])


@pytest.mark.parametrize(
    "text",
    [
        "pw({})",
        "(pw {})",
        "bob@192.0.2.1 (PW {})",
        "-pw {} host",
        "P/W:{}",
        "p/w {}",
        "P/W({})",
        "master account:pw {}",
        "pwd ({})",
        "password({})",
        "password (master): {}",
        "password(master) {}",
        "passowrd … Is {}",
        "passwrd {}",
        "Passwort {}",
        "mot de passe {}",
        "password=>{}",
        "Password설정은 {}",
        "password는 {}",
        "p/w는{}",
    ],
)
def test_a_label_with_a_bracket_or_another_sign(text: str) -> None:
    """
    Brackets, arrows, a name in brackets and Korean particles part a label from its value as a colon does.
    """
    for password in PASSWORDS:
        assert_gone(text.format(password), password, forms=["raw", "json", "coloured"])


@pytest.mark.parametrize(
    "text",
    [
        "user/password with OAuth2Provider",
        "user/password is required, see README2Md",
        "the username/password pair of the user",
        "copy password src/Base64Encoder2 to x",
        "invalid id/pw for user master/slave",
        "id/pw master/replica-2026",
        "GET /users/password/Reset2Form HTTP/1.1",
        "login/password authentication via Kerberos5Provider failed",
        "PW change of Bob1",
        "pwd is /home/Bob1/src",
        "pw-2.1.0-Linux.tar.gz",
        "Password(Base64.java:12)",
        "pw_dir = struct.pw_dir",
        "cd `pwd` && make",
        "p/w ratio",
        "password is shorter than 12",
        "admin password reset requested by user 5",
        "account:pw reset",
        "user (password): bob",
        "id/pw: see the wiki",
    ],
)
def test_sentences_about_users_and_passwords_stay(text: str) -> None:
    """
    Words, names and paths behind the same labels come out byte for byte.
    """
    assert_untouched(text)
    assert_untouched("12:00:01 " + text)
