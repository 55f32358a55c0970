"""Calls of methods that log in: what they are given by place, as JSON-RPC does."""

from __future__ import annotations

import itertools
import json

from redaction_forms import assert_gone, assert_untouched, secrets

WHOLE = ["raw", "json", "json_in_json", "indented"]
WITH_SECRET = [
    "auth.login_with_api_key", "loginWithApiKey", "session.login_with_password", "Account.LoginWithSecretKey",
    "sign_in_with_access_token", "authenticate_with_api_token",
]  # fmt: skip
WITH_USER = ["auth.login", "mining.authorize", "session.logon", "db.authenticate", "user.signIn", "common.login"]


def test_what_a_method_is_given_that_logs_in_with_a_secret():
    """
    All of it goes, in whole calls and in pieces of them.
    """
    for method, value in zip(itertools.cycle(WITH_SECRET), secrets(20, 24), strict=False):
        call = json.dumps({"id": 7, "method": method, "params": [value]})
        assert_gone(call, value, forms=WHOLE)
        assert_gone(f'7", "msg":"method", "method":"{method}", "params" : ["{value}"]}}', value, forms=["raw", "json"])
        assert_gone(json.dumps({"params": [value], "method": method}), value, forms=["raw"])


def test_a_user_stays_and_the_password_goes():
    """
    Of a method that ends in a login the first value is a user; any word may be a password.
    """
    for method, value in zip(itertools.cycle(WITH_USER), secrets(20, 12), strict=False):
        call = json.dumps({"method": method, "params": ["bob.miller", value]})
        assert_gone(call, value, forms=["raw", "json_in_json"])
        assert_gone(call.replace(value, "opensesame"), "opensesame", forms=["raw"])
        assert_untouched(json.dumps({"method": method, "params": ["bob.miller"]}), forms=["raw", "json"])


def test_other_calls_stay():
    """
    A method that asks for a key, or lists logins, is given none; one in a line of a request has no parameters.
    """
    for method in [
        "get_api_key", "user.list", "login.history", "secrets.list", "token.revoke", "authorize_url", "POST", "GET",
        "password.policy", "eth_getBalance", "textDocument/didOpen", "keys.rotate", "session.close", "auth.ping",
        "api_key.query", "certificate.query", "user.get_password_policy", "login_attempts.count", "logout", "authors",
    ]:  # fmt: skip
        for params in (["9f8e7d6c-inventory", "latest"], ["bob"], [], [1, 2], [["a", "b"]]):
            assert_untouched(json.dumps({"method": method, "params": params}), forms=["raw", "json_in_json"])
