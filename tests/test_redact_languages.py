"""Keys and labels in the commonest languages beside English."""

from __future__ import annotations

import json

import pytest
from redaction_forms import assert_gone, assert_untouched, secrets

FORMS = ("raw", "json", "json_in_json", "percent", "coloured", "coloured_json", "indented")
SECRETS = ["hunter2hunter2", *secrets(2)]
WORDS = [
    *["contraseña", "Contraseña", "CONTRASEÑA", "contrasena", "senha", "Senha", "mot_de_passe", "motDePasse", "mdp"],
    *["Passwort", "Kennwort", "Benutzerkennwort", "wachtwoord", "hasło", "HASŁO", "haslo", "şifre", "ŞİFRE", "sifre"],
    *[
        "пароль",
        "Пароль",
        "ПАРОЛЬ",
        "пароль_бд",
        "密码",
        "用户密码",
        "密碼",
        "口令",
        "パスワード",
        "暗証番号",
        "비밀번호",
        "비번",
    ],
    *["كلمة_المرور", "lösenord", "Lösenord", "contrasen\u0303a", "heslo", "salasana", "passord"],
]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_password_goes_in_any_language(word: str, secret: str) -> None:
    """
    The word for a password is one as a key and as a label, in either case, with accents and without.
    """
    assert_gone(json.dumps({"level": "INFO", word: secret}, ensure_ascii=False), secret, forms=FORMS)
    assert_gone(json.dumps({word: secret}), secret, forms=FORMS)
    assert_gone(f"bob, {word}: {secret}", secret, forms=FORMS)
    assert_gone(f"{word}={secret} n=1", secret, forms=FORMS)
    assert_gone(repr({word: secret}), secret, forms=("raw", "json"))


@pytest.mark.parametrize("label", ["mot de passe", "Mot de passe ", "kata sandi", "كلمة المرور", "пароль пользователя"])
@pytest.mark.parametrize("secret", SECRETS)
def test_a_label_of_several_words(label: str, secret: str) -> None:
    """
    A label may have spaces in it and before its colon.
    """
    assert_gone(f"{label}: {secret}", secret, forms=FORMS)


@pytest.mark.parametrize("key", ["токен", "令牌", "トークン", "api密钥", "APIキー", "clé_api", "clave_api", "ключ_api"])
def test_tokens_and_keys_go_in_any_language(key: str) -> None:
    """
    So do tokens and keys of an API.
    """
    for secret in secrets():
        assert_gone(json.dumps({key: secret}, ensure_ascii=False), secret, forms=FORMS)
        assert_gone(f"{key}: {secret}", secret, forms=FORMS)


@pytest.mark.parametrize(
    "text",
    [
        "密码错误: 请重试",
        "用户名: bob, 次数: 5",
        "пользователь: иванов, попытка: 5",
        "сообщение: пароль изменён",
        "ce qui se passe : rien",
        "le temps dépasse: 12 ms",
        "Größe: 12, naïve: yes, café=open",
        "名前: 太郎",
        "이름: 홍길동",
        "mensaje: contraseña cambiada",
    ],
)
def test_other_words_stay(text: str) -> None:
    """
    Words beside these, and sentences about passwords, stay.
    """
    assert_untouched(text, FORMS)
    assert_untouched(json.dumps({text.partition(":")[0]: "value of something"}, ensure_ascii=False), FORMS)
