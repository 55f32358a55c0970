"""Secrets in the forms in which clusters, runners, clouds and build tools write them."""

from __future__ import annotations

import json
import string

import pytest
from redaction_forms import assert_gone, assert_untouched, secrets

FORMS = ("raw", "json", "json_in_json")
BASE64 = string.ascii_letters + string.digits + "+/"
OPTIONS = ["--password", "--db-password", "--requirepass", "--api-key", "--apiToken", "--client-secret", "-storepass"]


def test_option_in_a_list_of_words() -> None:
    """
    In the words of a command line the word behind an option with a secret's name is the secret.
    """
    for number, value in enumerate(secrets(28, 12)):
        option = OPTIONS[number % len(OPTIONS)]
        for words in (
            ["cli", option, value],
            ["cli", "serve", option, value, "--port", "80"],
            [option, value, "--verbose"],
            ["sh", "-c", "run", option, value],
        ):
            for event in (words, {"args": words}, {"Config": {"Cmd": words, "Tty": False}}):
                assert_gone(json.dumps(event), value, forms=("raw", "json"))


def test_list_of_words_without_a_secret() -> None:
    """
    Options that are switches, that name a file or a variable, or that another one follows have no secret behind them.
    """
    for words in (
        ["cli", "--password", "--verbose", "x"],
        ["cli", "--no-password", "ls", "-l"],
        ["cli", "--password-file", "/run/secrets/db", "x"],
        ["cli", "--ask-vault-pass", "site.yml", "x"],
        ["cli", "--token-ttl", "3600s", "x"],
        ["cli", "--user", "bob", "x"],
        ["cli", "--key", "name", "x"],
        ["cli", "--with-password", "name", "x"],
        ["password", "is", "required", "here"],
        ["cli", "--secret-name", "prod/db", "x"],
    ):
        assert_untouched(json.dumps(words), ("raw", "json"))
        assert_untouched(json.dumps({"args": words}), ("raw", "json"))


FLAGS = [
    "ask-vault-pass",
    "with-password",
    "no-password",
    "without-token",
    "use-token",
    "prompt-password",
    "stdin-password",
]


@pytest.mark.parametrize(
    "flag", [*FLAGS, "show-token", "generate-api-key", "skip-db-password", "ask_become_pass", "ASK-PASS"]
)
@pytest.mark.parametrize("word", ["site.yml", "name", "'prod-eu'", "deploy/web1", "10.0.0.1:8080"])
def test_option_that_takes_no_value(flag: str, word: str) -> None:
    """
    What follows an option that asks for a secret, or says whether there is one, stays.
    """
    assert_untouched(f"ran cli --{flag} {word} --json", FORMS)
    assert_untouched(f"ran cli run --{flag} {word}", FORMS)


@pytest.mark.parametrize(
    "option", ["password", "db-password", "vault-pass", "askari-token", "nova-api-key", "user-password"]
)
def test_option_with_a_value(option: str) -> None:
    """
    What follows any other option with a secret's name goes, and a random value behind any.
    """
    for value in secrets(4, 12):
        assert_gone(f"ran cli --{option} {value} --json", value, forms=FORMS)
        assert_gone(f"ran cli --use-{option} {value}Zf3D0LXCM3EI", value, forms=FORMS)


def test_data_of_a_secret_of_kubernetes() -> None:
    """
    All values of an object of kind Secret go, whatever their names; those of other kinds stay.
    """
    names = ["config.yaml", "tls.key", "url", ".dockerconfigjson", "a"]
    for number, value in enumerate(secrets(20, 28, BASE64)):
        name = names[number % len(names)]
        for member in ("data", "stringData"):
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web"}, member: {name: value}}
            for event in (secret, dict(sorted(secret.items())), {"object": secret, "verb": "update"}):
                assert_gone(json.dumps(event), value, forms=("raw", "json"))
        if "key" not in name:
            other = {"apiVersion": "v1", "kind": "ConfigMap", "data": {name: f"plain text {number}"}}
            assert_untouched(json.dumps(other), FORMS)


def test_parameter_of_a_stack() -> None:
    """
    CloudFormation writes a name and a value as `ParameterKey` and `ParameterValue`.
    """
    names = ["DbPassword", "MasterUserPassword", "ApiToken", "ClientSecret", "GithubToken"]
    for number, value in enumerate(secrets()):
        name = names[number % len(names)]
        pair = {"ParameterKey": name, "ParameterValue": value}
        assert_gone(
            json.dumps({"Parameters": [{"ParameterKey": "Size", "ParameterValue": "3"}, pair]}), value, forms=FORMS
        )
        assert_gone(f"--parameters ParameterKey={name},ParameterValue={value}", value, forms=FORMS)
        plain = {"ParameterKey": "InstanceName", "ParameterValue": f"web-{number}"}
        assert_untouched(json.dumps(plain), FORMS)
        assert_untouched(f"ParameterKey=InstanceName,ParameterValue=web-{number}", FORMS)


