"""Secrets in plain text: where a password ends, what only tells of one, and what stands between a key and its value."""

from __future__ import annotations

import itertools

import pytest
from redaction_forms import assert_gone, assert_untouched, secrets

from headrig import redact

WHOLE = ("raw", "json", "json_in_json")
"""Forms that keep the bytes of a text together."""

LOGIN_LINES = [
    "password={}",
    "db_passwd={} host=x",
    "login failed, pwd={}\tretry",
    "Passphrase: {} ok",
    "bob 12:01 PASSWORD={}\r",
]
TAILS = [
    ")&3", "]x", "}y", ">z", ",b", ";c", "&d", "|e", "'f", '"g', "`h", "),(j", "(k)l", "[m]n", "a,b;c&d", "<w|rd",
    "!)9", "$)&%", ")==", "};8", "]]2", "&&x", "a)b)c", '"),k', "<3", "<b", "->x", "::)y",
]  # fmt: skip


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("line", LOGIN_LINES)
def test_a_password_goes_to_the_blank(line, tail):
    """
    A password without quotes ends at a blank, whatever brackets, quotes and signs it holds.
    """
    password = "Tr0ub4dor" + tail
    assert_gone(line.format(password), "Tr0ub4dor", *[tail] * (len(tail) > 2), forms=WHOLE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("password=", "&next=/x"),
        ("https://a.io/?user=bob&password=", "&next=%2Fx&b=1"),
        ("https://a.io/?password=", "&amp;next=/x"),
        ("(password=", ")x"),
        ("login(user=bob, password=", ", port=1)"),
        ("Login(user=bob,password=", ",port=1)"),
        ("{password: ", "}"),
        ("{password:", ",user:bob}"),
        ("map[password:", "] 3"),
        ("&{Name:bob Password:", " Port:1}"),
        ("User{name=bob, password=", "}"),
        ("#<User name=bob password=", ">"),
        ("{ Name = bob, Password = ", " }"),
        ("[password=", "]"),
        ("f(g(password=", "),y=1)"),
        ("password=", ",user=bob"),
        ("password=", ", then we went on"),
        ("password=", "; see the manual"),
        ("Server=db;Password=", ";User ID=sa;"),
        ("Server=db;Password=", ";Initial Catalog=x"),
        ("Data Source=db;Pwd=", ";Integrated Security=False"),
        ("host=db;password=", ";user=bob"),
        ("'password=", "', 'next'"),
        ('curl -d "password=', '" https://a.io'),
        ("`password=", "` was given"),
        ("<td>password=", "</td><td>ok</td>"),
        ("password=", "<br>next"),
        ("password=", "|user=bob|ok=1"),
        ("password=", ");"),
        ("say 'can't', password=", ", ok"),
    ],
)
@pytest.mark.parametrize("password", ["hunter2hunter2", "Tr0ub4dor!", "p@$$w0rd-9"])
def test_what_comes_after_a_password_stays(before, after, password):
    """
    A bracket or quote that was opened before the key, a following `name=` and the punctuation of a sentence stay.
    """
    assert_gone(before + password + after, password, forms=("raw",))
    out = redact(before + password + after)
    assert before == out[: len(before)]
    assert "]" + after == out[-len(after) - 1 :]


def test_data_without_blanks_is_no_password():
    """
    What goes on for longer than anyone types is not taken for a password.
    """
    rest = ",".join(str(number) for number in range(100))
    assert f"password=[REDACTED:password],{rest}" == redact(f"password=x9,{rest}")


NAMES = ["password", "secret", "db_password", "api_key", "clientSecret", "Passphrase", "credentials", "auth_token"]
TYPES = [
    "str", "str | None", "Optional[str] = None", "Optional[SecretStr]", "SecretStr", "List[str]", "list[str] = []",
    "dict[str, str]", "Callable[[], str]", "String", "String,", "&str,", "Option<String>", "Option<Secret<String>>,",
    "Secret<String>", "SecretString;", "Vec<u8>", "Box<dyn Any>", "string", "string;", "string | null", "string | undefined;",
    "Promise<string>", "Array<string>", "String?", "String!", "String = null", "[]byte", "SecureString", "Option[String]",
    "Maybe<Password>", "Result<Token, Error>", "ProtectedString,", "char[]", "bytes", "Buffer;",
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), [*zip(itertools.cycle(NAMES), TYPES, strict=False)])
def test_a_type_is_no_value(name, kind):
    """
    The type of a member or an argument stays, in any language.
    """
    for line in (f"    {name}: {kind}", f"def f(self, {name}: {kind})", f"error in {name}: {kind}"):
        assert_untouched(line, forms=WHOLE)


