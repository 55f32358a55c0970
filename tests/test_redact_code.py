"""Passwords in code, in configuration files and of network devices, where no `key=value` says that one comes."""

from __future__ import annotations

import pytest
from redaction_forms import FORMS, assert_gone, assert_untouched, filtered, secrets

import headrig

LINES = set(FORMS) - {"percent"}
"""Code is not the value of a URL's parameter."""
PASSWORDS = [*secrets(16, 14), *secrets(3, 40), "hunter2hunter2"]
WORDS = ["correcthorse", "swordfish", "tangerine", "wintermute", "mellon"] * 4
"""As people choose them: small letters alone."""
CALLS = """
DriverManager.getConnection(url, "bob", "{}")
DriverManager.getConnection(url(a, b), 'bob', '{}');
new NetworkCredential("bob", "{}")
HTTPBasicAuth("bob","{}")
requests.auth.HTTPDigestAuth('bob', '{}')
r.SetBasicAuth("bob", "{}")
cfg.setPassword("{}");
Config().withPassword("{}")
password_hash('{}', PASSWORD_DEFAULT)
new PDO($dsn, 'bob', '{}')
mysqli_connect("db", "bob", "{}", "shop")
db.connect(os.getenv("DB_PASSWORD") or "{}")
connect(getenv(DB_PASSWORD, "{}"))
define("DB_PASSWORD", getenv('DB_PASSWORD') ? getenv('DB_PASSWORD') : "{}");
""".strip().splitlines()
LOGIN_CALLS = """
requests.get(u, auth=("bob","{}"))
smtp.login("bob", "{}")
MySQLdb.connect("db", "bob", "{}", "shop")
Dim password As String = "{}"
password=$(cat /run/x || echo {})
db.password={}
""".strip().splitlines()
LOGINS = """
machine x.io login bob password {}
machine x.io login bob password {} account x
username bob password {}
username bob privilege 15 secret {}
 neighbor 192.0.2.1 password {}
enable password {}
ENV DB_PASSWORD {}
Connect-X -User bob -Password {}
snmp-server community {} RO
snmp-server host 192.0.2.1 version 2c {}
SNMP community string: {}
tacacs-server host 192.0.2.1 key {}
crypto isakmp key {} address 192.0.2.1
""".strip("\n").splitlines()
ORDINARY = """
print("connected to", "db")
log.info("a", "b", 'c')
getConnection("jdbc:x", props)
smtp.login("bob", "started")
user.login('x', 'redirect')
auth=("bob", "password")
os.getenv("HOME", "/root")
os.getenv("LEVEL") or "info"
x ? f("a") : "b"
setPassword("%s")
setPassword("")
HTTPBasicAuth(user, password)
HTTPBasicAuth("{user}", "{password}")
token = os.environ.get("X") or default
token = request.token or 'anonymous'
app.auth.password:118
for user bob password authentication failed
unknown user or password incorrect
support username and password authentication.
user login password required
snmp-server enable traps
erlang-snmp 1:25.2.3+dfsg-1
tacacs-server host 192.0.2.1
password=$(cat /run/secrets/x)
""".strip().splitlines()


@pytest.mark.parametrize("template", CALLS)
def test_a_password_among_the_arguments_of_a_call_is_gone(template):
    """
    Each of 20 passwords is gone, a word among them as well, for the name of the function says what it is.
    """
    assert len(PASSWORDS) == len(WORDS) == 20
    for password in PASSWORDS + WORDS:
        assert_gone(template.replace("{}", password), password, forms=LINES)


@pytest.mark.parametrize("template", LOGIN_CALLS)
def test_a_password_that_is_no_word_is_gone(template):
    """
    Each of 20 passwords is gone where something else may stand as well.
    """
    for password in PASSWORDS:
        assert_gone(template.replace("{}", password), password, forms=LINES)


@pytest.mark.parametrize("template", LOGINS)
def test_a_password_behind_a_login_is_gone(template):
    """
    Each of 20 passwords and words is gone behind what tells that one comes.
    """
    for password in PASSWORDS + WORDS:
        assert_gone(template.replace("{}", password), password, forms=LINES - {"coloured", "coloured_json"})


@pytest.mark.parametrize("word", WORDS[:5] + PASSWORDS[:15])
def test_netrc_over_several_lines(word):
    """
    Passwords of netrc(5) are gone on lines of their own, in one message too, and however the line ends are escaped.
    """
    text = f"machine x.io\n  login bob\n  password {word}\nmachine y.io\n"
    assert_gone(text, word, forms={"json", "json_in_json", "indented"})


@pytest.mark.parametrize("word", [*WORDS[:5], "password", "SOME_PASSWORD", *PASSWORDS[:13]])
def test_a_line_of_its_own_holds_any_password(word):
    """
    What stands in quotes behind the word alone on its line is a password even if it looks like a name.
    """
    for template in ("credentials {\n    username 'user'\n    password '{}'\n}", 'x {\n  storePassword "{}"\n}'):
        for door in (filtered, headrig.redact):
            out = door(FORMS["json"](template.replace("{}", word)))
            assert f"'{word}'" not in out
            assert f'\\"{word}\\"' not in out


@pytest.mark.parametrize("number", [10_000 + 4_211 * step for step in range(20)])
def test_a_password_may_be_a_number(number):
    """
    A number of five digits behind a password is no line of a module.
    """
    assert_gone(f"db.password:{number}", str(number), forms=LINES)


@pytest.mark.parametrize("token", secrets(20, 24))
def test_the_literal_in_the_place_of_a_token_is_gone(token):
    """
    A random literal behind a reference is gone even under a key that says little.
    """
    for text in ("token = env.X or '{}'", 'token = os.environ.get("X", "{}")', "token = process.env.X || '{}'"):
        assert_gone(text.replace("{}", token), token, forms=LINES)


@pytest.mark.parametrize("text", ORDINARY)
def test_what_looks_like_it_stays(text):
    """
    Other calls, sentences and lines of configurations come out byte for byte.
    """
    assert_untouched(text, forms=LINES)