def test_key_and_string_of_a_property_list() -> None:
    """
    In a property list of macOS the `<key>` before a value names it.
    """
    names = ["ApiSecret", "password", "client_secret", "accessToken", "API_KEY"]
    for number, value in enumerate(secrets()):
        name = names[number % len(names)]
        assert_gone(f"<dict><key>{name}</key><string>{value}</string></dict>", value, forms=FORMS)
        assert_gone(f"<key>{name}</key> <string>{value}</string>", value, forms=FORMS)
        assert_gone(f"<key>{name}</key>\n\t<string>{value}</string>", value, forms=("json", "json_in_json"))
        assert_untouched(f"<key>CFBundleName</key><string>Web{number}</string>", FORMS)
        assert_untouched(f"<key>password</key><true/><key>Title</key><string>Web{number}</string>", FORMS)


RANDOM = [
    "secret_id",
    "secretId",
    "code_verifier",
    "device_code",
    "id_token_hint",
    "client_assertion",
    "SAMLResponse",
    "password_salt",
    "SALT",
    "app.pepper",
    "MFA_SEED",
    "assertion",
]


def test_name_that_is_secret_if_its_value_is_random() -> None:
    """
    Names of OAuth, OpenID Connect, SAML and Vault name secrets, and other things as well: a random value tells.
    """
    for number, value in enumerate(secrets(24, 40)):
        name = RANDOM[number % len(RANDOM)]
        for text in (f"{name}={value}", f"POST /token {name}={value}&scope=openid", f'{{"{name}":"{value}"}}'):
            assert_gone(text, value, forms=FORMS)


@pytest.mark.parametrize(
    "text",
    [
        "secret_id=prod/db",
        '{"SecretId":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1b2c3"}',
        "device_code=polling",
        "seed=42",
        "seed: 1712345678901",
        '{"seed":"first-run"}',
        '{"gen_ai.request.seed":"4b719abdfb3d2bafdb87c095271ac95d"}',
        "random_seed=0",
        "salt: state.apply web",
        "salt=none",
        "assertion: a == b",
        "assertion=failed",
        "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "code_verifier: missing",
        "id_token_hint=unsupported",
    ],
)
def test_such_a_name_with_another_value(text: str) -> None:
    """
    Words, numbers and names of things under such a key stay.
    """
    assert_untouched(text, FORMS)


LINES = {
    "mask": "::add-mask::{}",
    "output": "::set-output name=db_password::{}",
    "variable": "##vso[task.setvariable variable=apiToken]{}",
    "secret variable": "##vso[task.setvariable variable=x;issecret=true]{}",
    "secret string": "aws secretsmanager create-secret --name x --secret-string {}",
    "secure string": "aws ssm put-parameter --name /a/b --type SecureString --overwrite --value {} --region eu-west-1",
    "powershell": 'ConvertTo-SecureString "{}" -AsPlainText -Force',
    "mysql": "[Note] A temporary password is generated for root@localhost: {}",
    "oracle": "opening jdbc:oracle:thin:shop/{}@db.internal:1521:main",
}


@pytest.mark.parametrize("form", LINES)
def test_line_of_a_program(form: str) -> None:
    """
    What follows the words of a program that go before a secret is one.
    """
    for value in secrets(20, 14):
        assert_gone("10:00 " + LINES[form].format(value), value, forms=FORMS)


@pytest.mark.parametrize("form", ["mask", "output", "variable", "secret variable", "powershell", "mysql"])
def test_secret_of_a_program_that_begins_with_a_bracket(form: str) -> None:
    """
    A bracket begins a token, and may begin a secret too.
    """
    for value in secrets(20, 14):
        if not value.startswith("R"):
            assert_gone("10:00 " + LINES[form].format("[" + value), value, forms=FORMS)


@pytest.mark.parametrize(
    "text",
    [
        "::add-mask::",
        "::set-output name=version::1.2.3",
        "::set-env name=CI::true",
        "##vso[task.setvariable variable=build]20261130.1",
        "aws secretsmanager get-secret-value --secret-id prod/db",
        "aws secretsmanager create-secret --secret-string file://db.json",
        "aws ssm put-parameter --name /a --type String --value blue",
        "ConvertTo-SecureString $plain -AsPlainText",
        "Unseal Key 1: missing",
        "OAuth 2.0 authorization code flow",
        "OAuth authorization-code-flow-with-proof-key-for-code-exchange",
        "password 'field' is empty",
        'the password "x" was refused',
        "jdbc:oracle:thin:@db.internal:1521:main",
    ],
)
def test_line_of_a_program_without_a_secret(text: str) -> None:
    """
    The same words without a secret behind them stay.
    """
    assert_untouched(text, FORMS)


def test_token_behind_its_scheme() -> None:
    """
    `OAuth` and a long random word is a token, also where no header says so; so are the keys that Vault is unsealed with.
    """
    for value in secrets(20, 64, "0123456789abcdef"):
        assert_gone(f"page: OAuth {value}", value, forms=FORMS)
    for number, value in enumerate(secrets(20, 43, BASE64)):
        assert_gone(f"Unseal Key {number % 5 + 1}: {value}=", value, forms=FORMS)