REFERENCES = [
    "password = ?", "WHERE name = ? AND password = ?", "SET password=?, name=?", "password = $1", "password=:password",
    "password = :pwd AND", "password = @Password", "password = @p0", "password = %s", "password=%(password)s",
    "password=%1$s", "password={}", "password={0}", "password={password}", "password: {{ .Values.password }}",
    "password: {{ vault_db_password }}", "password=${DB_PASSWORD}", "password=$DB_PASSWORD", "password=#{pw}",
    "password=%{password}", "password: <password>", "password=<your-password>", "api_key: <YOUR_API_KEY>",
    "secret=<redacted>", "password=%PASSWORD%", "password=$(cat /run/secrets/pw)", "password=<%= @password %>",
    'password = os.environ["DB_PASSWORD"]', "password = ENV['PW']", 'password = os.Getenv("PW")', "password=getpass()",
    'password = input("Password: ")', 'password = request.getParameter("password")', "password = $_POST['password']",
    "password = params[:password]", "self.password = password", "this.token = token;", "self._secret = secret",
    "password = config.password", "const password = process.env.PASSWORD;", "password = settings.DB_PASSWORD",
    "$t.ProxyPass = $ProxyPass", "$password = $this->password;", "connect(user=user, password=password)",
    "password = new_password;", "const password = newPassword;", 'apiKey: process.env["API_KEY"],',
    "$Credential = [Management.Automation.PSCredential]::Empty", "api_key = os.getenv('API_KEY')", "password: args.password,",
    "secret = var.db_secret", "password = random_password.db.result.password", 'print("Password: ")', "password = load_secret(name)",
]  # fmt: skip


@pytest.mark.parametrize("line", REFERENCES)
def test_a_reference_is_no_value(line):
    """
    A variable, a parameter, a call, a template and a placeholder say where the secret is, not what.
    """
    assert_untouched(line, forms=WHOLE)
    assert_untouched(f"{line}  # line 12", forms=WHOLE)


@pytest.mark.parametrize("password", secrets(20, 14))
@pytest.mark.parametrize(
    "line",
    [
        'password = "{}"', "password: str = '{}'", 'password: Optional[str] = "{}"', 'secret: SecretStr = SecretStr("{}")',
        'let password: String = "{}";', "self.password = '{}'", 'password = hash("{}")', "const password = '{}';",
        "password = {}", "password={}", "password=correct.{}.battery", "password=${{PW:-{}}}", "password=${}",
        "password=@{}", "password=:{}", "password=%{}", "password: <{}>", "password=({})", "password=/{}/",
    ],
)  # fmt: skip
def test_a_literal_in_code_is_a_value(line, password):
    """
    What is written out is the secret, also beside types, calls and sigils.
    """
    assert_gone(line.format(password), password, forms=WHOLE)


@pytest.mark.parametrize("password", ["password1", "password123", "secret123", "correct.horse.battery", "$ecret1",
    "@dmin123", "P@ssw0rd", "hunter.two", "monkey(dog)", "my.dog.rex", "letmein", "changeme", "qwerty", "dragon", "iloveyou",
    "config1", "Self123", "user.name1", "getout", "opensesame", "string9", "/aB3/x9Kq+Zz", "a/b/c"])  # fmt: skip
@pytest.mark.parametrize("line", ["password={}", "db_password={} x", "password: {}", '{{"a":1}} passwd={}'])
def test_a_password_that_looks_like_code_goes(line, password):
    """
    A password that people choose may look like a name, a path or a call.
    """
    assert_gone(line.format(password), password, forms=WHOLE)


