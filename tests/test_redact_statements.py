"""Passwords of SQL, commands, protocols and URLs, and behind labels of notes: no `key=value` says that one comes."""

from __future__ import annotations

import pytest
from redaction_forms import FORMS, assert_gone, assert_untouched, secrets

LINES = set(FORMS) - {"percent"}
"""A statement or a command is not the value of a URL's parameter."""
PASSWORDS = [*secrets(14, 14), *secrets(4, 24), "hunter2hunter2", "s3cr3t!pw"]
COMPLEX = [
    f"{head}{tail}"
    for head in ("Ihq", "Prl2", "Winter", "xY", "pA")
    for tail in ("Sb1Gg7", "23Db#q", "2K26wq", "9mK81wP")
]
"""As policies ask for them: capitals, small letters, digits."""
STATEMENTS = """
ALTER USER 'bob'@'localhost' IDENTIFIED BY '{}';
create user bob identified by '{}' --
ALTER USER 'root'@'%' IDENTIFIED WITH mysql_native_password BY '{}';
ALTER USER bob IDENTIFIED BY {};
CREATE USER bob ACCOUNT UNLOCK IDENTIFIED BY {}
CREATE ROLE bob LOGIN PASSWORD '{}'
CREATE USER bob WITH ENCRYPTED PASSWORD '{}' VALID UNTIL 'infinity'
create user bob with password '{}';
SET PASSWORD FOR 'bob'@'localhost' = PASSWORD('{}');
UPDATE mysql.user SET authentication_string = PASSWORD ('{}') WHERE User = 'bob';
CREATE USER MAPPING FOR bob SERVER x OPTIONS (user 'bob', password '{}');
INSERT INTO users (name, password) VALUES ('bob', '{}')
insert into `users` (`id`, `password`, `name`) values (7, '{}', 'bob'), (8, NULL, 'eve')
PRAGMA key = '{}';
define("DB_PASSWORD", "{}", true);
ldaps://x:389 bind 'cn=x' pass '{}'
credentials { username "bob" password "{}" }
""".strip().splitlines()
ORDINARY_STATEMENTS = """
ALTER USER bob IDENTIFIED BY ?
CREATE USER bob IDENTIFIED WITH auth_socket
CREATE ROLE bob PASSWORD NULL
SELECT password FROM users WHERE id = 7
ALTER USER bob WITH PASSWORD '%s'
the row is identified by the host name
ordered by 'name' as 'first'
PRAGMA key_count
INSERT INTO logs (level, message) VALUES ('info', 'password')
INSERT INTO users (name, password) VALUES (?, ?)
the password 'field' is empty
secret "default-token-x7d2f" not found
unknown key "maxRetries" in section "auth"
key "users/7/avatar.png" not found
""".strip().splitlines()
COMMANDS = """
sshpass -p '{}' ssh bob@x
sshpass -p "{}" scp a b:
mysql -u root -p'{}' shop
docker login -u bob -p "{}" registry.example
redis-cli -h cache -a '{}' ping
ldapsearch -x -D cn=admin -w '{}' -b dc=x
plink -ssh bob@x -pw "{}" id
openssl pkcs12 -in a.p12 -passin pass:{} -nodes
kubectl create secret generic db --from-literal=pw={}
curl https://localhost --tlspassword {} -v
wget --user bob:{} x
""".strip().splitlines()
ORDINARY_COMMANDS = """
mysql -u root -p shop
mysqld: ready for connections, port 3306
docker login -u bob --password-stdin registry.example
docker run -p "8080:80" nginx
mkdir -p 'build dir'
cp -a "x" y
redis-cli -h cache -p 6380 ping
openssl x509 -in a.pem -noout
docker run --user 1000:1000 x
kubectl create configmap x --from-literal=level=debug
ssh -p 2222 host
""".strip().splitlines()
PROTOCOLS = """
USER bob PASS {}
> PASS {}
AUTH {}
"AUTH" "{}"
C: a1 LOGIN bob {}
PRIVMSG NickServ :IDENTIFY {}
""".strip().splitlines()
ORDINARY_PROTOCOLS = """
250-AUTH PLAIN LOGIN CRAM-MD5
250 AUTH LOGIN OAUTHBEARER
AUTH failed for bob
AUTH TLS
PASS tests/test_x.py
PASS src/app2.test.js
PASS 12
--- PASS: TestAlloc (0.00s)
PASS test_login_2
LOGIN page
LOGIN failed for bob
a1 OK LOGIN completed
NickServ identify failed
""".strip().splitlines()
LABELS = """
Password {} of the router
| password | {} |
|Password|{}|
│ password │ {} │
│ Passwd        │ {} │
password → {}
password\uff1a{}
passphrase » {}
PASSWORD({})
bob@192.0.2.1 (password {})
ID-master / PASS - {}
ID-master/PASS-{}
username-master password-{}
password for master:{}
ID:master/PASS:{}
Username:master/Password:{}
192.0.2.1/pw:{}
ID/PW:master/{}
user/pass:master/{}
ID master PWD {}
PW {}
""".strip().splitlines()
TOKEN_LABELS = """
eventbrite token {}
Yahoo Client Secret {}
my-token {}
Secret key {}
ACCESS_KEY {}
ran aws configure set aws_secret_access_key {}
licenseKey "{}"
""".strip().splitlines()
ORDINARY_LABELS = """
token refresh failed
password reset requested by user 5
the secret manager in eu-west-1
Access key ID/secret key
password or token
Failed password for invalid user admin from 192.0.2.1 port 22 ssh2
password authentication for bob, version 12
reset password Bob1@mail.example.com
Unexpected token Base64UrlSafeEncoder at 12:3
secret default-token-x7d2f created
at com.example.Password(Password.java:12)
librust-password-hash-0+alloc-dev
exit code is 4829
OTP 2 of 3
""".strip().splitlines()
PARAMETERS = """
GET /cb?code={}&state=x HTTP/1.1
GET /cb?state=x&code=4/0AX{}
GET /x?sid={} HTTP/1.1
GET /x?session_id={}
https://storage.example/b/o?Expires=1700000000&Signature={}
https://x.blob.example/c?sv=2021&sp=r&sig={}%3D
""".strip().splitlines()
ORDINARY_PARAMETERS = """
GET /x?code=404
GET /x?code=US&sid=1
GET /x?code=ERR_CONNECTION_REFUSED
GET /x?sid=demo-session-of-tests
GET /x?token=12
GET /x?token=refresh
exit code=0123456789abcdef0123
""".strip().splitlines()


