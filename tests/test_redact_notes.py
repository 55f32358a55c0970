"""Passwords of notes: a word for a user and one for a password first, then both values; and labels in brackets."""

from __future__ import annotations

import itertools

import pytest
from redaction_forms import FORMS, assert_gone, assert_untouched, secrets

LINES = set(FORMS) - {"percent"}
PASSWORDS = [
    f"{head}{tail}"
    for head in ("Ihq", "Prl2", "Winter", "xY", "pA")
    for tail in ("Sb1Gg7", "23Db#q", "2K26wq", "9mK81wP")
]
"""As policies ask for them: capitals, small letters, digits."""
TOKENS = [f"{value[:9]}{number % 10}{value[9:]}7" for number, value in enumerate(secrets(18))]
"""With digits at three places at least."""
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


FOREIGN = [
    "비밀번호",
    "비번",
    "패스워드",
    "암호",
    "密码",
    "密碼",
    "口令",
    "パスワード",
    "暗証番号",
    "пароль",
    "Пароль",
    "WiFi密码",
]
FOREIGN_SIGNS = [
    " {}",
    "\uff1a{}",
    "\uff1d{}",
    " → {}",
    "({})",
    " ({})",
    "\uff08{}\uff09",
    "「{}」",
    " | {} |",
    "은{}",
    "는 {}",
    "설정은{}",
    "は{}",
    "是{}",
]


@pytest.mark.parametrize("label", FOREIGN)
def test_labels_in_other_scripts_need_no_sign(label: str) -> None:
    """
    A blank, a bracket, a sign of full width or a particle parts a label from its password, behind letters as well.
    """
    for password, sign in zip(itertools.cycle([*PASSWORDS, "hunter2x", "qwerty!1"]), FOREIGN_SIGNS * 2, strict=False):
        assert_gone("bob " + label + sign.format(password), password, forms=["raw", "json", "percent", "indented"])


@pytest.mark.parametrize("head", ["아이디", "계정", "账号", "用户名", "ユーザー", "ID", "логин"])
def test_pairs_in_other_scripts(head: str) -> None:
    """
    Words for a user in other scripts make a pair as well.
    """
    for label in FOREIGN[:-1]:
        for joint, partner in itertools.product(["{}/{}: ", "{} / {} ", "{}({}):"], ["{}/{}", "{} / {}", "{}({})"]):
            password = PASSWORDS[len(joint + partner + label) % len(PASSWORDS)]
            assert_gone(joint.format(head, label) + partner.format("master", password), password, forms=["raw", "json"])


@pytest.mark.parametrize(
    "text",
    [
        *[
            "토큰 {}",
            "令牌\uff1a{}",
            "トークン → {}",
            "токен {}",
            "API密钥 {}",
            "eventbrite token {}",
            "| token | {} |",
            "token\uff1a{}",
        ],
        *["| api_key | {} |", "api_key\uff1d{}", "secret → {}", "DEMO_PRIVATEKEY-{}", "eventbrite privatekey {}"],
        *["eventbrite private access key {}", "DEMO_SECRETTOKEN {}", "| token      | {} |", "| Secret | {} |"],
    ],
)
def test_tokens_and_keys_behind_labels(text: str) -> None:
    """
    In other scripts, in cells of tables, behind signs of full width, and behind labels of several words.
    """
    for value in [*TOKENS, "ABCDEF1234567890QRST", "ZXC2JK3HV4TY5UIO6PLK"]:
        assert_gone(text.format(value), value, forms=["raw", "json", "percent"])


@pytest.mark.parametrize("text", ["Key(ANYSecret):{}", "access token(master) {}", "Secret(bob): {}", "KEY(x) = {}"])
def test_whose_a_secret_is_may_stand_in_brackets(text: str) -> None:
    """
    A name in brackets stands between a label and its sign.
    """
    for password in PASSWORDS:
        assert_gone(text.format(password), password, forms=["raw", "json"])


@pytest.mark.parametrize("text", ["x-token%20{}", "-secret%20{}", "body=%20%20token%20{}&x=1", "b=private%20key%20{}"])
def test_a_blank_may_be_an_escape(text: str) -> None:
    """
    In a URL the blank behind a label is written as an escape.
    """
    for value in [*TOKENS, "AIhq5Xyb1Gga9Q10", "7cc938e45e63e9014f88f811be240ba0395c02dd"]:
        assert_gone(f"POST /cb body={text.format(value)} 302", value, forms=["raw", "json"])


@pytest.mark.parametrize(
    "key", ["passowrd", "paasword", "pasword", "passwrd", "db_passwod", "PASSSWORD", "pssword", "sercret"]
)
def test_misspelt_keys_are_keys(key: str) -> None:
    """
    A slip in the word for a password or secret hides nothing.
    """
    for password in PASSWORDS:
        for text in (f"{key}={password}", f"{key}: {password}", f'{{"{key}": "{password}"}}', f'-{key}="{password}"'):
            assert_gone(text, password, forms=["raw", "json"])


@pytest.mark.parametrize(
    "text",
    [
        *[
            "비밀번호 변경",
            "비밀번호 password",
            "パスワードはhidden",
            "密码 user_name",
            "пароль для user_name",
            "암호 UTF-8",
        ],
        *[
            "토큰 authentication-2",
            "токен refresh_token_expired",
            "아이디/비밀번호 master slave",
            "Количество ключей 12",
        ],
        *["| token | string | required |", "| api_key | string | the key to use |", "private key of bob-2026 loaded"],
        *[
            "private key id-rsa-2048 is missing",
            "key(x) is missing",
            "token build20261130",
        ],
        *["GET /x?q=token%20refresh%20failed", "GET /x?q=the%20password%20is%20required", "passwords: 3"],
    ],
)
def test_sentences_about_secrets_stay_in_any_script(text: str) -> None:
    """
    Words, names and numbers behind the same labels come out byte for byte.
    """
    assert_untouched(text)