PATHS = [
    "/etc/x.pem", "/run/secrets/db", "/var/run/secrets/token", "~/.ssh/id_rsa", "./secret.txt", "../keys/a.key",
    "/home/app/.pgpass", "/Users/bob/key.pem", "C:\\keys\\a.pfx", "/opt/app/conf/secret.yml", "/tmp/pw", "/mnt/x/y",
    "file:/etc/pw", "arn:aws:secretsmanager:eu-west-1:1:secret:x", "vault:secret/data/db#pw", "op://vault/item/field",
    "/usr/lib/x", "/srv/keys/tls.key", "/root/.my.cnf", "/app/secret",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("line", ["secret: {}", "private_key={} loaded", "password={}", "PWD={}"])
def test_a_path_is_no_value(line, path):
    """
    A file or a store's entry that holds the secret is named, and the name stays.
    """
    if line != "PWD={}" or path.startswith(("/", "C:")):
        assert_untouched(line.format(path), forms=("raw",))


STATES = [
    "secrets=3 configmaps=4", "secrets: 12", "passwords=0", "cookies: 3", "cookies=5 bytes=100", "credentials=2",
    "token: 5/10", "recovery_codes=8", "secrets: 3/5 synced", "pin=GPIO17", "pin=D4", "led_pin: 13", "pin=PA5 mode=out",
    "credentials: include", "credentials: 'same-origin'", 'fetch(u, {credentials: "include"})', "credentials: omit",
    "secret=missing", "token=invalid", "password: changed by bob", "secret: rotated", "api_key=unset", "cookies=enabled",
    "--- PASS: TestParseQuery/a=1; (0.00s)", "PASS: test-pinger_2", "credentials=optional", "password: allowed",
    "password -> reset",
]  # fmt: skip


@pytest.mark.parametrize("line", STATES)
def test_counts_and_states_are_no_values(line):
    """
    How many secrets there are, in what state one is and which pin of a chip is meant stays.
    """
    assert_untouched(line, forms=WHOLE)


@pytest.mark.parametrize(
    "word", ["changed", "expired", "wrong", "invalid", "valid", "optional", "set", "found", "strict"]
)
@pytest.mark.parametrize(
    "line", ["password={}", "db_password={} user=5", "passwd={}", "?user=bob&pwd={}", "(password={})"]
)
def test_a_word_right_after_the_sign_of_a_password_goes(line, word):
    """
    A state is told after a blank; without one the word is the password.
    """
    assert_gone(line.format(word), word, forms=("raw",))


@pytest.mark.parametrize("secret", ["abcdefghijk", *secrets(4, 18)])
@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer {} def", "authorization: Basic {} and more", "Proxy-Authorization: Bearer {} x y",
        "Authorization: Token {} of the user", "> Authorization: Bearer {} (old)", "Cookie: sid={}; theme=dark",
        "Cookie: user.token={}; a=b", "cookie: auth.sid={}", "Set-Cookie: config.sid={}; Path=/", "Cookie: session.id={} end of it",
    ],
)  # fmt: skip
def test_headers_go_whatever_words_follow(line, secret):
    """
    The credentials of a header are no prose and no code.
    """
    assert_gone(line.format(secret), secret, forms=WHOLE)


@pytest.mark.parametrize("value", ["1234", "48291", "0000", "739201", "1234567", "87654321"])
@pytest.mark.parametrize("line", ["pin={}", "PIN: {} ok", "card_pin={}", "password={}", "secret={}", "otp={}"])
def test_a_number_under_one_secret_goes(line, value):
    """
    A number is a secret where one secret is named.
    """
    assert_gone(line.format(value), value, forms=WHOLE)


MARKUP = [
    "**password**: {}", "**password:** {}", "**Password** = {}", "*password*: {}", "***password***: {}", "`password`: {}",
    "`password` = {}", "- `db_password`: `{}`", "* **API key**: {}", "__password__: {}", "<b>password</b>: {}",
    "<b>password:</b> {}", "<strong>Password</strong> : {}", "<td>Password:</td> {}", "<i>secret</i>={}", "<code>password</code>: {}",
    "password\u00a0: {}", "password:\u00a0{}", "password\u200b: {}", "password\u3000: {}", "password -> {}", "password --> {}",
    "password ==> {}", "db_password => {}", "secret -> {} (new)", "Username:bob/Password:{}", "user: bob/password: {}",
    "login:bob/pwd:{} ok", "email=a/b password->{}",
]  # fmt: skip


@pytest.mark.parametrize("line", MARKUP[:-1])
@pytest.mark.parametrize("value", ["hunter2hunter2", *secrets(3, 18)])
def test_markup_between_key_and_value(line, value):
    """
    Markdown, tags, blanks of Unicode, arrows and slashes stand between a key and its value.
    """
    assert_gone(line.format(value), value, forms=WHOLE)


@pytest.mark.parametrize(
    "line",
    [
        "user->password == NULL", "fn password() -> String", "x >= 8 and secret >= 7", "GET /x -> 200", "a -> b -> c",
        "registry:5000/secret:1.2", "localhost:5000/token:latest", "image/password:v2", "**Note**: a word", "`x`: y",
        "<b>Total</b>: 12", "</td>: x", "*token*: see below", "`secret`: required", "**password**: must be set",
        "token -> parse_value", "state: locked -> open", "author -> bob", "* secret rotation: weekly", "password -> String",
        "foo::password::verify", "* x: 1", "password strength -> weak",
    ],
)  # fmt: skip
def test_markup_without_a_secret_stays(line):
    """
    Arrows, bold words and paths beside ordinary words stay.
    """
    assert_untouched(line, forms=WHOLE)


