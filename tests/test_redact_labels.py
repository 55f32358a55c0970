"""Labels in text behind escapes, and what only looks like a label."""

from __future__ import annotations

import itertools

from redaction_forms import assert_gone, assert_untouched, secrets

WHOLE = ("raw", "json", "json_in_json")
"""Forms that keep the bytes of a text together."""


def test_escapes_of_programs_are_read():
    r"""
    A sign, a quote or a blank that nginx and programming languages write as `\x3d` parts keys from values and tokens from
    words.
    """
    for key, value in zip(
        ["password", "db_password", "client_secret", "passwd", "api_key"] * 4, secrets(20, 18), strict=True
    ):
        for line in (
            "{}\\x3d{}",
            "{}\\x3D{}\\x26b\\x3d1",
            "x\\x26{}\\x3d{}",
            "\\x22{}\\x22:\\x22{}\\x22",
            "\\x27{}\\x27\\x3a\\x20\\x27{}\\x27",
        ):
            assert_gone(line.format(key, value), value, forms=WHOLE)
    token = "ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"
    for before in ("\\x3d", "\\x22", "\\x20", "\\x27", "\\x0a", "\\x2f", "\\x3a", "x\\x3d"):
        assert_gone(before + token, token, forms=WHOLE)
    for text in [
        "\\x16\\x03\\x01\\x02\\x00", "a\\x3d1", "page\\x3d2\\x26sort\\x3dname", "\\x22user\\x22:\\x22bob\\x22", "C:\\x64\\x86\\lib",
        "\\x", "\\x3", "\\x3g=1", "token\\x3dexpired", "\\x41\\x42\\x43", "b'\\x00\\x01password\\x00'", "0\\x3d", "\\x5c\\x5c",
        "password_hint\\x3dblue", "\\xe5\\xaf\\x86", "max_tokens\\x3d500", "author\\x3abob", "k\\x3dv", "\\x7b\\x7d", "\\x25",
    ]:  # fmt: skip
        assert_untouched(text, forms=WHOLE)


def test_a_part_of_a_path_is_no_label():
    """
    What follows a path or a query in a line of a request is not the value of its last word.
    """
    for path in [
        "/users/password",
        "/v1/users/password",
        "/api/password",
        "/account/passcode",
        "/q?q=reset+password",
        "/password",
    ]:
        for line in [
            'HTTP Request: POST https://api.example.com{} "HTTP/1.1 200 OK"', 'GET {} "HTTP/1.0 302 Found"', "GET {} HTTP/1.1",
            "PUT {} HTTP/2.0", '"GET {} HTTP/1.1" 200 12',
        ]:  # fmt: skip
            assert_untouched(line.format(path), forms=WHOLE)
    for line in ["GET /users/password 12.5ms", "/etc/password v1.2.3", "copied conf/password 12kB"]:
        assert_untouched(line, forms=WHOLE)


def test_the_line_of_a_module_is_no_value():
    """
    A dotted name and a number after the colon are a module and its line.
    """
    modules = [
        "app.auth.token",
        "com.shop.Password",
        "django.contrib.auth.password",
        "app.secrets",
        "botocore.credentials",
    ]
    for module, line in itertools.product(modules, [1, 42, 118, 2249, 10240]):
        for text in (
            f"DEBUG {module}:{line} refreshed",
            f"[{module}:{line}] changed",
            f"{module}:{line}",
            f"({module}:{line}): ok",
        ):
            assert_untouched(text, forms=WHOLE)
    for text in [
        "card.pin:1234",
        "user.otp:48291",
        "spring.datasource.password:123456",
        "db.password:12a45",
        "app.password: 4711",
    ]:
        assert_gone(text, text.split(":")[1].strip(), forms=WHOLE)


