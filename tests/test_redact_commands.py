"""Passwords among the arguments of programs, each known by the program's own option, with and without quotes."""

from __future__ import annotations

import pytest
from redaction_forms import FORMS, assert_gone, assert_untouched, secrets

LINES = set(FORMS) - {"percent"}
"""A command is not the value of a URL's parameter."""
PASSWORDS = [*secrets(15, 14), *secrets(3, 40), "hunter2hunter2", "correcthorse"]
COMMANDS = r"""
mysql -h db -u root -p{} shop
/usr/bin/mysqldump -u root -p'{}' shop
sshpass -p {} ssh bob@host
sshpass -p"{}" ssh bob@host
mongo -u bob -p {} shop
cmd.exe /C PSEXEC \\192.0.2.1 -u Administrator -p {} CMD /C ECHO
PsExec64.exe \\host -u bob -p {} cmd
redis-cli -h cache -a {} ping
ldapsearch -x -D cn=admin -w {} -b dc=x
docker login -u bob -p {} registry.example
az login -u bob -p {}
smbclient //host/share -U bob%{} -c ls
sqlcmd -S db -U sa -P {} -Q x
mosquitto_pub -u bob -P {} -t x
zip -P {} x.zip a
7z x -p{} x.7z
plink -ssh bob@host -pw {} ls
curl -s -u bob:{} https://x
lftp -u bob,{} host
snmpwalk -v 2c -c {} 192.0.2.1 system
snmpget -v 3 -u bob -l authPriv -a SHA -A {} -x AES -X {} host
openssl enc -aes-256-cbc -k {} -in a
keytool -list -storepass {} -keystore x
jarsigner -storepass "{}" -keypass {} x.jar a
nohup sleep 1; ssh-keygen -t ed25519 -N {} -f k
""".strip().splitlines()
ORDINARY = r"""
mysql -u root -p shop
mysqld --version; mkdir -p x/build
tar -C /var/lib/mysql/ -pcf all.tar x
docker run -p 8080:80 nginx
ssh login -p 2222
ssh -p 2222 host && sshpass -V
redis-cli -h cache -p 6380 ping
cp -a x y | tee log
ls -a build; grep -c main x.c
python -c pass
openssl version -d
ps -u bob -p 4711
git -c user.name=x commit -a
curl -X POST -A agent/1.0 https://x
snmpwalk -v 2c -c $COMMUNITY host
sshpass -p <password> ssh host
cargo test -p headrig-core
useradd -c comment -u 1001 bob
zip -r x.zip -x y
""".strip().splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_password_of_a_program_is_gone(command):
    """
    Each of 20 passwords is gone behind the option of the program, whatever they look like.
    """
    assert len(PASSWORDS) == 20
    for password in PASSWORDS:
        assert_gone(command.replace("{}", password), password, forms=LINES)


@pytest.mark.parametrize("token", secrets(20, 16))
def test_a_token_instead_of_a_name_is_gone(token):
    """
    Curl's user may be a token without a password, in quotes and before more arguments, too.
    """
    for command in ("curl -u {}: https://x", 'curl -u "{}:" https://x', "curl https://x --user '{}:' -s"):
        assert_gone(command.replace("{}", token), token, forms=LINES)


@pytest.mark.parametrize("command", ORDINARY)
def test_other_options_of_the_same_letter_stay(command):
    """
    The letter means something else to other programs, alone, with a time before, and behind `sudo`.
    """
    for before in ("", "12:00:01 ran ", "sudo "):
        assert_untouched(before + command)