@pytest.mark.parametrize("template", STATEMENTS + COMMANDS + PROTOCOLS)
def test_a_password_of_a_statement_is_gone(template):
    """
    Each of 20 passwords is gone from the statement, command or line of a protocol.
    """
    assert len(PASSWORDS) == 20
    for password in PASSWORDS:
        assert_gone(template.replace("{}", password), password, forms=LINES)


@pytest.mark.parametrize("template", LABELS)
def test_a_complex_password_behind_a_label_is_gone(template):
    """
    Each of 20 passwords of capitals, small letters and digits is gone behind a label without a sign of `key=value`.
    """
    assert len(COMPLEX) == 20
    for password in COMPLEX:
        assert_gone(template.replace("{}", password), password, forms=LINES)


@pytest.mark.parametrize("template", TOKEN_LABELS)
def test_a_random_token_behind_a_label_is_gone(template):
    """
    Each of 20 random values is gone behind a word for a token and a blank.
    """
    for token in [f"9{value}7x4" for value in secrets(20, 24)]:
        assert_gone(template.replace("{}", token), token, forms=LINES)


@pytest.mark.parametrize("template", PARAMETERS)
def test_a_random_parameter_of_a_url_is_gone(template):
    """
    Each of 20 random values is gone under a name that says nothing elsewhere.
    """
    for value in secrets(20, 32):
        assert_gone(template.replace("{}", value), value, forms=set(FORMS) - {"percent"})


def test_a_token_of_a_link_may_be_a_word():
    """
    Whoever has the link may do what it says, so a parameter `token` goes even if it looks like a word.
    """
    for word in ("correcthorsebattery", "swordfishswordfish"):
        assert_gone(f"GET /u?token={word} HTTP/1.1", word, forms=LINES)


@pytest.mark.parametrize("number", [482910 + 7919 * step for step in range(20)])
def test_a_code_for_one_login_is_gone(number):
    """
    A code that a message tells is gone, in one group or two.
    """
    for text in (f"Your OTP is {number}", f"otp code: {number}", f"the passcode for bob is {number}"):
        assert_gone(text, str(number), forms=LINES)


@pytest.mark.parametrize(
    "text",
    ORDINARY_STATEMENTS + ORDINARY_COMMANDS + ORDINARY_PROTOCOLS + ORDINARY_LABELS + ORDINARY_PARAMETERS,
)
def test_what_looks_like_it_stays(text):
    """
    Statements without a password, other commands, answers of servers and sentences come out byte for byte, alone and
    with a time before.
    """
    assert_untouched(text)
    assert_untouched("12:00:01 " + text)


def test_the_tag_of_an_image_stays():
    """
    What follows a path and a colon is a tag, unless it is what only a password looks like.
    """
    assert_untouched("library/password:1.2.3 pulled", forms=LINES)