def test_a_note_about_a_change_is_no_value():
    """
    A changelog says after the name of a part what was done to it.
    """
    parts = [
        "credential",
        "passwd.master",
        "update-passwd.8",
        "d/tests/smbk5pwd",
        "debian/secret",
        "credentials",
        "login/password",
    ]
    notes = [
        "sanitize the user prompt", "Add _apt user", "Document that", "Grant slapd access", "Fix a crash", "remove old code",
        "Update to 2.1", "Drop support", "rename the option", "Backport upstream patch", "disallow carriage returns", "Returns a connection token",
    ]  # fmt: skip
    for part, note in itertools.product(parts, notes):
        assert_untouched(f"  * {part}: {note}", forms=("raw",))
    for text in [
        "url-use-same-credentials-on-redirect.patch: Backport upstream",
        "abi-to-pin-pre-3.0-p.patch: refresh",
    ]:
        assert_untouched(text, forms=WHOLE)
    for value in ["Add", "updates", "moved7", "fix-it"]:
        assert_gone(f"password={value}", value, forms=("raw",))
        assert_gone(f"user: bob, password: {value} host: db", value, forms=("raw",))


def test_words_about_a_secret_at_the_end_of_its_key():
    """
    A specification, a rule, a life or a number of a secret is none.
    """
    ends = [
        "Spec",
        "ReusePrevention",
        "Policy",
        "Length",
        "Age",
        "Expiry",
        "Rotation",
        "Requirements",
        "Renewal",
        "ExpirationPeriod",
    ]
    for name, end in itertools.product(["CustomerMasterKey", "Password", "AccessKey", "Cookie"], ends):
        for value in ("12", "90", '"daily"', *['"SYMMETRIC_DEFAULT"'] * (end == "Spec")):
            assert_untouched(f'{{"{name}{end}":{value}}}', forms=("raw", "json"))


def test_the_working_directory_is_no_password():
    """
    `PWD` and `OLDPWD` hold a path in every form, and a password where they hold none.
    """
    for path in ["/", "/x", "/home/app/src", "/srv/app", "~/app", "C:\\\\app"]:
        for line in (
            '{{"OLDPWD":"{}"}}',
            '{{"env":{{"PWD":"{}","A":1}}}}',
            "{{'OLDPWD': '{}', 'PWD': '{}'}}",
            '{{"msg":"{{\\"PWD\\":\\"{}\\"}}"}}',
        ):
            if "\\" not in path or "\\" not in line:
                assert_untouched(line.replace("'{}'", f"'{path}'").format(*[path] * 2), forms=("raw",))
    for command in [
        "docker run -v {}:/tmp image",
        "docker run -v {}:/src -w /src image",
        "podman run --volume {}:/data:ro x",
    ]:
        for place in ('"$PWD"', "$PWD", '"$(pwd)"', '"${PWD}"', '"$PWD/x"', "'$PWD'"):
            assert_untouched(command.format(place), forms=WHOLE)
    for value in secrets(20, 12):
        assert_gone(f'{{"PWD":"{value}"}}', value, forms=("raw",))
        assert_gone(f'{{"pwd":"{value}","OLDPWD":"{value}"}}', value, forms=("raw",))


def test_a_mount_of_a_secret_is_no_value():
    """
    `docker` is told which secret is meant and where it is.
    """
    mounts = [
        "id=x",
        "id=npmrc,src=/root/.npmrc",
        "type=file,id=x",
        "source=site.conf,target=/etc/site.conf",
        "env=TOKEN,id=t",
    ]
    for mount in mounts:
        for line in (
            "docker build --secret {} .",
            "docker build --secret={} .",
            "buildah bud --secret {}",
            "docker service create --secret {} nginx",
        ):
            assert_untouched(line.format(mount), forms=WHOLE)
    for value in secrets(20, 14):
        assert_gone(f"app --secret {value} run", value, forms=WHOLE)


def test_digests_are_no_tokens():
    """
    A digest that begins as tokens of a service do is a digest.
    """
    for digits in ("EAAAD2EC99B15D0DCF0E29C7083E0A8C", "EAAA" + "0123456789ABCDEF" * 3 + "00112233AABB"):
        for name in ("MD5", "SHA256", "IMPHASH", "sha256", "Hashes: SHA1=ABCD,SHA256"):
            for sign in ("=", ": ", " "):
                assert_untouched(name + sign + digits, forms=WHOLE)