WORDS = ["correcthorsebattery", "opensesameplease", "letmeinletmein", "hunterhunterhunter", "abcdefghijkl"]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    "line",
    [
        "/u?token={}",
        "GET https://a.io/x?a=1&token={}&b=2",
        "/reset?reset_token={} 200",
        "/i?inviteToken={}#top",
        "?x=1&amp;token={}",
    ],
)
def test_a_token_of_a_query_goes(line, word):
    """
    A token in the query of a URL is one even if it looks like words.
    """
    assert_gone(line.format(word), word, forms=WHOLE)


@pytest.mark.parametrize("word", [*WORDS, "eyJhbGciOi"])
@pytest.mark.parametrize("line", ["/u?next_page_token={}", "/u?token_type={}", "/u?page={}", "/u/token/{}"])
def test_what_is_no_token_of_a_query_stays(line, word):
    """
    A page's token, a type and a path's part are no secrets.
    """
    assert_untouched(line.format(word), forms=WHOLE)


@pytest.mark.parametrize(
    "line",
    [
        "| user | password | email |", " id | name | password | created_at", "| password | string | required |",
        "(password|secret|token)", "--auth none | password | token", "| password | The password to use. |", "a | b | c",
        "cat secret | wc -l", "grep password | sort | uniq -c", "| token | count |", "| secrets | 12 |", "| api_key | yes |",
        "│ password │ text │", "a → b → c", "password → reset", "x » y", "密码", "| id | token | expires_at |", "{a|b} | {c}",
        "auth: basic | bearer | none", "| Password | SHA-256 |", "password|username|email",
    ],
)  # fmt: skip
def test_tables_without_a_secret_stay(line):
    """
    A row of names, a manual's row, a pipe of programs, alternatives and arrows hold no secret.
    """
    assert_untouched(line, forms=WHOLE)


FALLBACKS = [
    "password = os.environ.get('X') or '{}'", 'password = os.environ["X"] or "{}"', "password = process.env.X || '{}';",
    'const password = process.env.X ?? "{}";', "password: process.env.X || process.env.Y || '{}',",
    "self.password = password or '{}'", "password = args.password if args.password else '{}'",
    'password = cfg.password ? cfg.password : "{}";', "$password = $config['password'] ?: '{}';", "password = ENV['X'] || '{}'",
    "password: ENV.fetch('X') {{ '{}' }}", "password = os.environ.get('X', '{}')", 'password = os.getenv("X", "{}")',
    "password = env('X', default='{}')", "'password' => env('X', '{}'),", "password: ENV.fetch('X', '{}')",
    "password: <%= ENV['X'] || '{}' %>", "password: {{{{ lookup('env', 'X') | default('{}') }}}}",
    'password: {{{{ .Values.password | default "{}" }}}}', "password: <%= ENV.fetch('X') {{ '{}' }} %>",
]  # fmt: skip


@pytest.mark.parametrize("password", ["hunter2x9", "changeit", *secrets(3, 14)])
@pytest.mark.parametrize("line", FALLBACKS)
def test_a_literal_behind_a_reference_is_a_value(line, password):
    """
    What code takes where a variable is not set is written out, and goes.
    """
    assert_gone(line.format(password), password, forms=WHOLE)
    assert_gone(line.format(password) + "  # line 12", password, forms=WHOLE)


@pytest.mark.parametrize(
    "line",
    [
        "password = os.environ.get('X') or None", "password = process.env.X || process.env.Y;", "password = args.password or ''",
        "password = process.env.X || undefined;", "password = config.get('db', 'password')", "password = os.getenv('X', '')",
        "password = os.environ['X'] or die('not set')", "password = cfg.password ? cfg.password : null;",
        "password = self.password if self.password else None", "password: {{ x | default(omit) }}", "password: {{ x | default('') }}",
        "password: {{ lookup('env', 'PASSWORD') }}", "password = os.environ['X'], 'next'", "password: <%= ENV['X'] || @password %>",
        "password = os.getenv('X', None)", "password = process.env.X || await ask('Which one?');",
        "password = $this->password ?: $other;", 'password: {{ required "A value is required" .Values.password }}',
        "password = os.environ['X'] # or 'y'", "password = params[:password] || params[:pw]",
    ],
)  # fmt: skip
def test_a_fallback_that_is_no_literal_stays(line):
    """
    Another variable, a call, nothing and an empty string instead of a variable are no secrets.
    """
    assert_untouched(line, forms=WHOLE)
